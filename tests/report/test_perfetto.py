"""Every machine's timeline in Perfetto's own trace processor: nothing dropped, nothing flagged."""

import json
import shutil

import pytest
from perfetto_ui import perfetto_ui, rows

from archsim.cli import main

pytestmark = [pytest.mark.system, pytest.mark.slow]

RUNS = {
    "gpu": "workload: {model: vit_base_patch16_224, batch: 1, dtype: fp16}\ndevice: h200\n",
    "array": "workload: {op: bmm, b: 12, m: 197, n: 197, k: 64, dtype: int8}\n"
    "device: os_16x16_int8\n",
    "edgemoe": "workload: {model: m3vit}\ndevice: edgemoe_fast\n",
    "ngpc": "workload: {model: nerf_frame, pixels: 207360}\ndevice: paper_64\n",
}

KERNEL = """
from numba import cuda
import numpy as np
@cuda.jit
def scale(x):
    i = cuda.grid(1)
    x[i] = x[i] * np.float32(2)
def cases(rng):
    yield "scale", scale, 264, 128, (rng.random(264 * 128, dtype=np.float32),)
"""


@pytest.mark.parametrize("name", [*RUNS, "kernel"])
def test_the_trace_processor_takes_every_event(name, tmp_path):
    line = tmp_path / "t.json"
    if name == "kernel":
        (tmp_path / "mine.py").write_text(KERNEL)
        words = ["kernel", str(tmp_path / "mine.py"), "--device", "h200"]
    else:
        (tmp_path / "run.yaml").write_text(RUNS[name] + "minimize: [latency_us]\n")
        words = ["run", str(tmp_path / "run.yaml"), "--output", str(tmp_path / "out")]
    assert main([*words, "--timeline", str(line)]) == 0
    events = json.loads(line.read_text())["traceEvents"]
    pieces = [event for event in events if event["ph"] == "X"]
    tracks = {(e["pid"], e["tid"]) for e in pieces}
    named = [e["args"]["name"] for e in events if e["name"] == "thread_name"]
    with perfetto_ui(line, tmp_path, shutil.which("chromium") or "chromium") as browser:
        flags = rows(browser, "select name, value from stats where value and severity != 'info'")
        assert flags == []
        assert rows(browser, "select count(*), max(ts + dur) - min(ts) from slice") == [
            [len(pieces), round(1000 * max(e["ts"] + e["dur"] for e in pieces))]
        ]
        assert rows(browser, "select count(*) from (select distinct track_id from slice)") == [
            [len(tracks)]
        ]
        threads = rows(browser, "select name from thread where name is not null order by tid")
        assert [track for (track,) in threads] == named
        assert rows(browser, "select count(*) from thread where is_main_thread and name > ''") == [
            [0]
        ]
        counted = sum(event["ph"] == "C" for event in events)
        assert rows(browser, "select count(*) from counter") == [[counted]]
    if name == "array":
        assert counted
