"""A design on the report's page is a run file: it runs, and answers what the page says."""

import base64
import json
import re
import subprocess

import pytest

from archsim.cli import main

pytestmark = pytest.mark.system

RUN = """\
workload: {op: gemm, m: 32, n: 48, k: 32, dtype: int8}
device: os_8x8_int8
sweep:
  device.array.rows: [4, 8]
  device.clock.frequency_hz: [123456789.125, 3.1e8]
minimize: [latency_us, dsp]
constraints: {dsp: {max: 60}}
"""
PROBE = """<script>setTimeout(() => {
  const say = (name, text) =>
    document.body.setAttribute("data-" + name, btoa(unescape(encodeURIComponent(text))));
  const picked = DATA.axes[1].index.indexOf(DATA.axes[1].values.indexOf(123456789.125));
  pick(picked);
  STATE.brushed = [0, 1, 2];
  say("key", designKey(picked));
  say("design", document.getElementById("design-yaml").textContent);
  say("brush", brushedRun());
}, 2000);</script></body>"""
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--virtual-time-budget=15000", "--dump-dom",
)  # fmt: skip


def points(folder):
    return json.loads((folder / "results.json").read_text())["points"]


def test_designs_of_the_page_run_again(tmp_path, require_system):
    chromium = require_system("chromium")
    (tmp_path / "run.yaml").write_text(RUN)
    assert main(["run", str(tmp_path / "run.yaml"), "--output", str(tmp_path / "out")]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    (tmp_path / "page.html").write_text(page.replace("</body>", PROBE), encoding="utf-8")
    words = [f"--user-data-dir={tmp_path / 'chrome'}", (tmp_path / "page.html").as_uri()]
    done = subprocess.run(
        [chromium, *FLAGS, *words], capture_output=True, text=True, timeout=120, check=True
    )
    found = {
        name: base64.b64decode(text).decode()
        for name, text in re.findall(r'data-(key|design|brush)="([^"]*)"', done.stdout)
    }
    (wanted,) = (p for p in points(tmp_path / "out") if p["key"].startswith(found["key"]))
    for name, count in (("design", 1), ("brush", 3)):
        (tmp_path / f"{name}.yaml").write_text(found[name], encoding="utf-8")
        out = tmp_path / name
        assert main(["run", str(tmp_path / f"{name}.yaml"), "--output", str(out)]) == 0
        again = points(out)
        assert len(again) == count
    (alone,) = points(tmp_path / "design")
    assert alone["metrics"]["latency_us"] == wanted["metrics"]["latency_us"]
    assert alone["metrics"]["dsp"] == wanted["metrics"]["dsp"]
    answers = {
        json.dumps(p["overrides"], sort_keys=True): p["metrics"] for p in points(tmp_path / "out")
    }
    for point in points(tmp_path / "brush"):
        assert answers[json.dumps(point["overrides"], sort_keys=True)] == point["metrics"]
