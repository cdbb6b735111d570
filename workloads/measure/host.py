"""What the host takes to launch kernels: a property of the host beside the GPU, not of the GPU."""

from __future__ import annotations

import statistics
import time
from typing import Any

from workloads.measure.counts import Case
from workloads.measure.operators import Launch, build

ROUNDS = 24

BODIES: dict[str, Case] = {
    "stream_us": {"op": "add", "n": 1024, "dtype": "fp16"},
    "stream_matmul_us": {"op": "gemm", "m": 1024, "n": 1024, "k": 256, "dtype": "fp16"},
    "stream_fp8_us": {"op": "gemm", "m": 1024, "n": 1024, "k": 256, "dtype": "fp8"},
    "stream_kernel_us": {"op": "gemm", "m": 64, "n": 64, "k": 8192, "dtype": "fp16"},
    "stream_attention_us": {
        "op": "attention", "b": 1, "h": 4, "sq": 64, "skv": 64, "d": 64, "causal": False,
        "impl": "cudnn", "dtype": "bf16",
    },
    "stream_conv_us": {
        "op": "conv2d", "n": 1, "cin": 64, "cout": 64, "hw": 14, "r": 3, "stride": 1, "groups": 1,
        "dtype": "fp16",
    },
    "stream_sparse_us": {"op": "gemm_sparse24", "m": 256, "n": 256, "k": 256, "dtype": "fp16"},
}  # fmt: skip
"""A short launch of each kind. The split-K product differs from the plain one by its second
kernel, the fp8 product by its scales."""

BASE = {
    "stream_matmul_us": "stream_us", "stream_fp8_us": "stream_matmul_us",
    "stream_kernel_us": "stream_matmul_us", "stream_attention_us": "stream_us",
    "stream_conv_us": "stream_us", "stream_sparse_us": "stream_us",
}  # fmt: skip
"""The launch that each adds its time to, as the constants ``launch.stream_…`` of a device do."""


def host_times(torch: Any) -> dict[str, float]:
    """Return the host's launch times as a device's ``launch`` constants name them, in us.

    All kinds are launched in turn, round after round; early rounds, in which libraries and
    processor wake up, are not counted.
    """
    launches: dict[str, Launch] = {}
    for name, case in BODIES.items():
        try:
            launches[name] = build(case)
            launches[name]()
        except Exception:  # a kind that this GPU or library lacks
            launches.pop(name, None)
    found: dict[str, list[float]] = {name: [] for name in launches}
    for _ in range(ROUNDS):
        for name, launch in launches.items():
            found[name].append(launch_us(launch, torch))
    whole = {name: statistics.median(times[ROUNDS // 2 :]) for name, times in found.items()}
    return {
        name: round(us - whole[BASE[name]] if name in BASE else us, 3)
        for name, us in whole.items()
        if BASE.get(name, name) in whole
    }


def launch_us(launch: Launch, torch: Any, n: int = 200) -> float:
    """Return the host's mean time of a launch over ``n``, with nothing before them in the queue."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n):
        launch()
    us = 1e6 * (time.perf_counter() - start) / n
    torch.cuda.synchronize()
    return us
