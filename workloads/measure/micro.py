"""The suite ``micro``: launch latency and gaps, CUDA graph gaps, host launch cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from workloads.measure.counts import Case
from workloads.measure.device import Nvml
from workloads.measure.models import replay_us
from workloads.measure.operators import Launch, build
from workloads.measure.store import Store
from workloads.measure.timing import MARKER, traced

COVER_CYCLES = 8_000_000  # a spin of ~4 ms that lets the host queue everything behind it
METHOD = (
    "chain: n launches of one kernel queued behind a long spin; dur_us and gap_us are medians of "
    "the CUPTI durations and of the idle time between neighbours; graph: the same chain captured, "
    "replay_us the median of 20 replays by events, us_per_kernel = replay_us / n; host: wall time "
    "a launch with an idle GPU"
)
BODIES: dict[str, Case] = {
    "add_1k": {"op": "add", "n": 1024, "dtype": "fp16"},
    "add_256k": {"op": "add", "n": 1 << 18, "dtype": "fp16"},
    "add_4m": {"op": "add", "n": 1 << 22, "dtype": "fp16"},
    "fill_1k": {"op": "fill", "n": 1024, "dtype": "fp16"},
    "fill_4m": {"op": "fill", "n": 1 << 22, "dtype": "fp16"},
    "copy_1k": {"op": "copy", "n": 1024, "dtype": "fp16"},
    "layernorm": {"op": "layernorm", "rows": 197, "cols": 768, "dtype": "fp16"},
    "softmax": {"op": "softmax", "rows": 1024, "cols": 512, "dtype": "fp16"},
    "gemm_256": {"op": "gemm", "m": 256, "n": 256, "k": 256, "dtype": "fp16"},
    "gemm_1024": {"op": "gemm", "m": 1024, "n": 1024, "k": 1024, "dtype": "fp16"},
    "gemm_split_k": {"op": "gemm", "m": 64, "n": 64, "k": 8192, "dtype": "fp16"},
    "gemm_memset": {"op": "gemm", "m": 2200, "n": 4272, "k": 160, "dtype": "fp16"},
    "linear_768": {"op": "linear", "m": 197, "n": 768, "k": 768, "dtype": "fp16"},
    "attention": {
        "op": "attention", "b": 1, "h": 12, "sq": 197, "skv": 197, "d": 64, "causal": False,
        "impl": "cudnn", "dtype": "fp16",
    },
}  # fmt: skip
MIXES = (
    ("gemm_1024", "add_256k"), ("layernorm", "linear_768"), ("add_1k", "fill_1k"),
    ("gemm_split_k", "add_1k"), ("gemm_split_k", "gemm_1024"), ("gemm_split_k", "layernorm"),
    ("gemm_memset", "add_1k"), ("attention", "layernorm"),
)  # fmt: skip


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure every chain, alone and mixed, into ``store`` until ``deadline``."""
    import torch

    store.meta["method"] = METHOD
    bodies: dict[str, Callable[[], Any]] = {}
    for label, case in BODIES.items():
        bodies[label] = build(case)
    for first, second in MIXES:
        bodies[f"{first}+{second}"] = _both(bodies[first], bodies[second])
    store.add([{"op": "marker", "cycles": c, "us": _spin_us(torch, c)} for c in (0, 2000, 200000)])
    for label, launch in bodies.items():
        if time.monotonic() > deadline:
            return
        for measure in (chain, graph, host):
            try:
                store.add([{"body": label, **measure(launch, torch)}])
            except Exception as error:
                store.add([{"body": label, "error": f"{type(error).__name__}: {str(error)[:160]}"}])


def _both(first: Launch, second: Launch) -> Launch:
    def run() -> None:
        first()
        second()

    return run


def _spin_us(torch: Any, cycles: int) -> float:
    with traced() as events:
        for _ in range(20):
            torch.cuda._sleep(cycles)
        torch.cuda.synchronize()
    return round(statistics.median(float(e["dur"]) for e in events if MARKER in e["name"]), 4)


def chain(launch: Launch, torch: Any, n: int = 100) -> Case:
    """Durations and gaps of ``n`` launches queued behind a spin."""
    launch()
    with traced() as events:
        torch.cuda._sleep(COVER_CYCLES)
        for _ in range(n):
            launch()
        torch.cuda.synchronize()
    return {"op": "chain", "n": n, **_gaps(events)}


def _gaps(events: list[dict[str, Any]]) -> Case:
    kernels = [e for e in events if MARKER not in e["name"]]
    ends = [float(e["ts"]) + float(e["dur"]) for e in kernels]
    gaps = [float(b["ts"]) - end for end, b in zip(ends, kernels[1:], strict=False)]
    by_name: dict[str, list[float]] = {}
    for previous, gap in zip(kernels, gaps, strict=False):
        by_name.setdefault(previous["name"][:60], []).append(gap)
    return {
        "dur_us": round(statistics.median(float(e["dur"]) for e in kernels), 4),
        "gap_us": round(statistics.median(gaps), 4),
        "us_per_launch": round((ends[-1] - float(kernels[0]["ts"])) / len(kernels), 4),
        "gap_us_after": {k: round(statistics.median(v), 4) for k, v in by_name.items()},
    }


def graph(launch: Launch, torch: Any) -> Case:
    """The chain as graphs of 1, 10, 100 and 1000 launches."""
    found: Case = {"op": "graph", "replay_us": {}, "us_per_launch": {}}
    for n in (1, 10, 100, 1000):
        captured = torch.cuda.CUDAGraph()
        launch()
        with torch.cuda.graph(captured):
            for _ in range(n):
                launch()
        us = replay_us(torch, captured, 20)
        found["replay_us"][str(n)] = round(us, 3)
        found["us_per_launch"][str(n)] = round(us / n, 4)
        if n == 100:
            with traced() as events:
                torch.cuda._sleep(COVER_CYCLES // 8)
                captured.replay()
                torch.cuda.synchronize()
            found["in_graph"] = _gaps(events)
    return found


def host(launch: Launch, torch: Any, n: int = 300) -> Case:
    """Host time of a launch: the loop's time before and after the GPU has finished."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n):
        launch()
    queued = time.perf_counter() - start
    torch.cuda.synchronize()
    finished = time.perf_counter() - start
    return {"op": "host", "n": n, "host_us": round(1e6 * queued / n, 3),
            "us_per_launch": round(1e6 * finished / n, 3)}  # fmt: skip
