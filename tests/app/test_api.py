import subprocess
import sys

import pytest

import archsim
from archsim.errors import ConfigError

RUN = {
    "workload": {"op": "gemm", "m": 64, "n": 64, "k": 64, "dtype": "int8"},
    "device": "os_4x4_int8",
    "sweep": {"device.array.rows": [4, 8, 16], "device.memory.bytes_per_cycle": [4, 8]},
}


@pytest.fixture
def results(tmp_path):
    run = {**RUN, "minimize": ["latency_us", "energy_j"]}
    return archsim.run(run, output=tmp_path / "out")


def test_tables_hold_every_design_and_the_front(results):
    assert results.table.num_rows == results.summary.points == 6
    rows = results.table.to_pylist()
    best = min(rows, key=lambda row: (row["latency_us"], row["energy_j"]))
    assert results.best == best
    front = results.front.to_pylist()
    assert [row["latency_us"] for row in front] == sorted(row["latency_us"] for row in front)
    for row in rows:
        beaten = any(
            other["latency_us"] <= row["latency_us"]
            and other["energy_j"] <= row["energy_j"]
            and (other["latency_us"], other["energy_j"]) != (row["latency_us"], row["energy_j"])
            for other in rows
        )
        assert beaten == (row["key"] not in {other["key"] for other in front})
    assert results.report.is_file()
    assert "Pareto-optimal" in results._repr_html_()


def test_data_frame(results):
    frame = results.frame()
    assert list(frame["device.array.rows"].unique()) and len(frame) == 6
    assert frame["latency_us"].min() == results.best["latency_us"]


def test_a_second_run_evaluates_nothing_and_set_overrides(tmp_path, results):
    again = archsim.run({**RUN, "minimize": ["latency_us", "energy_j"]}, output=results.folder)
    assert (again.summary.evaluated, again.summary.reused) == (0, 6)
    larger = archsim.run(
        {**RUN, "minimize": ["latency_us"]}, set={"workload.m": 128}, output=tmp_path / "l"
    )
    assert larger.best["latency_us"] > results.best["latency_us"]


def test_wrong_input_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match="minimize must name metrics"):
        archsim.run({**RUN, "minimize": ["speed"]}, output=tmp_path)
    with pytest.raises(ConfigError, match="workload must be given"):
        archsim.run({"device": "h200"}, output=tmp_path)
    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        archsim.run("missing.yaml", output=tmp_path)


def test_import_is_quick_and_loads_no_model():
    code = "import sys, archsim; print(sorted(m for m in sys.modules if m.startswith('archsim')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['archsim']"


def test_a_run_whose_points_all_failed_says_why(tmp_path):
    described = {"workload": {"model": "m3vit"}, "device": "edgemoe/small"}
    results = archsim.run({**described, "minimize": ["latency_us"]}, output=tmp_path)
    assert (results.table.num_rows, results.front.num_rows) == (1, 0)
    with pytest.raises(ConfigError, match="one failed because attention must have the tokens"):
        results.best  # noqa: B018
    assert "0 Pareto-optimal" in results._repr_html_()
    assert not results.timeline.exists()
