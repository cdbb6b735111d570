"""The kernel around a timed loop, and the record of one micro-benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import cuda, types

from archsim.errors import ConfigError
from workloads.kernels.micro.text import Loop
from workloads.kernels.ptx import address_of, asm, shared_address, smid

COLUMNS = ("start0", "stop0", "start1", "stop1", "smid", "sink")


def timed(loop: Loop) -> Any:
    """A ``@cuda.jit`` kernel of (clocks, data, rounds, arg) that runs ``loop`` in every thread.

    ``clocks`` is int64[warps, 6] with `COLUMNS` of each warp's first lane; ``data`` is any
    one-dimensional array; dynamic shared memory is the loop's ``%smem``.
    """
    run = asm(loop.text(), "llllr", "rlrr")

    @cuda.jit
    def micro(clocks, data, rounds, arg):
        shared = cuda.shared.array(0, types.uint8)
        smem = shared_address(address_of(shared))
        start0, stop0, start1, stop1, sink = run(rounds, address_of(data), smem, arg)
        warps = (cuda.blockDim.x + 31) // 32
        warp = cuda.blockIdx.x * warps + cuda.threadIdx.x // 32
        if cuda.laneid == 0:
            clocks[warp, 0] = start0
            clocks[warp, 1] = stop0
            clocks[warp, 2] = start1
            clocks[warp, 3] = stop1
            clocks[warp, 4] = smid()
            clocks[warp, 5] = sink

    return micro


SIGNATURE = (types.int64[:, ::1], types.uint32[::1], types.int64, types.int64)


@dataclass(frozen=True)
class Bench:
    """One launch and what its clocks mean.

    ``value(clocks, us)`` gives the result in ``unit`` from the clock table and the kernel's
    duration in microseconds (``value_in_time``: from the duration alone); ``fill(data, address)``
    prepares ``data`` (uint32[words]) that lies at ``address`` on the device. ``extra``: ``alone``
    where one CTA of many says all, ``read``, ``tensor``.
    """

    record: dict[str, Any]
    loop: Loop
    ctas: int
    threads: int
    rounds: int
    unit: str
    value: Callable[[np.ndarray, float], float]
    words: int = 64
    fill: Callable[[np.ndarray, int], None] | None = None
    arg: int = 0
    cluster: int = 1
    smem_bytes: int = 0
    arch: str = "sm_90"
    value_in_time: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def warps(self) -> int:
        """Warps of the whole launch."""
        return self.ctas * ((self.threads + 31) // 32)


def whole(record: dict[str, Any], name: str, default: int, most: int) -> int:
    """The field ``name`` of a record, a number from 1 to ``most``."""
    value = int(record.get(name, default))
    if not 1 <= value <= most:
        raise ConfigError(f"{name} must be from 1 to {most}, not {value}")
    return value


def cycles(clocks: np.ndarray, warps_per_cta: int) -> np.ndarray:
    """Cycles of the warm pass per CTA: first start to last stop of its warps."""
    table = clocks.reshape(-1, warps_per_cta, len(COLUMNS))
    spans: np.ndarray = table[:, :, 3].max(axis=1) - table[:, :, 2].min(axis=1)
    return spans


def latency(per_round: float) -> Callable[[np.ndarray, float], float]:
    """Cycles per instruction of a chain with ``per_round`` links in each of ``rounds``."""

    def value(clocks: np.ndarray, us: float) -> float:
        return float(np.mean(clocks[:, 3] - clocks[:, 2])) / per_round

    return value


def rate(amount_per_cta: float, warps_per_cta: int) -> Callable[[np.ndarray, float], float]:
    """``amount_per_cta`` over the mean cycles of a CTA."""

    def value(clocks: np.ndarray, us: float) -> float:
        return amount_per_cta / float(np.mean(cycles(clocks, warps_per_cta)))

    return value
