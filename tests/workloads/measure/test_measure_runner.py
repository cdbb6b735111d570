"""Batches, deadlines and failures of a suite, with a timer that needs no GPU."""

from __future__ import annotations

import time
import types
from pathlib import Path

import pytest

from workloads.measure.runner import BATCH, run_cases
from workloads.measure.store import Store


class FakeTimer:
    """Measures everything in 1 us; a case with ``bad`` breaks its whole session."""

    def __init__(self, alive: bool = True) -> None:
        def synchronize() -> None:
            if not alive:
                raise RuntimeError("illegal address")

        self.torch = types.SimpleNamespace(cuda=types.SimpleNamespace(synchronize=synchronize))
        self.sessions = 0

    def measure(self, cases: list[dict], build: object) -> list[dict]:
        self.sessions += 1
        if any("bad" in case for case in cases):
            raise RuntimeError("lost markers")
        return [{**case, "us": 1.0} for case in cases]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "x.json", {})


def soon() -> float:
    return time.monotonic() + 60


def test_batches_cover_every_case_in_order(store: Store) -> None:
    cases = [{"op": "add", "n": n} for n in range(2 * BATCH + 1)]
    timer = FakeTimer()
    run_cases(store, cases, timer, soon())
    assert [case["n"] for case in store.cases] == list(range(2 * BATCH + 1))
    assert timer.sessions == 3
    assert store.meta["unmeasured"] == 0


def test_a_broken_session_is_repeated_case_by_case(store: Store) -> None:
    run_cases(store, [{"op": "a"}, {"op": "b", "bad": 1}, {"op": "c"}], FakeTimer(), soon())
    assert ["us" in case for case in store.cases] == [True, False, True]
    assert store.cases[1]["error"] == "RuntimeError: lost markers"


def test_a_dead_gpu_context_ends_the_suite(store: Store) -> None:
    run_cases(store, [{"op": "a", "bad": 1}], FakeTimer(alive=False), soon())
    assert store.cases == []
    assert "the GPU context failed" in store.meta["aborted"]


def test_the_deadline_leaves_the_rest_unmeasured(store: Store) -> None:
    run_cases(store, [{"op": "a"}] * 5, FakeTimer(), time.monotonic() - 1)
    assert store.cases == []
    assert store.meta["unmeasured"] == 5
