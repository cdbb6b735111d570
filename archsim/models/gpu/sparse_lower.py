"""From a 2:4 sparse product to cuSPARSELt's kernel: one wgmma tile, whatever the shape."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import SparseGemm
from archsim.mapping.gpu import names
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_lower import describe, memset, template
from archsim.models.gpu.plan import SPARSE, Plan

TILE = (128, 256, 64)
SEGMENTS = ((4300, 8), (2560, 4), (1100, 2))
"""Least K of so many parts, from recorded grids."""


METADATA_BYTES = 0.125
"""Two bits for each of the values kept, half of A, per value of A."""


def lower_sparse(spec: SparseGemm, dev: Any) -> list[Plan]:
    """Return the kernels of one product whose A is 2:4 sparse."""
    size = dtype_of(spec.result_dtype).bits / 8
    p = template(spec.m, spec.n, spec.k, 1, spec.dtype, size)
    p[g.TM], p[g.TN], p[g.TK] = TILE
    p[g.STAGES], p[g.CM], p[g.CN], p[g.SLOTS] = 4, 1, 1, 1
    tiles = ceil(spec.m / TILE[0]) * ceil(spec.n / TILE[1])
    p[g.SPLIT] = segments(spec.k, tiles, int(dev["sm_count"]))
    p[g.CTAS] = min(tiles * p[g.SPLIT], dev["sm_count"])
    p[g.ENGINE] = names.XMMA if dev["tensor_kernels_wgmma"] else names.MMA
    p[g.COOP], p[g.M_SIDE], p[g.WM], p[g.WN] = 1, 1, 2, 4
    p[g.A_SHARE] = 0.5 + METADATA_BYTES / float(p[g.IN_BYTES])
    name = f"sm90_xmma_sparse_gemm_{spec.dtype}_tilesize{TILE[0]}x{TILE[1]}x{TILE[2]}"
    kernel = Plan(name, SPARSE, tuple(p.tolist()), float(spec.flops), describe(p))
    counted = p[g.SPLIT] > 1 or tiles > 2 * dev["sm_count"]
    return [memset(), kernel] if counted else [kernel]


def segments(k: int, tiles: int, sms: int) -> int:
    """Return into how many parts cuSPARSELt cuts K: by its depth, as long as SMs are free."""
    wanted = next((parts for least, parts in SEGMENTS if k >= least), 1)
    return max(min(wanted, sms // tiles), 1)
