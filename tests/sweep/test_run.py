import json
import subprocess
import sys
from pathlib import Path

import pytest

from archsim.errors import ConfigError
from archsim.sweep import Space, SweepInterrupted
from archsim.sweep.record import LOST_REASON

SPACE = Space("grid", {"x": list(range(30)), "y": [1, 2, 4]})
WORKERS = pytest.mark.parametrize("workers", [1, 2])


def reasons(summary):
    return {(f.error, f.reason): f.points for f in summary.failures}


@WORKERS
def test_failed_points_are_recorded_and_do_not_stop_the_sweep(sweep, results, workers):
    context = {"bad": [3], "bug": [4], "nan": [5], "unidentified": 6}
    summary = sweep(SPACE, context, workers=workers)
    assert (summary.points, summary.evaluated, summary.failed) == (90, 90, 12)
    assert reasons(summary) == {
        ("ConfigError", "x must be good, not 3"): 3,
        ("KeyError", "KeyError: 4"): 3,
        ("ValueError", "ValueError: metric latency_us must be finite, not nan"): 3,
        ("ConfigError", "x must be identifiable, not 6"): 3,
    }
    again = sweep(SPACE, context, workers=workers)
    assert (again.evaluated, again.reused, again.failed) == (0, 90, 12)


def test_serial_parallel_and_resumed_results_are_the_same_bytes(sweep, results):
    context = {"bad": [3], "unidentified": 6}
    sweep(SPACE, context, folder="serial")
    sweep(SPACE, context, folder="parallel", workers=2)
    sweep(Space("grid", {"x": list(range(40)), "y": [2, 3]}), context, folder="resumed")
    part = sweep(SPACE, context, folder="resumed", workers=2)
    assert (part.reused, part.evaluated) == (30, 60)
    assert results("serial") == results("parallel") == results("resumed")


def test_only_missing_points_are_evaluated(sweep, tmp_path):
    log = tmp_path / "log"
    context = {"base": {}, "log": str(log)}
    sweep(Space("grid", {"x": [1, 2]}), context)
    sweep(Space("grid", {"x": [2, 3]}), context)
    assert log.read_text() == "1 1\n2 1\n3 1\n"


def test_a_changed_model_reuses_nothing_and_an_old_point_is_not_shown(sweep, results):
    sweep(SPACE, {"version": 1, "bad": [3]})
    changed = sweep(SPACE, {"version": 2})
    assert (changed.reused, changed.failed, changed.points) == (0, 0, 90)
    assert len(json.loads(results()["results.json"])["points"]) == 90


def test_equal_points_are_one(sweep):
    context = {"base": {"y": 1}}
    space = Space.of_points([{"x": 1}, {"x": 1, "y": 1}, {"y": 1, "x": 1}, {"x": 2}])
    assert len(space) == 3
    for _ in range(2):
        assert sweep(space, context).points == 2


def test_a_killed_worker_costs_only_the_point_that_killed_it(sweep, results):
    summary = sweep(SPACE, {"deadly": [7]}, workers=2)
    assert (summary.points, summary.failed) == (90, 3)
    assert reasons(summary) == {("LostWorker", LOST_REASON): 3}
    before = results()
    assert sweep(SPACE, {"deadly": [7]}, workers=2).evaluated == 3
    assert results() == before
    healed = sweep(SPACE, {}, workers=2)
    assert (healed.failed, healed.evaluated) == (0, 3)
    assert results()["results.csv"].count(b",failed,") == 0


def test_out_of_memory_is_tried_again_by_the_next_run(sweep):
    assert sweep(SPACE, {"greedy": [2]}).failed == 3
    again = sweep(SPACE, {})
    assert (again.evaluated, again.failed) == (3, 0)


def test_interrupt_keeps_finished_points(sweep, results):
    space = Space("grid", {"x": list(range(10))})
    with pytest.raises(SweepInterrupted, match="interrupted after 6 of 10 points; run again"):
        sweep(space, {"interrupt": [6]})
    summary = sweep(space, {})
    assert (summary.reused, summary.evaluated) == (6, 4)
    sweep(space, {}, folder="whole")
    assert results() == results("whole")


def test_misspelt_objective_stops_after_the_first_answer(sweep, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(ConfigError, match="did you mean 'latency_us'"):
        sweep(SPACE, {"log": str(log)}, minimize=("latency_ms",))
    assert log.read_text() == "0 1\n"
    sweep(SPACE, {})
    with pytest.raises(ConfigError, match="did you mean 'latency_us'"):
        sweep(SPACE, {}, minimize=("latency_ms",))


def test_all_points_failing_is_a_result(sweep, results):
    summary = sweep(SPACE, {"bad": list(range(30))})
    assert (summary.failed, summary.front) == (90, 0)
    assert results()["pareto.csv"] == b"key,x,y,status,reason\n"


@WORKERS
def test_progress_ends_complete(sweep, workers):
    told = []
    sweep(SPACE, {"bad": [1]}, workers=workers, progress=told.append)
    assert (told[-1].phase, told[-1].done, told[-1].total, told[-1].failed) == (
        "evaluate", 90, 90, 3,
    )  # fmt: skip
    sweep(SPACE, {"bad": [1]}, workers=workers, progress=told.append)
    assert (told[-1].done, told[-1].failed) == (90, 3)


@WORKERS
def test_functions_that_do_not_exist_stop_the_sweep(sweep, workers):
    for name in ("sweep_points", "sweep_points:nothing", "sweep_points:NOT_A_FUNCTION"):
        with pytest.raises(RuntimeError, match="the worker could not start: ValueError: function"):
            sweep(SPACE, workers=workers, evaluate=name)


def test_workers_below_one_are_refused(sweep):
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        sweep(SPACE, workers=0)


def test_a_script_without_a_main_guard_may_use_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from archsim.sweep import Space, run_sweep\n"
        "print(run_sweep(Space('grid', {'x': [1, 2, 3]}), {}, evaluate='sweep_points:evaluate',\n"
        "    identify='sweep_points:identify', workers=2, store_path=Path('s.sqlite')).points)\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parent), "PATH": ""}
    done = subprocess.run(
        [sys.executable, str(script)],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("3\n", "")
