"""Sweeps killed with SIGKILL at random moments lose nothing and end in the same bytes."""

import os
import signal
import time

import psutil
import pytest
from kill_harness import kill_drivers, kill_workers, reference, start, synthetic

PATIENCE_S = 120
"""Longer than anything takes on a loaded machine; what hangs, hangs for ever."""


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_sweeps_resume_to_the_same_bytes(tmp_path, workers):
    tally = kill_drivers(tmp_path, kills=6, workers=workers, seed=workers)
    assert tally.clean, tally
    # a kill between a point's commit and its acknowledgement leaves it stored, and unacknowledged
    assert 300 * tally.sweeps - tally.kills <= tally.acknowledged <= 300 * tally.sweeps
    assert tally.stored == 300 * tally.sweeps
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


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_sweep_ends_at_once_and_resumes(tmp_path, workers):
    expected, _ = reference(tmp_path / "reference", synthetic(tmp_path / "reference", 1))
    out = tmp_path / "out"
    process = start([*synthetic(out, workers), "0.1"])  # half a minute: it cannot end before
    deadline = time.monotonic() + PATIENCE_S
    while not (out / "store.sqlite").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=PATIENCE_S) == 130
    assert not (out / "results.csv").exists()
    assert start(synthetic(out, workers)).wait(timeout=PATIENCE_S) == 0
    assert {name: (out / name).read_bytes() for name in expected} == expected


def test_workers_end_with_a_killed_driver(tmp_path):
    process = start(synthetic(tmp_path / "out", 2))
    deadline = time.monotonic() + PATIENCE_S
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
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE_S)
    assert len(workers) == 2 and not alive
