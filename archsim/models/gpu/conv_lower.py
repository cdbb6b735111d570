"""From a convolution to its kernels: what cuDNN launches around its implicit GEMM.

What it launches for 16-bit operands is learnt (``conv_choice``): a matrix product, one implicit GEMM,
kernels on fp32 units between layout transposes, a kernel per group on slices of the channels, or
one kernel on groups padded to a power of two. The launches around follow from the shape, as
recorded for channels-last images on Hopper (workloads/measured).
"""  # noqa: E501

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.conv_choice import choose
from archsim.mapping.gpu.conv_kernels import CUT, DIRECT, XMMA, ConvKernel, from_label
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.conv import CLEAR, PACK, PAD, SGEMM, SLICE, TRANSPOSE, UNPACK
from archsim.models.gpu.depthwise_lower import lower_depthwise
from archsim.models.gpu.fprop_lower import Work, fprop_launches, portable
from archsim.models.gpu.gemm_choice import cheapest, fill
from archsim.models.gpu.gemm_lower import (
    describe,
    kernel_name,
    matrix_plans,
    memset,
    table_for,
    template,
)
from archsim.models.gpu.plan import CONV, FIXED, GEMM, OUTPUTS, Plan

SIXTEEN_BIT = ("fp16", "bf16")
CHANNELS = 8
"""Channels of an image that tensor cores read are a multiple of this: 16 bytes."""
MOST_WGMMA_TAPS = 32
"""Taps of the largest filter that cuDNN gives to its wgmma kernels."""
LEAST_PACKED = 4
"""Narrowest group in a packed buffer."""
PACKED_TILE = 64
"""Channels of the tile that narrower groups share."""
SGEMM_TILE = (64, 128)
SMALL_SGEMM_TILE = (32, 32)
"""Tiles of pixels x filters of the kernels on fp32 units."""
FIRST_CHANNELS, LARGE_SIDE, BATCH = 4, 7, 8
"""Channels of an image at most, side of its usual filter, images of a batch at least."""
STREAMS = 4
"""Kernels of groups that run side by side."""
FEW_FILTERS = 384
"""Filters of patches at most that fp32 units take."""
LARGE_TAPS = 49
BORDERS = 4
"""A filter of so many taps is split over the four borders of the image and its inside."""


def lower_conv(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the kernels of one convolution."""
    if spec.groups == spec.cin == spec.cout and spec.groups > 1:
        return lower_depthwise(spec)
    if spec.groups > 1:
        return _grouped(spec, dev)
    if spec.cin <= CHANNELS and spec.r > LARGE_SIDE and spec.cout <= FEW_FILTERS:
        pixels = spec.n * spec.p * spec.q
        return [_sgemm("implicit_convolve_sgemm", spec, pixels, spec.cout, SMALL_SGEMM_TILE)]
    if spec.layout == "nhwc":
        return _dense(spec, dev)
    wide = replace(spec, cin=ceil(spec.cin / CHANNELS) * CHANNELS)
    return _transposed(wide, _dense(wide, dev))  # the transpose pads the channels


def pointwise(spec: Conv2d) -> bool:
    """Return whether the convolution is a matrix product over pixels."""
    same = (spec.p, spec.q) == (spec.h, spec.w)
    return spec.r == spec.s == 1 and same and not spec.padding


def _dense(spec: Conv2d, dev: Any) -> list[Plan]:
    if pointwise(spec):
        return _product(spec, dev)
    if spec.dtype not in SIXTEEN_BIT:
        return _older(spec, dev)
    label = _first_layer(spec) or choose(spec)
    if label == "sgemm":
        return _on_fp32(spec)
    padded, kernel = label.startswith("padded"), label.removeprefix("padded ")
    if spec.cin % CHANNELS and (padded or from_label(kernel).family != DIRECT):
        return _padded(spec, dev, kernel)
    return _implicit(spec, dev, kernel)


def _first_layer(spec: Conv2d) -> str:
    """Return the label of the convolution of an image of few channels; "" for any other.

    Batches have a kernel of their own, here one with an index table; a few images are read
    straight to registers. Patches of a transformer take a tile that suits their many filters.
    """
    if spec.cin > FIRST_CHANNELS:
        return "cut 128x128x32" if spec.cin == CHANNELS and spec.r > LARGE_SIDE else ""
    if spec.r > LARGE_SIDE:
        return "padded cut 128x128x32"
    if spec.n < BATCH:
        return "direct 128x16x32" if spec.r == LARGE_SIDE else "direct 128x32x16"
    return "padded indexed 256x64x32" if spec.r == LARGE_SIDE else ""


def _padded(spec: Conv2d, dev: Any, label: str) -> list[Plan]:
    """Return the kernel over as many channels as tensor cores can read, after padding them."""
    least = FIRST_CHANNELS if "indexed" in label and spec.cin <= FIRST_CHANNELS else CHANNELS
    wide = replace(spec, cin=ceil(spec.cin / least) * least)
    size = dtype_of(spec.dtype).bits / 8
    image, filters = (
        _move("nhwcAddPaddingKernel", PAD, elements * wide.cin, size)
        for elements in (spec.n * spec.h * spec.w, spec.cout * spec.r * spec.s)
    )
    return [memset(), image, memset(), filters, *_implicit(wide, dev, label)]


def _product(spec: Conv2d, dev: Any) -> list[Plan]:
    size = dtype_of(spec.dtype).bits / 8
    pixels = spec.n * spec.p * spec.q
    return matrix_plans(dev, pixels, spec.cout, spec.cin, 1, spec.dtype, size)


def _implicit(spec: Conv2d, dev: Any, label: str) -> list[Plan]:
    """Return the kernel of ``label``, or the nearest that the device has."""
    work = Work.of(spec, spec.cin, spec.cout)
    return fprop_launches(work, _legal(from_label(label), work, dev), float(dev["sm_count"]))


def _legal(kernel: ConvKernel, work: Work, dev: Any) -> ConvKernel:
    """Return ``kernel`` where the device and the filter allow it, else an mma.sync one."""
    if not dev["tensor_kernels_wgmma"]:
        return portable(work, dev)
    wide = kernel.family == XMMA and work.taps > MOST_WGMMA_TAPS
    return ConvKernel(CUT, (64, 64, 64)) if wide else kernel


def implicit_template(spec: Conv2d, cin: int, cout: int) -> np.ndarray[Any, Any]:
    """Return the numbers of an implicit GEMM on a matrix-product kernel, for other types."""
    size = dtype_of(spec.dtype).bits / 8
    pixels, taps = spec.n * spec.p * spec.q, spec.r * spec.s
    p = template(pixels, cout, taps * cin, 1, spec.dtype, size)
    p[g.ALIGN_A] = p[g.ALIGN_B] = 128
    p[g.A_BYTES] = min(spec.n * spec.h * spec.w, pixels * taps) * cin * size
    p[g.TAPS], p[g.CHUNK] = taps, cin
    return p


def _older(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the implicit-GEMM kernel of one group of operands that are not 16 bits wide."""
    p = implicit_template(spec, spec.cin // spec.groups, spec.cout // spec.groups)
    size = float(p[g.OUT_BYTES])
    table = table_for(spec.dtype, p, dev)
    if spec.r * spec.s > MOST_WGMMA_TAPS:
        table = table[table[:, 0] != XMMA + 1]
    row, split = cheapest(dev.reshape(1), p, table, 1.0, np.zeros(OUTPUTS))
    fill(table[row], p, split, dev["sm_count"], size)
    title = kernel_name(p, spec.dtype).replace("gemm", "fprop_implicit_gemm")
    return [Plan(title, GEMM, tuple(p.tolist()), spec.flops / spec.groups, describe(p))]


def _move(
    name: str, kind: int, elements: float, size: float, padded: float = 0.0, passes: int = 1
) -> Plan:
    moved = 0.0 if kind == CLEAR else elements * size
    numbers = (float(kind), moved, elements * size, elements, padded, float(passes))
    return Plan(name, CONV, numbers, 0.0)


def _transposes(spec: Conv2d, inwards: str, outwards: str) -> tuple[Plan, Plan, Plan]:
    """Return the layout transposes of image, filters and output."""
    size = dtype_of(spec.dtype).bits / 8
    sizes = (
        spec.n * spec.h * spec.w * spec.cin, spec.cout * spec.cin * spec.r * spec.s,
        spec.n * spec.p * spec.q * spec.cout,
    )  # fmt: skip
    kernel = "cudnn::engines_precompiled::{}Kernel"
    image, filters, output = (
        _move(kernel.format(way), TRANSPOSE, elements, size)
        for way, elements in zip((inwards, inwards, outwards), sizes, strict=True)
    )
    return image, filters, output


def _transposed(spec: Conv2d, kernels: list[Plan]) -> list[Plan]:
    """Return ``kernels`` between transposes of input and filter, and of the output."""
    image, filters, output = _transposes(spec, "nchwToNhwc", "nhwcToNchw")
    return [image, filters, *kernels, output]


def _on_fp32(spec: Conv2d) -> list[Plan]:
    """Return the kernels on fp32 units, channels first: the image's inside and its four borders."""
    image, filters, output = _transposes(spec, "nhwcToNchw", "nchwToNhwc")
    large = spec.r * spec.s >= LARGE_TAPS
    inside = max(spec.p - spec.r + 1, 1) * max(spec.q - spec.s + 1, 1)
    pixels = spec.n * (inside if large else spec.p * spec.q)
    main = _sgemm("precomputed_convolve_sgemm", spec, pixels, spec.cout, SGEMM_TILE)
    indices = Plan("cudnn::cnn::kern_precompute_indices", FIXED, (), 0.0)
    if not large:
        return [image, indices, main, output]
    border = (spec.n * spec.p * spec.q - pixels) // BORDERS
    edges = [
        _sgemm("implicit_convolve_sgemm", spec, border, spec.cout, SGEMM_TILE)
        for _ in range(BORDERS)
    ]
    return [image, filters, *edges, indices, main, output]


def _sgemm(
    name: str, spec: Conv2d, pixels: int, filters: int, tile: tuple[int, int], beside: int = 1
) -> Plan:
    """Return a kernel on fp32 units; ``beside`` of them share the SMs at a time."""
    size = dtype_of(spec.dtype).bits / 8
    depth = spec.r * spec.s * spec.cin // spec.groups
    ctas = max(ceil(pixels / tile[0]), 1) * ceil(filters / tile[1])
    share = tile[0] * tile[1] / (SGEMM_TILE[0] * SGEMM_TILE[1])
    written = pixels * filters * size
    image = min(spec.n * spec.h * spec.w, pixels * spec.r * spec.s) * spec.cin // spec.groups
    read = (image + filters * depth) * size
    params = (
        float(SGEMM), float(read), float(written), float(pixels * filters), float(depth), 1.0,
        float(ctas * beside), 1.0, share,
    )  # fmt: skip
    return Plan(name, CONV, params, 2.0 * pixels * filters * depth, {"grid": ctas})


def _grouped(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return a kernel per group, on slices or alone, or one kernel, on packed buffers or not."""
    if spec.dtype not in SIXTEEN_BIT:
        return _sliced(spec, _older(spec, dev))
    path, _, label = choose(spec).partition(" ")
    if path == "each":
        pixels, filters = spec.n * spec.p * spec.q, spec.cout // spec.groups
        beside = min(spec.groups, STREAMS)
        tile = SMALL_SGEMM_TILE
        kernel = _sgemm("implicit_convolve_sgemm", spec, pixels, filters, tile, beside)
        return [kernel] * spec.groups
    if path == "slice":
        work = Work.of(spec, spec.cin // spec.groups, spec.cout // spec.groups)
        kernel_of = portable(work, dev) if not dev["tensor_kernels_wgmma"] else from_label(label)
        return _sliced(spec, fprop_launches(work, kernel_of, float(dev["sm_count"]), crowd=1.0))
    return _packed(spec, from_label(label), dev)


def _sliced(spec: Conv2d, kernel: list[Plan]) -> list[Plan]:
    """Return, per group, a slice of the input, an mma.sync kernel and a slice of the output.

    The groups run side by side on streams, so that the kernels crowd each other.
    """
    size = dtype_of(spec.dtype).bits / 8
    inside = spec.n * spec.h * spec.w * spec.cin / spec.groups
    outside = spec.n * spec.p * spec.q * spec.cout / spec.groups
    into, out_of = (_move("nhwcSliceCKernel", SLICE, n, size) for n in (inside, outside))
    return [into, *kernel, out_of] * spec.groups


def packed_work(spec: Conv2d) -> tuple[int, Work]:
    """Return the width that every group is padded to, and the work over all groups."""
    width = LEAST_PACKED
    while width < max(spec.cin, spec.cout) // spec.groups:
        width *= 2
    merged = max(PACKED_TILE // width, 1)
    return width, Work.of(spec, width, width, spec.groups, merged)


def _packed(spec: Conv2d, kernel: ConvKernel, dev: Any) -> list[Plan]:
    """Return one kernel over all groups, each as wide as a power of two, and its transforms."""
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    width, work = packed_work(spec)
    kernels = fprop_launches(work, _legal(kernel, work, dev), float(dev["sm_count"]))
    size, pixels = dtype_of(spec.dtype).bits / 8, spec.n * spec.p * spec.q
    before: list[Plan] = []
    if channels != width:
        image = spec.n * spec.h * spec.w
        clear = _move("Memset (Device)", CLEAR, image * spec.groups * width, size)
        before = [clear, _move("tensorTransformGeneric", PACK, image * spec.cin, size)]
    if channels != width or filters != width:
        weights = spec.cout * channels * spec.r * spec.s
        passes = 1 if width <= PACKED_TILE else 2
        transform = _move("tensorTransformGeneric", PACK, weights, size, passes=passes)
        before += [memset(), transform]
    if filters == width:
        return [*before, *kernels]
    padded = pixels * spec.groups * width
    unpack = _move("tensorTransformGeneric", UNPACK, pixels * spec.cout, size, padded)
    return [*before, *kernels, unpack]
