"""Tile candidates of the GEMM libraries, as tables that compiled code walks.

Hopper's nvjet kernels have wgmma's M side in steps of 64 and its N side in steps of 8. Stages
follow from shared memory: as many as fit beside the barriers and the staging buffer, at most 16.
The other families ship a short list of tiles each. All lists are those seen in recorded kernel
names (``workloads/measured``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from archsim.mapping.gpu.list_weights import BIASES
from archsim.mapping.gpu.names import DMMA, FFMA, MMA, WGMMA, XMMA

# Columns of a candidate table.
ENGINE, TM, TN, TK, STAGES, CM, CN, COOP, M_SIDE, WM, WN, SLOTS, ROOM, BIAS = range(14)
COLUMNS = 14

NVJET_SHARED_BYTES = 232448
NVJET_RESERVED_BYTES = 16640
NVJET_CLUSTERS = ((1, 1), (2, 1), (1, 2), (4, 1), (1, 4), (4, 2), (2, 4), (2, 2))
CLUSTER_ROOM = {1: 1.0, 2: 1.0, 4: 120 / 132, 8: 120 / 132}
"""Share of the SMs that clusters of a size fill: GPCs hold 16 or 18 SMs."""

XMMA_CLUSTER = 2
"""CTAs that share operands in the older wgmma kernels, whose names do not tell (estimate)."""

_SMALL = (8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88)
_MIDDLE = (136, 144, 152, 160, 168, 176)
_NVJET_N: dict[str, dict[tuple[int, int], tuple[int, ...]]] = {
    "16": {
        (64, 0): (
            *_SMALL, 96, 104, 112, 120, *_MIDDLE, 184, 200, 208, 216, 224, 232, 240, 248, 272, 288,
            304, 336, 352,
        ),
        (64, 2): (288, 320, 336, 352, 368, 384, 400, 416, 432, 448, 464, 496, 512),
        (128, 0): (*_SMALL, 96, 104, 112, 120, 128, *_MIDDLE),
        (128, 1): (*_MIDDLE[1:], 184, 200, 208, 216, 224, 232, 240, 248, 272, 288, 304),
        (192, 0): (*_SMALL, 96, 104, 112),
        (192, 2): (96, 112, 128, 144, 160, 176, 192, 208),
        (256, 0): _SMALL,
        (256, 1): (72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160),
        (320, 0): (64,), (320, 2): (128,),
        (384, 0): (8, 16, 24, 32, 40, 48, 56), (384, 1): (72, 80, 88, 96, 104),
        (512, 0): (8, 16, 24, 32), (512, 1): (72,),
    },
    "8": {
        (64, 0): (*_SMALL, 96, 104, 112, 120, 136, 144, 152, 160, 176),
        (64, 2): (192, 208, 224, 240, 256, 272, 288, 304, 320),
        (128, 0): _SMALL[:10], (128, 1): (96, 104, 112, 128, 144, 160),
        (192, 0): _SMALL[:6], (192, 2): (80, 96),
        (256, 0): _SMALL[:5], (256, 1): (48, 80),
        (384, 0): (16,), (384, 1): (32, 48), (512, 0): (16,),
    },
}  # fmt: skip
"""wgmma N by operand bits and (wgmma M, cooperation), as seen in recorded names and rankings."""


def nvjet_stages(tile_m: int, tile_n: int) -> int:
    """Return the stages of a nvjet tile whose K step is 128 bytes."""
    return min(16, (NVJET_SHARED_BYTES - NVJET_RESERVED_BYTES) // ((tile_m + tile_n) * 128))


@cache
def nvjet_rows(kind: str) -> tuple[tuple[float, ...], ...]:
    """Return every nvjet candidate for ``kind`` (16 or 8) bit operands, without biases."""
    rows = []
    for (wide, coop), sizes in _NVJET_N[kind].items():
        for narrow in sizes:
            for m_side in (1, 0):
                tm, tn = (wide, narrow) if m_side else (narrow, wide)
                stages = nvjet_stages(tm, tn)
                for cm, cn in NVJET_CLUSTERS:
                    room = CLUSTER_ROOM[cm * cn]
                    rows.append((WGMMA, tm, tn, 0, stages, cm, cn, coop, m_side, 2, 2, 1, room, 0))
    return tuple(rows)


_LISTS: dict[str, tuple[tuple[int, ...], ...]] = {
    # engine, tm, tn, tk, stages, warps_m, warps_n, slots
    "tf32": (
        (MMA, 64, 64, 16, 6, 2, 2, 4), (MMA, 64, 64, 32, 6, 2, 2, 2),
        (MMA, 64, 128, 16, 6, 2, 2, 3), (MMA, 128, 64, 32, 6, 2, 2, 1),
        (MMA, 64, 128, 32, 6, 2, 2, 1),
        (XMMA, 64, 64, 32, 4, 1, 1, 1), (XMMA, 64, 128, 32, 4, 1, 1, 1),
        (XMMA, 128, 128, 32, 4, 1, 1, 1), (XMMA, 128, 256, 32, 4, 2, 1, 1),
    ),
    "int8": (
        (MMA, 64, 64, 128, 6, 2, 2, 2), (MMA, 64, 128, 128, 3, 2, 2, 3),
        (MMA, 64, 128, 128, 6, 2, 2, 1), (MMA, 128, 128, 128, 5, 2, 2, 1),
        (MMA, 256, 128, 128, 3, 4, 2, 1),
    ),
    "fp64": (
        (DMMA, 32, 32, 32, 3, 2, 2, 4), (DMMA, 32, 32, 32, 5, 2, 2, 2),
        (DMMA, 32, 64, 32, 3, 2, 2, 3), (DMMA, 64, 64, 16, 4, 2, 2, 3),
        (DMMA, 64, 128, 16, 3, 2, 2, 2), (DMMA, 128, 64, 32, 3, 4, 2, 1),
        (DMMA, 64, 128, 32, 3, 2, 4, 1),
    ),
    "fp32": (
        (FFMA, 32, 32, 8, 3, 1, 2, 12), (FFMA, 64, 64, 8, 3, 1, 4, 4),
        (FFMA, 128, 32, 8, 3, 2, 2, 4), (FFMA, 128, 64, 8, 3, 2, 2, 2),
        (FFMA, 128, 128, 8, 3, 2, 2, 2), (FFMA, 64, 256, 8, 3, 1, 4, 2),
    ),
    "fp16": (
        (MMA, 64, 64, 64, 6, 2, 2, 2), (MMA, 128, 64, 64, 4, 2, 2, 2),
        (MMA, 64, 128, 64, 4, 2, 2, 2), (MMA, 128, 128, 32, 5, 2, 2, 2),
        (MMA, 256, 128, 64, 3, 4, 2, 1),
    ),
    # 16-bit rows that TMA cannot address: every copy is 4 bytes.
    "unaligned": (
        (MMA, 256, 128, 64, 3, 4, 2, 1), (MMA, 128, 128, 32, 5, 2, 2, 2),
        (MMA, 64, 64, 64, 6, 2, 2, 2),
    ),
}  # fmt: skip


_LISTED: dict[str, tuple[tuple[int, ...], ...]] = {
    "tf32": (
        (MMA, 128, 128, 16, 4, 2, 2, 2), (MMA, 64, 64, 32, 5, 2, 2, 2),
        (MMA, 64, 64, 16, 10, 2, 2, 2), (MMA, 128, 64, 32, 3, 2, 2, 3),
        (XMMA, 128, 64, 32, 4, 1, 1, 1), (XMMA, 64, 256, 32, 4, 1, 1, 1),
        (XMMA, 256, 128, 32, 4, 2, 1, 1),
    ),
    "fp64": (
        (MMA, 32, 32, 16, 5, 2, 2, 5), (MMA, 32, 64, 16, 4, 2, 2, 4),
        (DMMA, 64, 64, 32, 3, 2, 2, 2), (DMMA, 64, 32, 32, 3, 2, 2, 3),
        (DMMA, 128, 128, 16, 3, 4, 2, 1), (DMMA, 128, 128, 32, 3, 2, 4, 1),
    ),
    "fp32": (
        (FFMA, 64, 64, 8, 5, 2, 2, 6), (FFMA, 256, 64, 8, 3, 2, 2, 2),
        (FFMA, 64, 128, 8, 3, 1, 4, 2), (FFMA, 64, 128, 8, 5, 2, 2, 4),
        (FFMA, 128, 32, 8, 5, 2, 2, 4), (FFMA, 32, 64, 8, 3, 1, 2, 8),
        (FFMA, 32, 128, 8, 3, 1, 2, 4), (FFMA, 128, 128, 8, 4, 2, 2, 2),
        (FFMA, 64, 32, 8, 3, 1, 2, 8), (FFMA, 32, 128, 8, 5, 2, 2, 4),
        (FFMA, 128, 256, 8, 3, 2, 4, 1),
    ),
}  # fmt: skip
"""Further kernels that cuBLASLt's heuristic names; convolutions do not take them."""

LEARNT = ("tf32", "int8", "fp64", "fp32")
"""Lists whose choice is learnt (``list_choice``)."""

SHORT_LISTS = tuple(_LISTS)
"""Names of the lists."""


@cache
def short_table(name: str) -> np.ndarray[Any, Any]:
    """Return the candidates of the families without a tile grammar, by list."""
    return _table(name, _LISTS[name])


@cache
def listed_table(name: str) -> np.ndarray[Any, Any]:
    """Return all kernels of a list that matrix products take."""
    return _table(name, (*_LISTS[name], *_LISTED.get(name, ())))


def _table(name: str, tiles: tuple[tuple[int, ...], ...]) -> np.ndarray[Any, Any]:
    rows = []
    for engine, tm, tn, tk, stages, wm, wn, slots in tiles:
        coop = 2 if engine == XMMA and tm * tn == 128 * 256 else 0
        bias = BIASES.get(name, {}).get(f"{engine}_{tm}x{tn}x{tk}_{stages}", 0.0)
        cluster = XMMA_CLUSTER if engine == XMMA else 1
        rows.append((engine, tm, tn, tk, stages, cluster, 1, coop, 1, wm, wn, slots, 1, bias))
    return np.array(rows, dtype=np.float64)
