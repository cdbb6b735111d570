"""Plans of the kernels that a measurement recorded, to price them instead of our own choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, prod
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import BatchedGemm, Gemm, OpSpec
from archsim.mapping.gpu import names
from archsim.mapping.gpu.names import GemmKernel, parse_gemm
from archsim.mapping.gpu.tiles import XMMA_CLUSTER
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm_lower import describe, memset, reduction, template
from archsim.models.gpu.plan import GEMM, Plan


def price_recorded(spec: OpSpec, kernels: Sequence[Mapping[str, Any]]) -> list[Plan] | None:
    """Return the plans of recorded ``kernels`` of a matrix product; None where unknown.

    ``kernels`` have ``name``, ``grid``, ``block``, ``regs`` and ``smem`` as measured datasets do.
    """
    if not isinstance(spec, Gemm | BatchedGemm):
        return None
    batch = spec.b if isinstance(spec, BatchedGemm) else 1
    result = spec.result_dtype if isinstance(spec, Gemm) else spec.dtype
    out_bytes = dtype_of(result).bits / 8
    plans: list[Plan] = []
    p = template(spec.m, spec.n, spec.k, batch, spec.dtype, out_bytes)
    for kernel in kernels:
        name = str(kernel["name"])
        if name.startswith("Memset"):
            plans.append(memset())
            continue
        parsed = parse_gemm(name)
        if parsed is not None:
            place(p, parsed, kernel, out_bytes)
            plans.append(Plan(name, GEMM, tuple(p.tolist()), float(spec.flops), describe(p)))
        elif "split" in name and p[g.TM]:
            plans.append(reduction(p, out_bytes))
        else:
            return None
    return plans


def place(
    p: np.ndarray[Any, Any], kernel: GemmKernel, launch: Mapping[str, Any], out_bytes: float
) -> None:
    """Write the tile of ``kernel`` and its recorded ``launch`` into the numbers of a plan."""
    p[g.TM], p[g.TN], p[g.TK], p[g.STAGES] = (
        kernel.tile_m, kernel.tile_n, kernel.tile_k, kernel.stages,
    )  # fmt: skip
    p[g.CM], p[g.CN] = kernel.cluster_m, kernel.cluster_n
    if kernel.engine == names.XMMA:
        p[g.CM] = XMMA_CLUSTER
    p[g.ENGINE], p[g.COOP], p[g.M_SIDE] = kernel.engine, kernel.coop, kernel.m_side
    p[g.WM], p[g.WN] = kernel.warps_m, kernel.warps_n
    grid = [int(v) for v in launch["grid"]]
    tiles_m, tiles_n = ceil(p[g.M] / kernel.tile_m), ceil(p[g.N] / kernel.tile_n)
    p[g.CTAS], p[g.SLOTS], p[g.SPLIT] = prod(grid), 1, 1
    if kernel.engine == names.WGMMA and kernel.splits:
        rows = ceil(tiles_m / kernel.cluster_m) * kernel.cluster_m
        columns = ceil(tiles_n / kernel.cluster_n) * kernel.cluster_n
        p[g.SPLIT] = max(1, round(prod(grid) / (rows * columns)))
    elif kernel.engine == names.XMMA and "segment_k_on" in str(launch["name"]):
        p[g.SPLIT] = max(1, prod(grid) // (tiles_m * tiles_n))
    elif kernel.engine >= names.MMA:
        p[g.SPLIT] = grid[2] if p[g.BATCH] == 1 else 1
        threads, registers = prod(launch["block"]), max(int(launch["regs"]), 24)
        by_registers = 65536 // (-(-registers // 8) * 8 * threads)
        by_shared = 233472 // (int(launch["smem"]) + 1024)
        p[g.SLOTS] = max(1, min(by_registers, by_shared))
    p[g.OUT_BYTES] = out_bytes if p[g.SPLIT] == 1 else max(4.0, out_bytes)
    align_output(p)


def align_output(p: np.ndarray[Any, Any]) -> None:
    """Record the alignment of the output's rows."""
    stride = int(p[g.N] * p[g.OUT_BYTES])
    p[g.ALIGN_OUT] = stride & -stride
