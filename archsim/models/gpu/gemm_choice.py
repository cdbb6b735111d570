"""Which kernel the library picks: every legal candidate is priced, the cheapest one wins."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.gemm import time_gemm

MOST_SPLITS = 16


@njit
def fill(row: Any, p: Any, split: float, sms: float) -> None:
    """Put candidate ``row`` with ``split`` parts of K into the plan's numbers ``p``."""
    p[4], p[5], p[7] = row[1], row[2], row[4]
    p[6] = row[3] if row[12] == 0 else row[12] / p[15]
    p[8], p[9] = row[5], row[6]
    p[10], p[12], p[13] = split, row[11], row[0]
    p[17], p[18], p[19], p[20] = row[7], row[8], row[9], row[10]
    tiles = ceil(p[0] / p[4]) * ceil(p[1] / p[5]) * p[3] * split
    if row[0] <= 1:
        size = p[8] * p[9]
        most = (sms * row[13]) // size * size
        across = ceil(ceil(p[0] / p[4]) / p[8]) * p[8] * ceil(ceil(p[1] / p[5]) / p[9]) * p[9]
        p[11] = min(max(most, size), across * p[3] * split)
    else:
        p[11] = tiles


@njit
def choose(dev: Any, p: Any, table: Any, scratch: Any, reduce_us: float) -> tuple[int, float]:
    """Return the row of ``table`` and the K split of the cheapest candidate for ``p``."""
    best, row, parts = 1e300, 0, 1.0
    out_bytes = p[16]
    for i in range(table.shape[0]):
        tiles = ceil(p[0] / table[i, 1]) * ceil(p[1] / table[i, 2]) * p[3]
        split = 1.0
        while split <= MOST_SPLITS:
            fill(table[i], p, split, dev.sm_count)
            p[16] = out_bytes if split == 1 else 4.0
            scratch[:] = 0
            time_gemm(dev, p, scratch)
            us = scratch[0] + scratch[1] + scratch[2] + scratch[3] + scratch[4] + scratch[5]
            if split > 1:
                us += reduce_us
            if us < best:
                best, row, parts = us, i, split
            split += 1
            room = dev.sm_count * p[12]
            if tiles * split > room or p[2] / p[6] < 4 * split:
                break
    p[16] = out_bytes
    return row, parts
