"""From a convolution to its kernels: nvjet, implicit GEMM, depthwise, or groups by slices.

The rules are those of PyTorch on cuDNN 9 as recorded for channels-last fp16 on Hopper
(workloads/measured): pointwise convolutions are matrix products; a depthwise one has kernels of its own;
groups of equal width run one by one on slices of the channels, others become one dense
convolution over packed buffers; channels-first tensors are transposed and back.
"""  # noqa: E501

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.tiles import conv_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.conv import CLEAR, DEPTHWISE, PACK, SLICE, TRANSPOSE, UNPACK
from archsim.models.gpu.gemm_choice import cheapest, fill
from archsim.models.gpu.gemm_lower import (
    describe,
    kernel_name,
    matrix_plans,
    memset,
    template,
)
from archsim.models.gpu.plan import CONV, GEMM, OUTPUTS, Plan

PACKED_GROUP = 16
"""Widest group of which several share one packed tile of 64 channels."""
PACKED_TILE = 64
MOST_WGMMA_TAPS = 32
"""Taps of the largest filter that cuDNN gives to its wgmma kernels."""
DIRECT_GROUPS = (32, 128)
DIRECT_PIXELS = 3000
"""Widths of groups that the ordinary kernel covers group by group, from so many pixels on."""


def lower_conv(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the kernels of one convolution."""
    if spec.groups == spec.cin == spec.cout and spec.groups > 1:
        return [_depthwise(spec)]
    if spec.groups > 1:
        return _grouped(spec, dev)
    kernels = _dense(spec, dev)
    return kernels if spec.layout == "nhwc" else _transposed(spec, kernels)


def _dense(spec: Conv2d, dev: Any) -> list[Plan]:
    size = dtype_of(spec.dtype).bits / 8
    same = (spec.p, spec.q) == (spec.h, spec.w)
    if spec.r == 1 and spec.s == 1 and same and not spec.padding:
        pixels = spec.n * spec.p * spec.q
        return matrix_plans(dev, pixels, spec.cout, spec.cin, 1, spec.dtype, size)
    return _implicit(spec, dev, spec.cin, spec.cout)


def implicit_template(spec: Conv2d, cin: int, cout: int, groups: float = 1) -> np.ndarray[Any, Any]:
    """Return the numbers of an implicit GEMM: pixels x filters over taps and channels.

    The kernel reads ``groups`` times ``cin`` channels of the input.
    """
    size = dtype_of(spec.dtype).bits / 8
    pixels, taps = spec.n * spec.p * spec.q, spec.r * spec.s
    p = template(pixels, cout, taps * cin, 1, spec.dtype, size)
    p[g.ALIGN_A] = p[g.ALIGN_B] = 128
    p[g.A_BYTES] = min(spec.n * spec.h * spec.w, pixels * taps) * cin * groups * size
    p[g.TAPS], p[g.CHUNK] = taps, cin
    return p


def _implicit(
    spec: Conv2d, dev: Any, cin: int, cout: int, *, groups: int = 1, wgmma: bool = True,
    crowd: float = 0.0,
) -> list[Plan]:  # fmt: skip
    """Return the implicit-GEMM kernel over ``cin`` to ``cout`` channels, ``groups`` in one."""
    p = implicit_template(spec, cin, cout, groups)
    size = float(p[g.OUT_BYTES])
    name = spec.dtype if spec.dtype in ("fp32", "tf32", "fp64") else "conv"
    few = wgmma and spec.r * spec.s <= MOST_WGMMA_TAPS
    table = conv_table(name, few and bool(dev["tensor_kernels_wgmma"]))
    row, split = cheapest(dev, p, table, 1.0, np.zeros(OUTPUTS))
    fill(table[row], p, split, dev["sm_count"], size)
    p[g.CROWD] = crowd
    flops = 2.0 * float(p[g.M]) * cout * cin * spec.r * spec.s
    title = kernel_name(p, spec.dtype).replace("gemm", "fprop_implicit_gemm")
    kernels = [Plan(title, GEMM, tuple(p.tolist()), flops, describe(p))]
    tiles = ceil(p[g.M] / p[g.TM]) * ceil(p[g.N] / p[g.TN])
    if p[g.ENGINE] == 1 and tiles > 2 * dev["sm_count"]:
        kernels.insert(0, memset())
    return kernels


def _depthwise(spec: Conv2d) -> Plan:
    """Return the depthwise kernel: tiles of 64 channels x 96 pixels, or 1,024 outputs for n 1."""
    outputs = spec.n * spec.cout * spec.p * spec.q
    special = spec.n > 1
    if special:
        rows = 12 if spec.stride == 1 else 8
        lines = spec.n * (spec.p + (spec.stride == 1))
        ctas = ceil(spec.q / 8) * ceil(lines / rows) * spec.cout / 64
        slots = {3: 7, 5: 4}.get(spec.r, 2 if spec.r > 5 else 7)
    else:
        ctas = ceil(outputs / 1024)
        slots = {3: 6, 5: 3}.get(spec.r, 2 if spec.r > 5 else 6)
    ctas = max(ceil(ctas), 1)
    cover = min(spec.p / 7, 1.0) * min(spec.q / 7, 1.0) if special else 1.0
    params = (
        DEPTHWISE, spec.bytes_read, spec.bytes_written, outputs, spec.r * spec.s, spec.stride,
        ctas, slots, outputs / ctas, special, cover,
    )  # fmt: skip
    name = "conv2d_c1_k1_nhwc_specialized" if special else "conv2d_c1_k1_nhwc"
    config = {"grid": ctas}
    return Plan(name, CONV, tuple(float(v) for v in params), float(spec.flops), config)


def _move(name: str, kind: int, elements: float, size: float) -> Plan:
    moved = 0.0 if kind == CLEAR else elements * size
    return Plan(name, CONV, (float(kind), moved, elements * size, elements), 0.0)


def _transposed(spec: Conv2d, kernels: list[Plan]) -> list[Plan]:
    """Return ``kernels`` between transposes of input and filter, and of the output."""
    size = dtype_of(spec.dtype).bits / 8
    inside = spec.n * spec.h * spec.w * spec.cin
    outside = spec.n * spec.p * spec.q * spec.cout
    filters = spec.cout * spec.cin * spec.r * spec.s
    to_last = "cudnn::engines_precompiled::nchwToNhwcKernel"
    to_first = "cudnn::engines_precompiled::nhwcToNchwKernel"
    return [
        _move(to_last, TRANSPOSE, inside, size), _move(to_last, TRANSPOSE, filters, size),
        *kernels, _move(to_first, TRANSPOSE, outside, size),
    ]  # fmt: skip


def _grouped(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return one packed kernel, a slice of kernels per group, or one kernel on packed buffers."""
    cin, cout = spec.cin // spec.groups, spec.cout // spec.groups
    wide = spec.groups * cin >= 2 * PACKED_TILE or cin == PACKED_GROUP // 2
    if cin == cout and 4 <= cin <= PACKED_GROUP and wide:
        return _packed(spec, dev)
    pixels = spec.n * spec.p * spec.q
    if cin == cout and cin in DIRECT_GROUPS and pixels >= DIRECT_PIXELS and spec.n > 1:
        return _implicit(spec, dev, cin, spec.cout, groups=spec.groups)
    if cin == cout or spec.n == 1 or spec.r == 1:
        return _sliced(spec, dev)
    return _repacked(spec, dev)


def _sliced(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return, per group, a slice of the input, an mma.sync kernel and a slice of the output.

    The groups run side by side on streams, so that the kernels crowd each other.
    """
    size = dtype_of(spec.dtype).bits / 8
    inside = spec.n * spec.h * spec.w * spec.cin / spec.groups
    outside = spec.n * spec.p * spec.q * spec.cout / spec.groups
    cin, cout = spec.cin // spec.groups, spec.cout // spec.groups
    kernel = _implicit(spec, dev, cin, cout, wgmma=False, crowd=1.0)
    one = [
        _move("nhwcSliceCKernel", SLICE, inside, size),
        *kernel,
        _move("nhwcSliceCKernel", SLICE, outside, size),
    ]
    return one * spec.groups


def _repacked(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return transforms to and from packed buffers around one kernel over all groups.

    Groups that become twice as wide and end on a power of two stay apart and need no unpacking;
    others become one dense convolution with zeros off the diagonal.
    """
    size = dtype_of(spec.dtype).bits / 8
    inside = spec.n * spec.h * spec.w * spec.cin
    outside = spec.n * spec.p * spec.q * spec.cout
    cin, cout = spec.cin // spec.groups, spec.cout // spec.groups
    apart = cout == 2 * cin and cout in (16, 32, 64)
    filters = spec.cout * cin * spec.r * spec.s
    weights = [memset(), _move("tensorTransformGeneric", PACK, filters, size)]
    packed = [
        _move("Memset (Device)", CLEAR, inside, size),
        _move("tensorTransformGeneric", PACK, inside, size), *weights,
    ]  # fmt: skip
    if apart:
        return packed + _implicit(spec, dev, cin, spec.cout, groups=spec.groups)
    if cin % PACKED_TILE == 0:  # groups of whole tiles are read in place
        unpack = _move("tensorTransformGeneric", UNPACK, outside * 2.0, size)
        kernel = _implicit(spec, dev, cin, cout * spec.groups, groups=spec.groups)
        return [*weights, *kernel, unpack]
    padded = outside * max(1.0, 0.6 * cin / cout)
    return [
        *packed, *_implicit(spec, dev, spec.cin, spec.cout),
        _move("tensorTransformGeneric", UNPACK, padded, size),
    ]  # fmt: skip


def _packed(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the kernel whose tiles hold all groups of 64 channels at once."""
    blocks = ceil(spec.cin / PACKED_TILE)
    p = implicit_template(spec, PACKED_TILE, PACKED_TILE * blocks, spec.cin / PACKED_TILE)
    table = conv_table("packed", bool(dev["tensor_kernels_wgmma"]))
    fill(table[0], p, 1.0, dev["sm_count"], float(p[g.OUT_BYTES]))
    name = kernel_name(p, spec.dtype).replace("gemm", "fprop_implicit_gemm_packed")
    return [Plan(name, GEMM, tuple(p.tolist()), float(spec.flops), describe(p))]
