"""Plans of the convolution kernels that are no implicit GEMM of a tile, and of layout changes."""

from __future__ import annotations

from math import ceil

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Conv2d
from archsim.models.gpu.conv import (
    CLEAR,
    COMMON,
    CONVERT,
    FIRST,
    PAD,
    SGEMM,
    SLICE,
    SMALL,
    TRANSPOSE,
)
from archsim.models.gpu.gemm_lower import memset
from archsim.models.gpu.plan import CONV, FIXED, Plan

SGEMM_TILE, SMALL_TILE = (64, 128), (32, 32)
"""Tiles of pixels x filters of the kernels on fp32 units."""
TRANSPOSE_SIDE = 32
FIRST_CHANNELS = 4
"""Channels that an index table, and the kernel for first layers, reads."""
LARGE_TAPS = 25
BORDERS = 4
"""A filter of so many taps is split over the four borders of the image and its inside."""


def element_bytes(spec: Conv2d) -> float:
    """Return the bytes of one element."""
    return dtype_of(spec.dtype).bits / 8


def move(
    name: str, kind: int, elements: float, size: float, padded: float = 0.0, passes: int = 1
) -> Plan:
    """Return a kernel that copies ``elements`` of ``size`` bytes, or clears so many."""
    moved = 0.0 if kind == CLEAR else elements * size
    numbers = (float(kind), moved, elements * size, elements, padded, float(passes))
    return Plan(name, CONV, numbers, 0.0)


def _sizes(spec: Conv2d, groups: int = 1) -> tuple[float, float, float]:
    """Return the elements of the image, the filters and the output of one of ``groups``."""
    return (
        spec.n * spec.h * spec.w * spec.cin / groups,
        spec.cout * spec.cin // spec.groups * spec.r * spec.s / groups,
        spec.n * spec.p * spec.q * spec.cout / groups,
    )


def transposed(
    spec: Conv2d, kernels: list[Plan], inwards: str, outwards: str, groups: int = 1,
    filters: bool = True,
) -> list[Plan]:  # fmt: skip
    """Return ``kernels`` between transposes of image and filters, and of the output.

    Filters of one tap, and images of one channel, are the same in both layouts. Where ``inwards``
    or ``outwards`` is empty, that side is as it is wanted.
    """
    size, channels = element_bytes(spec), spec.cin // spec.groups
    before, after = [], []
    if inwards and spec.cin > 1:
        before = [_transpose(inwards, spec.n, spec.h * spec.w, spec.cin // groups, size)]
    if inwards and filters and spec.r * spec.s > 1 and not (channels == 1 < spec.groups):
        before.append(_transpose(inwards, spec.cout // groups, spec.r * spec.s, channels, size))
    if outwards:
        after = [_transpose(outwards, spec.n, spec.p * spec.q, spec.cout // groups, size)]
    return [*before, *kernels, *after]


def _transpose(way: str, count: int, pixels: int, channels: int, size: float) -> Plan:
    """Return the transpose of ``count`` matrices, each in whole tiles of 32 x 32."""
    side = TRANSPOSE_SIDE
    tiles = count * ceil(pixels / side) * ceil(channels / side)
    name = f"cudnn::engines_precompiled::{way}Kernel"
    padded = float(tiles * side * side)
    return move(name, TRANSPOSE, float(count * pixels * channels), size, padded)


def to_planes(spec: Conv2d, kernels: list[Plan], groups: int = 1) -> list[Plan]:
    """Return ``kernels``, which read images channels first, for one that is channels last."""
    return transposed(spec, kernels, "nhwcToNchw", "nchwToNhwc", groups)


def to_pixels(spec: Conv2d, kernels: list[Plan], groups: int = 1, out: bool = True) -> list[Plan]:
    """Return ``kernels``, which read images channels last, for one that is channels first."""
    return transposed(spec, kernels, "nchwToNhwc", "nhwcToNchw" * out, groups)


def converted(spec: Conv2d, kernels: list[Plan]) -> list[Plan]:
    """Return ``kernels`` behind the rounding of image and filters to tf32."""
    name = "cudnn::engines_precompiled::convertTensor_kernel"
    image, weights, _ = _sizes(spec)
    return [move(name, CONVERT, elements, 4.0) for elements in (image, weights)] + kernels


def padded(spec: Conv2d, channels: int) -> list[Plan]:
    """Return the launches that pad image and filters to ``channels``."""
    size = element_bytes(spec)
    image, filters = (
        move("nhwcAddPaddingKernel", PAD, elements * channels, size)
        for elements in (spec.n * spec.h * spec.w, spec.cout * spec.r * spec.s)
    )
    return [memset(), image, memset(), filters]


def sliced(spec: Conv2d, kernels: list[Plan]) -> list[Plan]:
    """Return, per group, a slice of the input, ``kernels`` and a slice of the output."""
    size = element_bytes(spec)
    inside, _, outside = _sizes(spec, spec.groups)
    into, out_of = (move("nhwcSliceCKernel", SLICE, n, size) for n in (inside, outside))
    return [into, *kernels, out_of] * spec.groups


def first_layer(spec: Conv2d) -> list[Plan]:
    """Return the kernel for 7x7 filters of stride 2 over few channels, its image padded to four."""
    depth, outputs = spec.r * spec.s * FIRST_CHANNELS, spec.n * spec.cout * spec.p * spec.q
    ctas = spec.n * ceil(spec.p / 16) * ceil(spec.q / 64) * ceil(spec.cout / 64)
    params = (
        float(FIRST), float(spec.bytes_read), float(spec.bytes_written), float(outputs),
        float(depth), 1.0, float(ctas),
    )  # fmt: skip
    flops = 2.0 * outputs * spec.r * spec.s * spec.cin
    name = "sm90_xmma_fprop_image_first_layer"
    return [Plan(name, CONV, params, flops, {"grid": ctas})]


def small(spec: Conv2d, common: bool = False) -> list[Plan]:
    """Return the kernel of small tiles on fp32 units, one launch a group.

    ``common``: the engine for channels-last images of any filter.
    """
    name = "convolve_common_engine_float_NHWC" if common else "implicit_convolve_sgemm"
    pixels, filters = spec.n * spec.p * spec.q, spec.cout // spec.groups
    ctas = _ctas(pixels, filters, SMALL_TILE)
    kind = COMMON if common else SMALL
    one = _sgemm(name, kind, spec, (pixels, filters), ctas, spec.groups - 1, ctas)
    return [one] * spec.groups


def precomputed(spec: Conv2d, planes: bool) -> list[Plan]:
    """Return the kernels on fp32 units behind a table of indices: the inside and four borders.

    The five run side by side, as the groups do.
    """
    large = spec.r * spec.s >= LARGE_TAPS
    filters, all_pixels = spec.cout // spec.groups, spec.n * spec.p * spec.q
    inside = max(spec.p - spec.r + 1, 1) * max(spec.q - spec.s + 1, 1)
    pixels = spec.n * (inside if large else spec.p * spec.q)
    narrow = spec.r * spec.s == spec.stride == 1
    kind, tile = (SMALL, SMALL_TILE) if narrow else (SGEMM, SGEMM_TILE)
    edge = ceil((all_pixels - pixels) / BORDERS)
    ctas, edges = _ctas(pixels, filters, tile), _ctas(edge, filters, tile)
    others = spec.groups - 1 + BORDERS * (edge > 0)
    beside = (ctas + BORDERS * edges) / (1 + BORDERS) if edge else ctas
    kernels = [Plan("cudnn::cnn::kern_precompute_indices", FIXED, (), 0.0)]
    shape = (pixels, filters)
    name = "precomputed_convolve_sgemm"
    kernels.append(_sgemm(name, kind, spec, shape, ctas, others, edges if edge else ctas))
    if edge:
        name = "implicit_convolve_sgemm"
        one_edge = _sgemm(name, kind, spec, (edge, filters), edges, others, beside)
        kernels = [one_edge] * BORDERS + kernels
    one = kernels if planes else to_planes(spec, kernels, spec.groups)
    return one * spec.groups


def _ctas(pixels: int, filters: int, tile: tuple[int, int]) -> int:
    return max(ceil(pixels / tile[0]), 1) * ceil(filters / tile[1])


def _sgemm(
    name: str, kind: int, spec: Conv2d, shape: tuple[int, int], ctas: int, others: int,
    other_ctas: float,
) -> Plan:  # fmt: skip
    """Return a kernel on fp32 units over pixels x filters: a chain over taps and channels.

    ``others`` such kernels of ``other_ctas`` run on other streams.
    """
    pixels, filters = shape
    size = element_bytes(spec)
    channels = spec.cin // spec.groups
    depth = spec.r * spec.s * channels
    written = pixels * filters * size
    image = min(spec.n * spec.h * spec.w, pixels * spec.r * spec.s) * channels
    read = (image + filters * depth) * size
    params = (
        float(kind), float(read), float(written), float(pixels * filters), float(depth), 1.0,
        float(ctas), float(others), float(other_ctas),
    )  # fmt: skip
    return Plan(name, CONV, params, 2.0 * pixels * filters * depth, {"grid": ctas})
