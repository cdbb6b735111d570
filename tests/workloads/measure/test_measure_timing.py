"""Cutting a trace into runs, summing, and the energy counter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workloads.measure import sustained
from workloads.measure.store import Store
from workloads.measure.timing import SETUP, kernels_of, span_us, split, summary, total_us


def event(name: str, start: float, dur: float) -> dict:
    return {"name": name, "ts": str(start), "dur": str(dur), "args": {"grid": [1, 1, 1]}}


SPIN = "at::cuda::(anonymous namespace)::spin_kernel(long)"


def test_split_gives_each_run_its_kernels() -> None:
    events = [
        event(SPIN, 0, 1), event("setup", 1, 1), event(SPIN, 2, 1), event("a", 3, 2),
        event("b", 6, 1), event(SPIN, 8, 1), event("c", 9, 4),
    ]  # fmt: skip
    runs = split(events, [SETUP, (0, "cold", 0), (0, "warm", 0)])
    assert [e["name"] for e in runs[0, "cold", 0]] == ["a", "b"]
    assert [e["name"] for e in runs[0, "warm", 0]] == ["c"]
    assert total_us(runs[0, "cold", 0]) == 3
    assert span_us(runs[0, "cold", 0]) == 4


def test_split_refuses_a_trace_that_lost_markers() -> None:
    with pytest.raises(RuntimeError, match="1 markers recorded, 2 launched"):
        split([event(SPIN, 0, 1)], [SETUP, (0, "cold", 0)])


def test_summary_and_kernels_are_of_the_median_run() -> None:
    runs = [[event("slow", 0, 9)], [event("middle", 0, 5)], [event("fast", 0, 2)]]
    found = summary(runs, "_warm")
    assert (found["us_warm"], found["us_warm_min"], found["us_warm_max"]) == (5, 2, 9)
    assert kernels_of(runs)[0]["name"] == "middle"


def test_counter_watts_uses_ticks_only() -> None:
    readings = [(0.0, 5.0), (0.1, 5.0), (0.2, 75.0), (0.25, 75.0), (0.3, 145.0), (0.39, 145.0)]
    assert sustained.counter_watts(readings) == pytest.approx(700.0)
    assert sustained.counter_watts(readings[:3]) is None


def test_store_is_complete_json_after_each_write(tmp_path: Path) -> None:
    store = Store(tmp_path / "sub" / "data.json", {"device": "x"})
    store.add([{"op": "add", "us": 1.0}])
    store.add([{"op": "copy", "us": 2.0}])
    store.write()
    data = json.loads(store.path.read_text())
    assert data["meta"] == {"device": "x"}
    assert [c["op"] for c in data["cases"]] == ["add", "copy"]
    assert not list(store.path.parent.glob("*.part"))
