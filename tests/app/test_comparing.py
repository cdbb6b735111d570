import json
import subprocess

import pytest

from archsim.app.comparing import compare
from archsim.cli import main

RUN = """
workload: {{op: gemm, m: 64, n: {n}, k: 64, dtype: int8}}
device: os_4x4_int8
sweep:
  device.array.rows: {rows}
  device.memory.bytes_per_cycle: [4, 8]
minimize: [latency_us, energy_j]
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs whose spaces share four designs; the second has twice the columns of results."""
    folder = tmp_path_factory.mktemp("runs")
    for name, n, rows in (("one", 64, [4, 8, 16]), ("two", 128, [8, 16, 32])):
        (folder / f"{name}.yaml").write_text(RUN.format(n=n, rows=rows))
        assert main(["run", str(folder / f"{name}.yaml"), "--output", str(folder / name)]) == 0
    return folder


def points(folder):
    found = json.loads((folder / "results.json").read_text())["points"]
    return {json.dumps(p["overrides"], sort_keys=True): p["metrics"] for p in found}


def test_common_designs_ratios_and_fronts(runs):
    found = compare(runs / "one", runs / "two")
    first, second = points(runs / "one"), points(runs / "two")
    both = first.keys() & second.keys()
    assert len(both) == 4
    assert found.only == (2, 2)
    latency = [second[k]["latency_us"] / first[k]["latency_us"] for k in both]
    product = 1.0
    for value in latency:
        product *= value
    (ratio, _) = found.ratios
    assert (ratio.name, ratio.points) == ("latency_us", 4)
    assert ratio.mean == pytest.approx(product**0.25)
    assert (ratio.least, ratio.most) == pytest.approx((min(latency), max(latency)))
    best = min(first.values(), key=lambda m: (m["latency_us"], m["energy_j"]))
    assert found.sides[0].best["metrics"] == best
    assert ("workload.n", 64, 128) in found.changes
    assert [change[0] for change in found.changes] == ["workload.n"]
    # work of twice the size is never on the front of both, which is therefore the first one's
    assert found.joint == (len(found.sides[0].front), 0)
    assert found.hypervolume[0] == pytest.approx(1.0)
    assert 0 <= found.hypervolume[1] < 1
    (row,) = found.operators
    assert row[1:] == tuple(side.operators[0]["us"] for side in found.sides)


def test_a_run_equals_itself(runs):
    found = compare(runs / "one", runs / "one")
    assert found.only == (0, 0)
    assert all(r.mean == pytest.approx(1) and r.least == r.most == 1 for r in found.ratios)
    assert found.hypervolume == pytest.approx((1, 1))
    assert not found.changes
    assert found.sides[0].name != "" and found.sides[0].front == found.sides[1].front


def test_verb_prints_and_writes(runs, tmp_path, capsys):
    page, data = tmp_path / "deep" / "c.html", tmp_path / "c.json"
    words = ["compare", str(runs / "one"), str(runs / "two")]
    assert main([*words, "--output", str(page), "--json", str(data)]) == 0
    text = capsys.readouterr().out
    assert "Designs in both: 4; only in the first 2, only in the second 2" in text
    assert "workload.n: 64 → 128" in text
    assert json.loads(data.read_text())["only"] == [2, 2]
    assert "</html>" in page.read_text()


def test_the_page_shows_itself_in_a_browser(runs, tmp_path, require_system):
    page = tmp_path / "c.html"
    assert main(["compare", str(runs / "one"), str(runs / "two"), "--output", str(page)]) == 0
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run "
        "--disable-component-update --disable-sync --virtual-time-budget=20000 --dump-dom"
    )
    words = [require_system("chromium"), *flags.split(), f"--user-data-dir={tmp_path / 'user'}"]
    done = subprocess.run(
        [*words, page.as_uri()], check=True, capture_output=True, text=True, timeout=120
    )
    assert "4 designs were evaluated in both runs" in done.stdout
    assert "workload.n" in done.stdout.split('id="changes-table"')[1]
    assert "plotly" in done.stdout.split('id="common-chart"')[1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["one", "nothing"], "nothing must be the output folder of a finished run"),
        (["one", "one.yaml"], "must be the output folder of a finished run"),
        (["one", "two", "--output", "one.yaml/x.html"], "--output: one.yaml/x.html must be a file"),
    ],
)
def test_bad_folders_are_one_sentence(runs, monkeypatch, capsys, words, sentence):
    monkeypatch.chdir(runs)
    assert main(["compare", *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error


def test_runs_without_a_common_objective(runs, capsys):
    text = RUN.format(n=64, rows=[4]).replace("[latency_us, energy_j]", "[power_w]")
    (runs / "other.yaml").write_text(text)
    assert main(["run", str(runs / "other.yaml"), "--output", str(runs / "other")]) == 0
    capsys.readouterr()
    assert main(["compare", str(runs / "one"), str(runs / "other")]) == 2
    error = capsys.readouterr().err
    assert "objective in common to be compared, not latency_us, energy_j and power_w" in error
