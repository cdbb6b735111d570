"""Kernel times of many cases from one profiler session (CUPTI through torch.profiler).

The stream is cut into segments by a marker kernel that nothing else launches (``spin_kernel``), so
kernels are given to runs by their start time and no host-side correlation is needed.
"""

from __future__ import annotations

import bisect
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workloads.measure.counts import Case
from workloads.measure.operators import Launch

FLUSH_BYTES = 256 << 20
MARKER = "spin_kernel"
NAME_CHARS = 160
GPU_CATEGORIES = ("kernel", "gpu_memcpy", "gpu_memset")
SETUP = (-1, "setup", 0)
MARKER_CYCLES = 20_000
SETTLE_CYCLES = 200_000
SETTLED, SETTLE_SECONDS = 0.975, 0.6


@dataclass
class Timer:
    """Times batches of cases, cold and warm, each from a clock that has settled.

    The marker spins for a fixed number of SM cycles, so its duration tells the SM clock at each
    run; NVML's reading lags by some 100 ms.
    """

    repeats: int = 10
    warm_repeats: int = 10
    errors: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        import torch

        self.torch = torch
        self.flush = torch.zeros(FLUSH_BYTES // 4, device="cuda")
        self.segments: list[tuple[int, str, int]] = []
        self.best_mhz = 0.0
        self.overhead_us = self._marker_overhead()

    def _marker_overhead(self) -> float:
        """The part of a marker's duration that is not spinning, from two lengths of spin."""
        with traced() as events:
            for cycles in 10 * (MARKER_CYCLES, SETTLE_CYCLES):
                self.torch.cuda._sleep(cycles)
            self.torch.cuda.synchronize()
        spins = [float(e["dur"]) for e in events if MARKER in e["name"]]
        short, long = statistics.median(spins[0::2]), statistics.median(spins[1::2])
        return short - (long - short) * MARKER_CYCLES / (SETTLE_CYCLES - MARKER_CYCLES)

    def measure(self, cases: Sequence[Case], build: Callable[[Case], Launch]) -> list[Case]:
        """Each case with its times and kernels, or with ``error`` where it could not run."""
        self.segments, self.errors = [], {}
        with traced() as events:
            self.mark(*SETUP)
            for i, case in enumerate(cases):
                self._one(i, case, build)
            self.torch.cuda.synchronize()
        runs, clocks = split(events, self.segments), self.clocks(events)
        return [self._result(i, case, runs, clocks) for i, case in enumerate(cases)]

    def mark(self, case: int, label: str, run: int, cycles: int = MARKER_CYCLES) -> None:
        """Launch a marker that starts the segment of one run (or SETUP)."""
        self.segments.append((case, label, run))
        self.torch.cuda._sleep(cycles)

    def settle(self) -> None:
        """Wait until the SM clock is near the best seen: a heavy case lowers it for ~0.4 s.

        The first spin hides the host's launch time, so that the second is timed alone.
        """
        end = time.monotonic() + SETTLE_SECONDS
        event = self.torch.cuda.Event
        while True:
            start, stop = event(enable_timing=True), event(enable_timing=True)
            self.mark(*SETUP, SETTLE_CYCLES)
            start.record()
            self.mark(*SETUP, SETTLE_CYCLES)
            stop.record()
            stop.synchronize()
            mhz = SETTLE_CYCLES / (1e3 * start.elapsed_time(stop))
            self.best_mhz = max(self.best_mhz, mhz)
            if mhz > SETTLED * self.best_mhz or time.monotonic() > end:
                return
            time.sleep(0.01)

    def clocks(self, events: list[dict[str, Any]]) -> dict[tuple[int, str], list[float]]:
        """SM clock in MHz at the start of each run, by case and label."""
        markers = (e for e in events if MARKER in e["name"])
        found: dict[tuple[int, str], list[float]] = {}
        for (case, label, _), event in zip(self.segments, markers, strict=True):
            mhz = MARKER_CYCLES / (float(event["dur"]) - self.overhead_us)
            found.setdefault((case, label), []).append(mhz)
        return found

    def _one(self, i: int, case: Case, build: Callable[[Case], Launch]) -> None:
        try:
            launch = build(case)
            for _ in range(2):
                launch()
            self.settle()
            for run in range(self.repeats):
                self.flush.sum()
                self.mark(i, "cold", run)
                launch()
                self.mark(*SETUP)
            launch()
            for run in range(self.warm_repeats):
                self.mark(i, "warm", run)
                launch()
            self.mark(*SETUP)
        except Exception as error:
            self.errors[i] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            self.mark(*SETUP)

    def _result(
        self, i: int, case: Case, runs: Runs, clocks: dict[tuple[int, str], list[float]]
    ) -> Case:
        if i in self.errors:
            return {**case, "error": self.errors[i]}
        cold = [runs.get((i, "cold", r), []) for r in range(self.repeats)]
        warm = [runs.get((i, "warm", r), []) for r in range(self.warm_repeats)]
        if not all(cold) or not all(warm):
            return {**case, "error": "a run launched no kernel"}
        found = {**case, **summary(cold, ""), **summary(warm, "_warm")}
        found["kernels"] = kernels_of(cold)
        found["sm_mhz"] = round(statistics.median(clocks[i, "cold"]))
        found["sm_mhz_warm"] = round(statistics.median(clocks[i, "warm"]))
        return found


Runs = dict[tuple[int, str, int], list[dict[str, Any]]]


@contextmanager
def traced() -> Iterator[list[dict[str, Any]]]:
    """A profiler session; the list is filled with the device's events, by start, at its end."""
    from torch.profiler import ProfilerActivity, profile

    events: list[dict[str, Any]] = []
    with profile(activities=[ProfilerActivity.CUDA]) as session:
        yield events
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        session.export_chrome_trace(str(path))
        trace = json.loads(path.read_text(errors="replace"))["traceEvents"]
    events += sorted(
        (e for e in trace if e.get("cat") in GPU_CATEGORIES), key=lambda e: float(e["ts"])
    )


def split(events: list[dict[str, Any]], segments: list[tuple[int, str, int]]) -> Runs:
    """Events of each segment; raises RuntimeError if the markers are not the segments'."""
    starts = [float(e["ts"]) for e in events if MARKER in e["name"]]
    if len(starts) != len(segments):
        raise RuntimeError(f"{len(starts)} markers recorded, {len(segments)} launched")
    runs: Runs = {}
    for event in events:
        if MARKER in event["name"]:
            continue
        at = bisect.bisect_right(starts, float(event["ts"])) - 1
        if at >= 0 and segments[at] != SETUP:
            runs.setdefault(segments[at], []).append(event)
    return runs


def total_us(run: list[dict[str, Any]]) -> float:
    """Summed kernel durations of one run in microseconds."""
    return sum(float(e["dur"]) for e in run)


def span_us(run: list[dict[str, Any]]) -> float:
    """First start to last end of one run in microseconds."""
    return max(float(e["ts"]) + float(e["dur"]) for e in run) - float(run[0]["ts"])


def summary(runs: list[list[dict[str, Any]]], suffix: str) -> dict[str, float]:
    """Median, minimum and maximum of the summed durations, and the median span."""
    times = [total_us(run) for run in runs]
    return {
        f"us{suffix}": round(statistics.median(times), 4),
        f"us{suffix}_min": round(min(times), 4),
        f"us{suffix}_max": round(max(times), 4),
        f"span_us{suffix}": round(statistics.median(span_us(run) for run in runs), 4),
    }


def kernels_of(runs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The kernels of the run whose time is nearest to the median, in order of start."""
    middle = statistics.median(total_us(run) for run in runs)
    chosen = min(runs, key=lambda run: abs(total_us(run) - middle))
    return [kernel_record(event) for event in chosen]


def kernel_record(event: dict[str, Any]) -> dict[str, Any]:
    """One kernel as the dataset writes it."""
    args = event.get("args", {})
    return {
        "name": event["name"][:NAME_CHARS],
        "dur_us": round(float(event["dur"]), 4),
        "grid": args.get("grid"),
        "block": args.get("block"),
        "regs": args.get("registers per thread"),
        "smem": args.get("shared memory"),
    }
