"""What the model of the library's choice sees of a candidate kernel."""

from __future__ import annotations

from math import ceil, log
from typing import Any

from archsim.engine.jit import njit
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_wgmma import store_align

MEMSET_ABOVE_TILES = 2.0
"""A dynamic tile scheduler, whose counter a memset clears, where tiles exceed this many waves."""

_TM, _TN, _COOP, _M_SIDE = t.TM, t.TN, t.COOP, t.M_SIDE

FEATURES = 54
"""Numbers of a candidate: time, split and padding (0 to 8), shape of the tile (9 to 25) and of the
cluster (26 to 33), how it fills the GPU (34 to 36, 48, 49), the operator (37 to 47, 50 to 52),
whether its scheduler needs a memset (53)."""


@njit
def describe(dev: Any, p: Any, row: Any, us: float, split: float, hbm_us: float, x: Any) -> None:
    """Write the features of the candidate ``row`` in plan ``p`` that takes ``us`` into ``x``."""
    down, across = ceil(p[g.M] / p[g.TM]), ceil(p[g.N] / p[g.TN])
    tiles = down * across * p[g.BATCH] * split
    waves = ceil(tiles / p[g.CTAS])
    rows = ceil(down / p[g.CM]) * p[g.CM]
    columns = ceil(across / p[g.CN]) * p[g.CN]
    x[:] = 0.0
    x[0], x[1], x[2] = log(us), split > 1.0, log(split)
    x[3], x[4] = log(down * p[g.TM] / p[g.M]), log(across * p[g.TN] / p[g.N])
    x[5] = log(rows * columns / (down * across))
    x[6], x[7], x[8] = log(waves * p[g.CTAS] / tiles), log(waves), waves == 1.0
    _tile(row, x)
    _cluster(p[g.CM], p[g.CN], x)
    x[34], x[35] = log(p[g.CTAS] / dev.sm_count), hbm_us / us
    x[36] = log(g.k_steps(p) / split)
    x[48], x[49] = log(1.0 / p[g.TM] / p[g.CN] + 1.0 / p[g.TN] / p[g.CM]), log(tiles)
    x[53] = tiles > MEMSET_ABOVE_TILES * p[g.CTAS]
    _operator(p, x)


@njit
def _tile(row: Any, x: Any) -> None:
    """Write the shape of a tile: its sides, which one is wgmma's M, how warpgroups share it."""
    tm, tn, m_side, shared = row[_TM], row[_TN], row[_M_SIDE], row[_COOP] > 0.0
    wide, narrow = (tm, tn) if m_side else (tn, tm)
    x[9], x[10], x[11], x[12] = m_side, log(tm / 64.0), log(tn / 64.0), log(narrow / 64.0)
    x[13], x[14], x[15] = narrow % 16 == 8, narrow % 32 != 0, narrow > wide
    place = int(min(wide // 64, 5)) - 1 if wide < 256 else 3 if wide == 256 else 4
    x[16 + 2 * place + (1 if shared else 0)] = 1.0


@njit
def _cluster(cm: float, cn: float, x: Any) -> None:
    """Mark one of the eight cluster shapes."""
    if cm * cn == 1.0:
        x[26] = 1.0
    elif cm * cn == 2.0:
        x[27 if cm == 2.0 else 28] = 1.0
    elif cm == cn:
        x[29] = 1.0
    elif cm * cn == 4.0:
        x[30 if cm == 4.0 else 31] = 1.0
    else:
        x[32 if cm == 4.0 else 33] = 1.0


@njit
def _operator(p: Any, x: Any) -> None:
    """Write the operator's sizes, type and alignment."""
    x[37], x[38] = log(p[g.M] / 512.0), log(p[g.N] / 512.0)
    x[39] = log(p[g.K] * p[g.IN_BYTES] / 1024.0)
    x[40], x[41] = p[g.BATCH] > 1.0, log(p[g.BATCH])
    x[42], x[43] = p[g.IN_BYTES] == 1.0, p[g.BIAS]
    x[44], x[45] = p[g.ALIGN_A] % 32.0 != 0.0, p[g.ALIGN_A] % 128.0 != 0.0
    align = store_align(p)
    x[46], x[47] = align % 32.0 != 0.0, align % 128.0 != 0.0
    x[50], x[51] = p[g.M] <= 64.0, p[g.N] <= 64.0
    x[52] = log(g.k_steps(p) * p[g.TK] / p[g.K])
