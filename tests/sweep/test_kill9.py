"""Sweeps killed with SIGKILL at random moments lose nothing and end in the same bytes."""

import time

import psutil
import pytest
from kill_harness import kill_drivers, kill_workers, start, synthetic


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_sweeps_resume_to_the_same_bytes(tmp_path, workers):
    tally = kill_drivers(tmp_path, kills=6, workers=workers, seed=workers)
    assert tally.clean, tally
    assert tally.acknowledged == 300 * tally.sweeps
    assert any(0 < done < 300 for done in tally.killed_at), "no kill fell into a running sweep"


def test_sweeps_whose_workers_are_killed_end_in_the_same_bytes(tmp_path):
    tally = kill_workers(tmp_path, kills=4, seed=3)
    assert tally.clean, tally


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_hundred_kills_of_the_driver(tmp_path, workers):
    tally = kill_drivers(tmp_path, kills=100, workers=workers, seed=100 + workers)
    assert tally.clean, tally


@pytest.mark.slow
def test_a_hundred_kills_of_workers(tmp_path):
    tally = kill_workers(tmp_path, kills=100, seed=103)
    assert tally.clean, tally


def test_workers_end_with_a_killed_driver(tmp_path):
    process = start(synthetic(tmp_path / "out", 2))
    deadline = time.monotonic() + 20
    workers = []
    while len(workers) < 2 and time.monotonic() < deadline:
        workers = [
            child
            for child in psutil.Process(process.pid).children()
            if any("spawn_main" in argument for argument in child.cmdline())
        ]
        time.sleep(0.01)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert len(workers) == 2 and not alive
