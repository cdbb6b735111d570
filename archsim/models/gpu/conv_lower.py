"""From a convolution to its kernels: what cuDNN launches around its implicit GEMM.

What it launches is learnt (``conv_choice``): a matrix product, one implicit GEMM, kernels on fp32
units, a kernel per group on slices of the channels, or one kernel on groups padded to a power of
two. The launches around follow from the kernel and the image's layout, as recorded on Hopper
(workloads/measured): a transpose where the two differ, padded channels, a rounding to tf32.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.conv_choice import CLASSES, choose, planar
from archsim.mapping.gpu.conv_kernels import (
    CUT,
    DIRECT,
    INDEXED,
    PLANAR,
    XMMA,
    ConvKernel,
    from_label,
    packed_width,
)
from archsim.mapping.gpu.conv_labels import PRODUCT
from archsim.models.gpu import conv_around as around
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.conv import CLEAR, PACK, UNPACK
from archsim.models.gpu.conv_around import element_bytes, move
from archsim.models.gpu.depthwise_lower import lower_depthwise, lower_direct
from archsim.models.gpu.fprop_lower import Work, fprop_launches, portable
from archsim.models.gpu.gemm_cheapest import cheapest, fill
from archsim.models.gpu.gemm_lower import (
    describe,
    kernel_name,
    matrix_plans,
    memset,
    table_for,
    template,
)
from archsim.models.gpu.plan import GEMM, OUTPUTS, Plan

SIXTEEN_BIT = ("fp16", "bf16")
CHANNELS = 8
"""Channels of an image that tensor cores read are a multiple of this: 16 bytes."""
FP32 = ("common", "implicit", "precomputed")
"""Labels of kernels on fp32 units."""
NO_PRODUCT = ConvKernel(CUT, (64, 64, 64))
"""The kernel of a convolution that is no matrix product, whatever the tree says."""
PACKED_TILE = 64
"""Wider groups take two passes to pack their filters."""


def lower_conv(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the kernels of one convolution."""
    if spec.dtype in CLASSES:
        return lower_as(spec, choose(spec), dev)
    if spec.groups == 1:
        return _product(spec, dev) if pointwise(spec) else _other(spec, dev)
    if spec.groups == spec.cin == spec.cout:
        return lower_depthwise(spec, "generic")
    return around.sliced(spec, _other(spec, dev))


def lower_as(spec: Conv2d, label: str, dev: Any) -> list[Plan]:
    """Return the kernels of a convolution that is computed as ``label`` says."""
    path, _, rest = label.partition(" ")
    if label in ("generic", "specialized", "tiled", "native", "planes"):
        return lower_depthwise(spec, label)
    if label == "grouped_direct":
        return lower_direct(spec)
    if label == PRODUCT:
        return _product(spec, dev) if pointwise(spec) else _dense(spec, NO_PRODUCT, False, dev)
    if label == "first_layer":
        return _first_layer(spec)
    if label in FP32 or path == "each":
        return _on_fp32(spec, rest or label)
    if path == "slice":
        return _sliced(spec, from_label(rest), dev)
    if path == "pack":
        return _packed(spec, from_label(rest), dev)
    return _dense(spec, from_label(rest if path == "padded" else label), path == "padded", dev)


def pointwise(spec: Conv2d) -> bool:
    """Return whether the convolution is a matrix product over pixels."""
    same = (spec.p, spec.q) == (spec.h, spec.w)
    return spec.r == spec.s == 1 and same and not spec.padding


def _product(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the matrix product: over all pixels, or a batch of images that are channels first.

    Over all pixels cuDNN mostly takes kernels that hand out tiles by a fixed rule (two of three
    recorded ones of more than 264 tiles) and so need no counter to be cleared.
    """
    size, pixels = element_bytes(spec), spec.p * spec.q
    if planar(spec):
        return matrix_plans(dev, pixels, spec.cout, spec.cin, spec.n, spec.dtype, size)
    plans = matrix_plans(dev, pixels * spec.n, spec.cout, spec.cin, 1, spec.dtype, size)
    return [plan for plan in plans if plan.family == GEMM]


def _on_fp32(spec: Conv2d, kind: str) -> list[Plan]:
    if kind == "precomputed":
        return around.precomputed(spec, planar(spec))
    return around.small(spec, kind == "common")


def _dense(spec: Conv2d, kernel: ConvKernel, pad: bool, dev: Any) -> list[Plan]:
    """Return an implicit GEMM with the layout it needs on both sides."""
    table = kernel.family == INDEXED and spec.cin <= around.FIRST_CHANNELS
    least = around.FIRST_CHANNELS if table else CHANNELS
    odd = spec.cin % CHANNELS and kernel.family not in (DIRECT, *PLANAR)
    wide = replace(spec, cin=ceil(spec.cin / least) * least) if pad or odd else spec
    kernels = _implicit(wide, kernel, dev)
    if kernel.family in PLANAR:
        return kernels if planar(spec) else around.to_planes(spec, kernels)
    if planar(spec):
        return around.to_pixels(spec, kernels, out=not kernel.planes)
    if kernel.planes:
        kernels = around.transposed(spec, kernels, "", "nchwToNhwc")
    if pad or odd:
        return [*around.padded(spec, wide.cin), *kernels]
    if spec.dtype == "tf32" and kernel.family != XMMA:
        return around.converted(spec, kernels)
    return kernels


def _first_layer(spec: Conv2d) -> list[Plan]:
    kernels = around.first_layer(spec)
    if planar(spec):
        return around.to_pixels(spec, kernels)
    if spec.cin == around.FIRST_CHANNELS:
        return kernels
    return [*around.padded(spec, around.FIRST_CHANNELS), *kernels]


def _implicit(spec: Conv2d, kernel: ConvKernel, dev: Any) -> list[Plan]:
    """Return ``kernel``, or the nearest that the device has."""
    work = Work.of(spec, spec.cin, spec.cout)
    return fprop_launches(work, _legal(kernel, work, dev), float(dev["sm_count"]))


def _legal(kernel: ConvKernel, work: Work, dev: Any) -> ConvKernel:
    """Return ``kernel`` where the device allows it, else an mma.sync one."""
    if dev["tensor_kernels_wgmma"] or kernel.family in PLANAR:
        return kernel
    return portable(work, dev)


def implicit_template(spec: Conv2d, cin: int, cout: int) -> np.ndarray[Any, Any]:
    """Return the numbers of an implicit GEMM on a matrix-product kernel, for other types."""
    size = element_bytes(spec)
    pixels, taps = spec.n * spec.p * spec.q, spec.r * spec.s
    p = template(pixels, cout, taps * cin, 1, spec.dtype, size)
    p[g.ALIGN_A] = p[g.ALIGN_B] = 128
    p[g.A_BYTES] = min(spec.n * spec.h * spec.w, pixels * taps) * cin * size
    p[g.TAPS], p[g.CHUNK] = taps, cin
    return p


def _other(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the implicit GEMM of one group of a type whose choice was not recorded."""
    p = implicit_template(spec, spec.cin // spec.groups, spec.cout // spec.groups)
    size = float(p[g.OUT_BYTES])
    table = table_for(spec.dtype, p, dev)
    row, split = cheapest(dev.reshape(1), p, table, 1.0, np.zeros(OUTPUTS))
    fill(table[row], p, split, dev["sm_count"], size)
    title = kernel_name(p, spec.dtype).replace("gemm", "fprop_implicit_gemm")
    return [Plan(title, GEMM, tuple(p.tolist()), spec.flops / spec.groups, describe(p))]


def _sliced(spec: Conv2d, kernel: ConvKernel, dev: Any) -> list[Plan]:
    """Return a kernel per group, each on its channels of the image.

    The groups run side by side on streams, so that the kernels crowd each other. A slice where
    both sides are channels last, a transpose where the layouts differ; a group of an image whose
    channels come first lies apart already.
    """
    work = Work.of(spec, spec.cin // spec.groups, spec.cout // spec.groups)
    sms = float(dev["sm_count"])
    kernels = fprop_launches(work, _legal(kernel, work, dev), sms, crowd=spec.groups)
    if kernel.family in PLANAR:
        return (kernels if planar(spec) else around.to_planes(spec, kernels, spec.groups)) * (
            spec.groups
        )
    if planar(spec):
        return around.to_pixels(spec, kernels, spec.groups) * spec.groups
    if spec.dtype == "tf32":
        one = replace(spec, cin=spec.cin // spec.groups, cout=spec.cout // spec.groups, groups=1)
        kernels = around.converted(one, kernels)[1:]  # the slice rounds the image
    return around.sliced(spec, kernels)


def packed_work(spec: Conv2d, kernel: ConvKernel) -> tuple[int, Work]:
    """Return the width that every group is padded to, and the work over all groups."""
    width = packed_width(spec.cin // spec.groups, spec.cout // spec.groups)
    return width, Work.of(spec, width, width, spec.groups, kernel.groups)


def _packed(spec: Conv2d, kernel: ConvKernel, dev: Any) -> list[Plan]:
    """Return one kernel over all groups, each as wide as a power of two, and its transforms."""
    channels, filters = spec.cin // spec.groups, spec.cout // spec.groups
    width, work = packed_work(spec, kernel)
    kernels = fprop_launches(work, _legal(kernel, work, dev), float(dev["sm_count"]))
    size, pixels = element_bytes(spec), spec.n * spec.p * spec.q
    before: list[Plan] = []
    image = spec.n * spec.h * spec.w
    if channels != width:
        clear = move("Memset (Device)", CLEAR, image * spec.groups * width, size)
        before = [clear, move("tensorTransformGeneric", PACK, image * spec.cin, size)]
    if channels != width or filters != width:
        weights = spec.cout * channels * spec.r * spec.s
        passes = 1 if width <= PACKED_TILE else 2
        transform = move("tensorTransformGeneric", PACK, weights, size, passes=passes)
        before += [memset(), transform]
    if planar(spec):  # the transposes pack and unpack
        before = before[2:] if channels != width else before
        packed_already = channels != width or filters != width
        return before + around.transposed(
            spec, kernels, "nchwToNhwc", "nhwcToNchw", filters=not packed_already
        )
    if filters == width:
        return [*before, *kernels]
    padded = pixels * spec.groups * width
    unpack = move("tensorTransformGeneric", UNPACK, pixels * spec.cout, size, padded)
    return [*before, *kernels, unpack]
