"""What the choice model sees of a candidate: of its run, of its kernel, of the operator.

A full description is these three, one after the other.
"""

from __future__ import annotations

from math import ceil, log
from typing import Any

from archsim.engine.jit import lean
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_wgmma import off, store_align

_TM, _TN, _CM, _CN, _COOP, _M_SIDE = t.TM, t.TN, t.CM, t.CN, t.COOP, t.M_SIDE

LISTED_RUN, KERNEL, OPERATOR = 16, 26, 12
RUN = LISTED_RUN + 4
FEATURES = RUN + KERNEL + OPERATOR
MANY_TILES = 4.0
"""Tiles along a side up to which the choice model sees their number as it is."""

MEMSET_ABOVE_TILES = 2.0
"""A dynamic tile scheduler, whose counter a memset clears, where tiles exceed this many waves."""


TIME, HBM_SHARE = 0, 10
"""Of a run's numbers, those that the clock and the memory change; the shape and the number of SMs
decide the others."""


@lean
def describe_run(dev: Any, p: Any, us: float, split: float, hbm_us: float, x: Any) -> None:
    """Write how plan ``p`` runs, which takes ``us``: time, split, padding, waves, stores."""
    describe_time(us, hbm_us, x)
    down, across = ceil(p[g.M] / p[g.TM]), ceil(p[g.N] / p[g.TN])
    tiles = down * across * p[g.BATCH] * split
    waves = ceil(tiles / p[g.CTAS])
    rows = ceil(down / p[g.CM]) * p[g.CM]
    columns = ceil(across / p[g.CN]) * p[g.CN]
    x[1], x[2] = split > 1.0, log(split) if split > 1.0 else 0.0
    x[3], x[4] = log(down * p[g.TM] / p[g.M]), log(across * p[g.TN] / p[g.N])
    x[5] = log(rows * columns / (down * across))
    x[6], x[7], x[8] = log(waves * p[g.CTAS] / tiles), log(waves), waves == 1.0
    x[9] = log(p[g.CTAS] / dev.sm_count)
    x[11], x[12] = log(g.k_steps(p) / split), log(tiles)
    align = store_align(p)
    x[13], x[14] = off(align, 32), off(align, 128)
    x[15] = tiles > MEMSET_ABOVE_TILES * p[g.CTAS]


@lean
def describe_time(us: float, hbm_us: float, x: Any) -> None:
    """Write the two numbers of a run that follow from its times."""
    x[TIME], x[HBM_SHARE] = log(us), hbm_us / us


@lean
def describe_cover(p: Any, x: Any) -> None:
    """Write into ``x[LISTED_RUN:]`` whether one tile covers a side, and how many small ones do."""
    down, across = ceil(p[g.M] / p[g.TM]), ceil(p[g.N] / p[g.TN])
    x[16], x[17] = down == 1.0, across == 1.0
    x[18], x[19] = min(down / MANY_TILES, 1.0), min(across / MANY_TILES, 1.0)


@lean
def describe_kernel(row: Any, x: Any) -> None:
    """Write the tile of ``row``: its sides, wgmma's M, how warpgroups share it; its cluster."""
    tm, tn, m_side, shared = row[_TM], row[_TN], row[_M_SIDE], row[_COOP] > 0.0
    cm, cn = row[_CM], row[_CN]
    wide, narrow = (tm, tn) if m_side else (tn, tm)
    x[:] = 0.0
    x[0], x[1], x[2], x[3] = m_side, log(tm / 64.0), log(tn / 64.0), log(narrow / 64.0)
    x[4], x[5], x[6] = narrow % 16 == 8, narrow % 32 != 0, narrow > wide
    x[7] = log(1.0 / tm / cn + 1.0 / tn / cm)
    x[8 + 2 * int(min(wide // 64, 5) - 1) + (1 if shared else 0)] = 1.0
    if cm * cn == 1.0:
        x[18] = 1.0
    elif cm * cn == 2.0:
        x[19 if cm == 2.0 else 20] = 1.0
    elif cm == cn:
        x[21] = 1.0
    elif cm * cn == 4.0:
        x[22 if cm == 4.0 else 23] = 1.0
    else:
        x[24 if cm == 4.0 else 25] = 1.0


@lean
def describe_operator(p: Any, bias: float, x: Any) -> None:
    """Write the operator's sizes, type and alignment."""
    depth = p[g.K] * p[g.IN_BYTES]
    x[0], x[1], x[2] = log(p[g.M] / 512.0), log(p[g.N] / 512.0), log(depth / 1024.0)
    x[3], x[4] = p[g.BATCH] > 1.0, log(p[g.BATCH])
    x[5], x[6] = p[g.IN_BYTES] == 1.0, bias
    x[7], x[8] = off(p[g.ALIGN_A], 32), off(p[g.ALIGN_A], 128)
    x[9], x[10] = p[g.M] <= 64.0, p[g.N] <= 64.0
    x[11] = log(ceil(depth / 128.0) * 128.0 / depth)
