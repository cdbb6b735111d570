"""A candidate's numbers in a plan, and the cheapest of a table's candidates."""

from __future__ import annotations

from math import ceil, floor, log
from typing import Any

from archsim.engine.jit import lean
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm

(_ENGINE, _TM, _TN, _TK, _STAGES, _CM, _CN, _COOP, _M_SIDE, _WM, _WN, _SLOTS, _ROOM, _BIAS) = (
    t.ENGINE, t.TM, t.TN, t.TK, t.STAGES, t.CM, t.CN, t.COOP, t.M_SIDE, t.WM, t.WN, t.SLOTS,
    t.ROOM, t.BIAS,
)  # fmt: skip


@lean
def fill(row: Any, p: Any, split: float, sms: float, out_bytes: float) -> None:
    """Put candidate ``row`` with ``split`` parts of K into the plan's numbers ``p``."""
    p[g.TM], p[g.TN], p[g.STAGES] = row[_TM], row[_TN], row[_STAGES]
    p[g.TK] = row[_TK] if row[_TK] > 0.0 else 128.0 / p[g.IN_BYTES]
    p[g.CM], p[g.CN] = row[_CM], row[_CN]
    p[g.SPLIT], p[g.SLOTS], p[g.ENGINE] = split, row[_SLOTS], row[_ENGINE]
    p[g.COOP], p[g.M_SIDE], p[g.WM], p[g.WN] = row[_COOP], row[_M_SIDE], row[_WM], row[_WN]
    p[g.OUT_BYTES] = out_bytes if split == 1.0 else max(out_bytes, 4.0)
    down, across = ceil(p[g.M] / p[g.TM]), ceil(p[g.N] / p[g.TN])
    if row[_ENGINE] <= 1.0:
        size = row[_CM] * row[_CN]
        most = max(floor(sms * row[_ROOM] / size) * size, size)
        down = ceil(down / row[_CM]) * row[_CM]
        across = ceil(across / row[_CN]) * row[_CN]
        p[g.CTAS] = min(most, down * across * p[g.BATCH] * split)
    else:
        swizzle = 1.0
        if row[_ENGINE] == 2.0:
            while swizzle < min(across, 8.0):
                swizzle *= 2.0
        p[g.CTAS] = down * ceil(across / swizzle) * swizzle * p[g.BATCH] * split


@lean
def total(out: Any) -> float:
    """Return the time of a priced kernel."""
    return float(out[0] + out[1] + out[2] + out[3] + out[4] + out[5])


@lean
def reduction_us(dev: Any, p: Any, split: float, out_bytes: float) -> float:
    """Return the time of summing ``split`` parts of K."""
    moved = p[g.M] * p[g.N] * (split * max(out_bytes, 4.0) + out_bytes)
    each = dev.tensor_kernels_gemm_reduce_split_us
    if p[g.ENGINE] >= 3.0:
        each = dev.tensor_kernels_gemm_reduce_serial_us
    us = dev.tensor_kernels_gemm_reduce_us + split * each
    return float(us + moved / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6)


@lean
def cheapest(devices: Any, p: Any, table: Any, most: float, scratch: Any) -> tuple[int, float]:
    """Return the row of ``table`` and the split of K (at most ``most``) that the library takes.

    That is the least time, each weighed by how readily the library takes the row. ``devices``
    holds one record: an array, whose type is looked up a hundred times as fast as a record's.
    """
    dev = devices[0]
    best, row, parts = 1e300, 0, 1.0
    out_bytes = p[g.OUT_BYTES]
    for i in range(table.shape[0]):
        split = 1.0
        while True:
            fill(table[i], p, split, dev.sm_count, out_bytes)
            scratch[:] = 0.0
            time_gemm(dev, p, scratch)
            us = total(scratch)
            if split > 1.0:
                us += reduction_us(dev, p, split, out_bytes)
            cost = log(us) - table[i, _BIAS]
            if cost < best:
                best, row, parts = cost, i, split
            tiles = p[g.CTAS] / split
            split += 1.0
            full = tiles * split > dev.sm_count * p[g.SLOTS]
            if split > most or full or g.k_steps(p) < 4.0 * split:
                break
    p[g.OUT_BYTES] = out_bytes
    return row, parts
