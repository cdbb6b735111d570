"""From a 2:4 sparse product to cuSPARSELt's kernel: one wgmma tile, whatever the shape."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import SparseGemm
from archsim.mapping.gpu import names
from archsim.models.gpu.gemm_lower import describe, memset, template
from archsim.models.gpu.plan import SPARSE, Plan

TILE = (128, 256, 64)


def lower_sparse(spec: SparseGemm, dev: Any) -> list[Plan]:
    """Return the kernels of one product whose A is 2:4 sparse."""
    size = dtype_of(spec.result_dtype).bits / 8
    p = template(spec.m, spec.n, spec.k, 1, spec.dtype, size)
    p[4:8] = *TILE, 4
    p[8] = p[9] = 1
    tiles = ceil(spec.m / TILE[0]) * ceil(spec.n / TILE[1])
    p[11] = min(tiles, dev["sm_count"])
    p[13] = names.XMMA if dev["tensor_kernels_wgmma"] else names.MMA
    p[17], p[18], p[19], p[20] = 1, 1, 2, 4
    p[24] = 0.5 + 1 / 16
    name = f"sm90_xmma_sparse_gemm_{spec.dtype}_tilesize{TILE[0]}x{TILE[1]}x{TILE[2]}"
    kernel = Plan(name, SPARSE, tuple(p.tolist()), float(spec.flops), describe(p))
    return [memset(), kernel] if spec.k > 1024 else [kernel]
