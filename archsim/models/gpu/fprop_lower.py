"""Plans of implicit-GEMM convolution kernels."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_kernels as k
from archsim.mapping.gpu.conv_kernels import ConvKernel
from archsim.models.gpu.gemm_lower import memset
from archsim.models.gpu.plan import FIXED, FPROP, Plan

LEAST_STEPS = 4
"""K steps that every part of K has at least."""
_TITLES = (
    "sm90_xmma_fprop_implicit_gemm", "cutlass_tensorop_fprop_optimized",
    "sm80_xmma_fprop_implicit_gemm", "sm80_xmma_fprop_implicit_gemm_indexed",
    "sm80_xmma_fprop_implicit_gemm_indexed_wo_smem", "sm80_xmma_fprop_implicit_gemm_ffma",
    "sm80_xmma_fprop_implicit_gemm_indexed_ffma",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Work:
    """What one kernel computes: pixels x filters over taps x chunk channels."""

    pixels: int
    filters: int
    taps: int
    chunk: int
    image_bytes: float
    element: float
    flops: float
    share: float = 1.0
    packed: bool = False

    @classmethod
    def of(
        cls, spec: Conv2d, channels: int, filters: int, groups: int = 1, merged: int = 1
    ) -> Work:
        """Return the work over ``channels`` of each of ``groups`` of ``spec``.

        ``merged`` groups share a tile, which multiplies zeros off their diagonal.
        """
        size = dtype_of(spec.dtype).bits / 8
        pixels, taps = spec.n * spec.p * spec.q, spec.r * spec.s
        read = min(spec.n * spec.h * spec.w, pixels * taps)
        flops = 2.0 * pixels * filters * groups * taps * channels
        image = float(read * channels * groups * size)
        return cls(
            pixels,
            filters * groups,
            taps,
            channels * merged,
            image,
            size,
            flops,
            1.0 / merged,
            groups > 1,
        )

    def steps(self, kernel: ConvKernel) -> int:
        """Return the K steps of one tile."""
        return self.taps * ceil(self.chunk / kernel.tile[2])


def fprop_plan(work: Work, kernel: ConvKernel, ctas: int, parts: int, crowd: float = 0.0) -> Plan:
    """Return the plan of ``kernel`` launched with ``ctas`` CTAs, K in ``parts``."""
    stride = int(work.chunk * work.element)
    tm, tn, tk = kernel.tile
    resident = k.RESIDENT if work.element == 2.0 else k.RESIDENT_FLOATS
    slots = resident.get((kernel.family, *kernel.tile), 1)
    params = (
        work.pixels, work.filters, work.taps * work.chunk, work.taps, work.chunk,
        work.image_bytes, work.filters * work.taps * work.chunk * work.element * work.share,
        work.element, tm, tn, tk, *kernel.warps, slots, kernel.family, *kernel.cluster, ctas,
        parts, kernel.segment, kernel.paired, stride & -stride, crowd, work.share,
        work.packed,
    )  # fmt: skip
    config = {
        "tile": [tm, tn, tk], "cluster": list(kernel.cluster), "grid": ctas, "split_k": parts,
    }  # fmt: skip
    name = f"{_TITLES[kernel.family]}_{tm}x{tn}x{tk}_g{kernel.groups}"
    name += "_segment_k" * kernel.segment
    return Plan(name, FPROP, tuple(float(v) for v in params), work.flops, config)


def launched(work: Work, kernel: ConvKernel, sms: float) -> tuple[int, int]:
    """Return the CTAs and the parts of K of ``kernel`` on ``sms`` SMs."""
    rows, columns = ceil(work.pixels / kernel.tile[0]), ceil(work.filters / kernel.tile[1])
    if kernel.family != k.XMMA:
        return rows * columns * kernel.parts, kernel.parts
    down, across = kernel.cluster
    tiles = ceil(rows / down) * down * ceil(columns / across) * across
    room = k.capacity(kernel.cluster, sms)
    if not kernel.segment:
        return min(tiles, room), 1
    parts = max(min(room // tiles, work.steps(kernel) // LEAST_STEPS), 1)
    return (min(tiles * parts, room), parts)


def fprop_launches(work: Work, kernel: ConvKernel, sms: float, crowd: float = 0.0) -> list[Plan]:
    """Return ``kernel`` and the launch before it that clears its counters, where there is one."""
    ctas, parts = launched(work, kernel, sms)
    plan = fprop_plan(work, kernel, ctas, parts, crowd)
    if kernel.segment:
        return [Plan("init_device_workspace_kernel", FIXED, (), 0.0), plan]
    rows, columns = ceil(work.pixels / kernel.tile[0]), ceil(work.filters / kernel.tile[1])
    handed_out = kernel.family == k.XMMA and rows * columns > 2 * sms
    return [memset(), plan] if handed_out or kernel.parts > 1 else [plan]


def portable(work: Work, dev: Any) -> ConvKernel:
    """Return the mma.sync kernel of fewest rounds of arithmetic, for tensor cores without wgmma."""

    resident = k.RESIDENT if work.element == 2.0 else k.RESIDENT_FLOATS

    def cost(key: tuple[int, ...]) -> tuple[float, int]:
        family, tm, tn, tk = key
        tiles = ceil(work.pixels / tm) * ceil(work.filters / tn)
        waves = ceil(tiles / (float(dev["sm_count"]) * resident[family, tm, tn, tk]))
        steps = work.taps * ceil(work.chunk / tk)
        return waves * resident[family, tm, tn, tk] * steps * tm * tn * tk, -tm * tn

    family, tm, tn, tk = min(
        k.PORTABLE if work.element == 2.0 else k.PORTABLE_FLOATS, key=cost
    )  # fmt: skip
    return ConvKernel(family, (tm, tn, tk))
