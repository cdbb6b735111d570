"""The suite ``sustained``: long loops; time, energy, power and SM clock in steady state."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from workloads.measure.counts import Case, counted
from workloads.measure.device import Nvml
from workloads.measure.host import host_times
from workloads.measure.operators import Launch, build
from workloads.measure.sampler import Sampler
from workloads.measure.store import Store

PREHEAT_S, LOOP_S, CHUNK_S, WAIT_S = 0.4, 1.1, 0.03, 0.0005
METHOD = (
    "the operator in a loop on one stream for {loop} s after {preheat} s of it, warm caches, "
    "launch gaps included in us; watts from the first to the last tick of NVML's energy counter "
    "within the loop, joules = watts x us (one iteration); "
    "sm_mhz the median and sm_mhz_mean the mean of NVML readings over the loop, which another "
    "process takes; reasons: the clock event reasons seen (4: power cap); idle: nothing runs; "
    "host_us: the host's launch times, as a device's launch constants name them, mean of those "
    "before and after the loops (host_us_first, host_us_last)"
)


def _gemm(m: int, n: int, k: int, dtype: str, **more: str) -> Case:
    return {"op": "gemm", "m": m, "n": n, "k": k, "dtype": dtype, **more}


def cases() -> Iterator[Case]:
    """Operators of every class, arithmetic- and memory-bound, random operands and zeros."""
    for dtype in ("fp16", "fp8"):
        yield from (_gemm(s, s, s, dtype) for s in (1024, 2048, 4096, 8192))
        yield from (_gemm(s, s, s, dtype, fill="zeros") for s in (4096, 8192))
    for dtype in ("bf16", "int8", "tf32", "fp32", "fp64"):
        yield _gemm(4096, 4096, 4096, dtype)
    yield _gemm(8192, 8192, 8192, "bf16")
    yield _gemm(4096, 4096, 4096, "bf16", fill="zeros")
    yield _gemm(16, 12288, 12288, "fp16")
    yield _gemm(512, 8192, 8192, "fp16")
    yield {"op": "gemm_sparse24", "m": 4096, "n": 4096, "k": 4096, "dtype": "fp16"}
    yield {"op": "bmm", "b": 96, "m": 1024, "n": 1024, "k": 64, "dtype": "fp16"}
    for impl in ("cudnn", "flash"):
        size = {"b": 4, "h": 16, "sq": 4096, "skv": 4096, "d": 128}
        base = {"op": "attention", "causal": False, "impl": impl, "dtype": "bf16"}
        yield {**base, **size}
        yield {**base, **size, "sq": 1, "b": 32, "impl": "flash"}
    for op in ("copy", "add", "gelu"):
        yield from ({"op": op, "n": n, "dtype": "fp16"} for n in (1 << 22, 1 << 27))
    for op, rows, cols in (("softmax", 8192, 4096), ("layernorm", 16384, 1024),
                           ("reduce_sum", 16384, 4096), ("transpose", 4096, 4096)):  # fmt: skip
        yield {"op": op, "rows": rows, "cols": cols, "dtype": "fp16"}
    yield {"op": "copy", "n": 1 << 27, "dtype": "fp16", "fill": "zeros"}
    yield {"op": "gather", "table": 1 << 20, "width": 256, "n": 1 << 19, "dtype": "fp16"}
    for table in (64, 1 << 20):
        yield {"op": "scatter_add", "table": table, "n": 1 << 22, "dtype": "fp32"}
    conv = {"op": "conv2d", "n": 64, "stride": 1, "dtype": "fp16", "groups": 1}
    yield {**conv, "cin": 64, "cout": 64, "hw": 56, "r": 3}
    yield {**conv, "cin": 256, "cout": 256, "hw": 28, "r": 1}
    yield {**conv, "cin": 192, "cout": 192, "hw": 56, "r": 3, "groups": 192}
    yield {"op": "add", "n": 4096, "dtype": "fp16"}
    yield _gemm(16, 12288, 12288, "fp8")
    yield _gemm(48, 7064, 6648, "fp16")
    yield _gemm(1792, 3584, 6016, "int8")
    yield {"op": "layernorm", "rows": 10792, "cols": 1008, "dtype": "fp16"}
    yield {"op": "gather", "table": 445920, "width": 256, "n": 205088, "dtype": "fp16"}


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure every loop into ``store`` until ``deadline``."""
    import torch

    store.meta["method"] = METHOD.format(loop=LOOP_S, preheat=PREHEAT_S)
    store.add([idle(nvml)])
    todo = [counted(case) for case in cases()]
    with Sampler() as sampler:
        first = store.meta["host_us"] = _host(torch, sampler)
        for done, case in enumerate(todo):
            store.meta["unmeasured"] = len(todo) - done
            if time.monotonic() > deadline:
                return
            try:
                store.add([{**case, **steady(build(case), torch, nvml, sampler)}])
            except Exception as error:
                store.add([{**case, "error": f"{type(error).__name__}: {str(error)[:160]}"}])
        last = _host(torch, sampler)
    store.meta["host_us"] = {k: round(0.5 * (us + last.get(k, us)), 3) for k, us in first.items()}
    store.meta["host_us_first"], store.meta["host_us_last"] = first, last
    store.meta["unmeasured"] = 0
    store.add([idle(nvml)])


def _host(torch: Any, sampler: Sampler) -> dict[str, float]:
    """Return the host's launch times as in the loops: reading the board slows them."""
    sampler.start()
    found = host_times(torch)
    sampler.stop()
    return found


def idle(nvml: Nvml, seconds: float = 2.0) -> Case:
    """Power and clock with a context open and nothing running."""
    time.sleep(0.5)
    before, start = nvml.joules() or 0.0, time.monotonic()
    time.sleep(seconds)
    watts = ((nvml.joules() or 0.0) - before) / (time.monotonic() - start)
    return {"op": "idle", "watts": round(watts, 2), "sm_mhz": nvml.sm_mhz(),
            "celsius": nvml.celsius()}  # fmt: skip


def steady(launch: Launch, torch: Any, nvml: Nvml, sampler: Sampler) -> Case:
    """Preheat, then loop: time, energy, power, clock and its reasons, temperature."""
    chunk = _iterations(launch, torch)
    _loop(launch, chunk, PREHEAT_S, torch)
    sampler.start()
    start = time.monotonic()
    count = _loop(launch, chunk, LOOP_S, torch)
    us = 1e6 * (time.monotonic() - start) / count
    samples = sampler.stop()
    clocks = [s.sm_mhz for s in samples if s.sm_mhz is not None]
    watts = counter_watts([(s.at, s.joules) for s in samples if s.joules is not None])
    reasons = 0
    for sample in samples:
        reasons |= sample.reasons or 0
    return {
        "us": round(us, 4),
        "joules": watts and watts * us * 1e-6,
        "watts": watts and round(watts, 3),
        "sm_mhz": statistics.median(clocks) if clocks else None,
        "sm_mhz_min": min(clocks, default=None),
        "sm_mhz_mean": round(statistics.fmean(clocks), 1) if clocks else None,
        "power_samples": round(statistics.median(s.watts or 0.0 for s in samples), 3),
        "reasons": reasons,
        "celsius": nvml.celsius(),
        "iterations": count,
    }


def counter_watts(readings: list[tuple[float, float]]) -> float | None:
    """Power from (second, joules) readings of a counter that ticks, first tick to last tick."""
    ticks = [b for a, b in pairwise(readings) if a[1] != b[1]]
    if len(ticks) < 2:
        return None
    return (ticks[-1][1] - ticks[0][1]) / (ticks[-1][0] - ticks[0][0])


def _iterations(launch: Launch, torch: Any) -> int:
    """How many launches take about CHUNK_S."""
    launch()
    torch.cuda.synchronize()
    start = time.monotonic()
    for _ in range(10):
        launch()
    torch.cuda.synchronize()
    return max(1, round(CHUNK_S * 10 / (time.monotonic() - start)))


def _loop(launch: Launch, chunk: int, seconds: float, torch: Any) -> int:
    """Launches for ``seconds``, two chunks in flight; how many."""
    end, count = time.monotonic() + seconds, 0
    previous = None
    while time.monotonic() < end:
        for _ in range(chunk):
            launch()
        count += chunk
        done = torch.cuda.Event()
        done.record()
        while previous is not None and not previous.query():
            time.sleep(WAIT_S)
        previous = done
    torch.cuda.synchronize()
    return count
