"""Plans of the kernels that a measurement recorded, and how our own choice ranks them.

``validate`` prices recorded kernels to tell errors of time from errors of choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, prod
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import BatchedGemm, Conv2d, Gemm, OpSpec, SparseGemm
from archsim.mapping.gpu import conv_kernels, names
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.conv_kernels import ConvKernel
from archsim.mapping.gpu.names import GemmKernel, parse_gemm
from archsim.mapping.gpu.nvjet_choice import nvjet_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.conv_lower import SIXTEEN_BIT, implicit_template
from archsim.models.gpu.fprop_lower import Work, fprop_plan
from archsim.models.gpu.gemm_choice import ranked
from archsim.models.gpu.gemm_lower import describe, memset, reduction, takes_nvjet, template
from archsim.models.gpu.plan import FIXED, GEMM, Plan

Launch = Mapping[str, Any]
"""A recorded kernel: ``name``, ``grid``, ``block``, ``regs``, ``smem``, ``dur_us``."""


def price_recorded(spec: OpSpec, kernels: Sequence[Launch]) -> list[Plan] | None:
    """Return the plans of recorded ``kernels`` in order; None where one is no tile kernel."""
    if isinstance(spec, Conv2d) and spec.dtype in SIXTEEN_BIT:
        found = _recorded_conv(spec, kernels)
        if found is not None:
            return found
    p = _template(spec)
    if p is None:
        return None
    out_bytes = float(p[g.OUT_BYTES])
    plans: list[Plan] = []
    for kernel in kernels:
        name = str(kernel["name"])
        parsed = parse_gemm(name)
        if name.startswith("Memset"):
            plans.append(memset())
        elif parsed is not None:
            place(p, parsed, kernel, out_bytes)
            if parsed.engine == names.WGMMA:
                p[g.BIAS] = float(isinstance(spec, Gemm) and spec.bias)
            plans.append(Plan(name, GEMM, tuple(p.tolist()), float(spec.flops), describe(p)))
        elif "split" in name and p[g.TM]:
            plans.append(reduction(p, out_bytes, serial="xmma" in name))
        else:
            return None
    return plans


def _recorded_conv(spec: Conv2d, kernels: Sequence[Launch]) -> list[Plan] | None:
    """Return the plans of a recorded implicit GEMM and the launches that clear its counters."""
    if spec.groups > 1 or spec.cin % 8 or spec.layout != "nhwc":
        return None
    segment = any("init_device_workspace" in str(kernel["name"]) for kernel in kernels)
    work = Work.of(spec, spec.cin, spec.cout)
    plans: list[Plan] = []
    for launch in kernels:
        name = str(launch["name"])
        if name.startswith("Memset") or "init_device_workspace" in name:
            plans.append(Plan(name, FIXED, (), 0.0))
            continue
        grid = [int(v) for v in launch["grid"]]
        kernel = conv_kernels.parse_name(name, grid)
        if kernel is None:
            return None
        plans.append(conv_kernel_plan(work, kernel, grid, segment))
    return plans


def conv_kernel_plan(
    work: Work, kernel: ConvKernel, grid: Sequence[int], segment: bool, crowd: float = 0.0
) -> Plan:
    """Return the plan of a recorded implicit GEMM with its own grid and, from that, its cluster."""
    parts, ctas = kernel.parts, prod(grid)
    if kernel.family == conv_kernels.XMMA:
        tf32 = work.element == 4.0
        fits = conv_kernels.consistent(kernel.tile, work.pixels, work.filters, grid, tf32)
        down = [c for c in conv_kernels.clusters(kernel.tile, tf32) if c[0] == grid[1]]
        cluster = next(iter([*fits, *down]), (grid[1], 1))
        kernel = replace(kernel, cluster=cluster, segment=segment or kernel.segment)
        tiles = ceil(work.pixels / kernel.tile[0]) * ceil(work.filters / kernel.tile[1])
        parts = max(ctas // tiles, 1) if kernel.segment else 1
    return fprop_plan(work, kernel, ctas, parts, crowd)


def _template(spec: OpSpec) -> np.ndarray[Any, Any] | None:
    """Return the numbers of ``spec`` before a kernel is known; None where it is no product."""
    if isinstance(spec, Conv2d):
        if spec.groups > 1 or spec.cin % 8 or spec.layout != "nhwc":
            return None
        return implicit_template(spec, spec.cin, spec.cout)
    if isinstance(spec, SparseGemm) or not isinstance(spec, Gemm | BatchedGemm):
        return None
    batch = spec.b if isinstance(spec, BatchedGemm) else 1
    result = spec.result_dtype if isinstance(spec, Gemm) else spec.dtype
    out_bytes = dtype_of(result).bits / 8
    return template(spec.m, spec.n, spec.k, batch, spec.dtype, out_bytes)


def place(p: np.ndarray[Any, Any], kernel: GemmKernel, launch: Launch, out_bytes: float) -> None:
    """Write the tile of ``kernel`` and its recorded ``launch`` into the numbers of a plan."""
    p[g.TM], p[g.TN], p[g.TK] = kernel.tile_m, kernel.tile_n, kernel.tile_k
    p[g.STAGES], p[g.CM], p[g.CN] = kernel.stages, kernel.cluster_m, kernel.cluster_n
    p[g.ENGINE], p[g.COOP], p[g.M_SIDE] = kernel.engine, kernel.coop, kernel.m_side
    p[g.WM], p[g.WN] = kernel.warps_m, kernel.warps_n
    grid = [int(v) for v in launch["grid"]]
    tiles_m, tiles_n = ceil(p[g.M] / kernel.tile_m), ceil(p[g.N] / kernel.tile_n)
    p[g.CTAS], p[g.SLOTS], p[g.SPLIT] = prod(grid), 1, 1
    if kernel.engine == names.WGMMA:
        if kernel.splits:
            rows = ceil(tiles_m / kernel.cluster_m) * kernel.cluster_m
            columns = ceil(tiles_n / kernel.cluster_n) * kernel.cluster_n
            p[g.SPLIT] = max(1, round(prod(grid) / (rows * columns)))
    elif kernel.engine == names.XMMA:
        p[g.CM] = t.XMMA_CLUSTER
        p[g.COOP] = 1 if "warpgroupsize2x1x1" in str(launch["name"]) else 0
        if "segment_k_on" in str(launch["name"]):
            p[g.SPLIT] = max(1, prod(grid) // (tiles_m * tiles_n))
    else:
        p[g.SPLIT] = grid[2] if p[g.BATCH] == 1 else 1
        p[g.SLOTS] = resident(launch) if launch.get("block") else listed_slots(kernel)
    p[g.OUT_BYTES] = out_bytes if p[g.SPLIT] == 1 else max(4.0, out_bytes)
    stride = int(p[g.N] * p[g.OUT_BYTES])
    p[g.ALIGN_OUT] = stride & -stride


def resident(launch: Launch) -> int:
    """Return the CTAs of a recorded launch that fit one Hopper SM."""
    threads, registers = prod(launch["block"]), max(int(launch["regs"]), 24)
    by_registers = 65536 // (-(-registers // 8) * 8 * threads)
    by_shared = 233472 // (int(launch["smem"]) + 1024)
    return int(max(1, min(by_registers, by_shared)))


def listed_slots(kernel: GemmKernel) -> int:
    """Return the CTAs of a kernel that fit one SM where only its name and grid were recorded."""
    for name in t.SHORT_LISTS:
        table = t.short_table(name)
        same = (table[:, t.ENGINE] == kernel.engine) & (table[:, t.TM] == kernel.tile_m)
        same &= (table[:, t.TN] == kernel.tile_n) & (table[:, t.TK] == kernel.tile_k)
        if same.any():
            return int(table[same][0, t.SLOTS])
    return 1


def rank_candidates(spec: OpSpec, dev: Any) -> list[dict[str, Any]]:
    """Return our candidates for a matrix product, the likeliest first, one per tile.

    ``dev`` is a device's record (row 0 of its variants). Each has ``tile`` (m, n), ``cluster``,
    ``split_k`` and the predicted ``us`` of its tile kernel. Empty where no choice model exists.
    """
    p = _template(spec)
    if p is None or isinstance(spec, Conv2d) or not takes_nvjet(p, spec_dtype(spec), dev):
        return []
    kind = "8" if p[g.IN_BYTES] == 1 else "16"
    table = nvjet_table(kind)
    bias = float(isinstance(spec, Gemm) and spec.bias)
    likings, times, splits = ranked(dev, p, kind, bias)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for i in np.argsort(-likings, kind="stable"):
        if likings[i] == -1e300:
            break
        tile = int(table[i, t.TM]), int(table[i, t.TN])
        cluster = int(table[i, t.CM]), int(table[i, t.CN])
        found.setdefault(
            tile,
            {"tile": tile, "cluster": cluster, "split_k": int(splits[i]), "us": float(times[i])},
        )
    return list(found.values())


def recorded_tile(kernels: Sequence[Launch]) -> tuple[int, int] | None:
    """Return the (m, n) tile of the tile kernel among ``kernels``."""
    for kernel in kernels:
        parsed = parse_gemm(str(kernel["name"]))
        if parsed is not None:
            return parsed.tile_m, parsed.tile_n
    return None


def spec_dtype(spec: Any) -> str:
    """Return the operand type of a product."""
    return str(spec.dtype)
