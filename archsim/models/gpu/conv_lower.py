"""From a convolution to its kernels: nvjet, implicit GEMM, depthwise, or groups by slices."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from archsim.formats import dtype as dtype_of
from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.tiles import conv_table
from archsim.models.gpu.conv import DEPTHWISE, SLICE, TRANSFORM
from archsim.models.gpu.gemm_choice import cheapest, fill
from archsim.models.gpu.gemm_lower import describe, kernel_name, matrix_plans, memset, template
from archsim.models.gpu.plan import CONV, GEMM, OUTPUTS, Plan


def lower_conv(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return the kernels of one convolution over channels-last images."""
    pixels = spec.n * spec.p * spec.q
    if spec.groups == spec.cin and spec.groups == spec.cout and spec.groups > 1:
        return [_depthwise(spec)]
    if spec.groups > 1:
        return _grouped(spec, dev)
    pointwise = spec.r == 1 and spec.s == 1 and spec.stride == 1 and spec.padding == 0
    if pointwise and spec.cin % 8 == 0 and spec.cout % 8 == 0:
        size = dtype_of(spec.dtype).bits / 8
        return matrix_plans(dev, pixels, spec.cout, spec.cin, 1, spec.dtype, size)
    return _implicit(spec, dev, spec.cin, spec.cout)


def _implicit(spec: Conv2d, dev: Any, cin: int, cout: int) -> list[Plan]:
    """Return the implicit-GEMM kernel over ``cin`` to ``cout`` channels."""
    size = dtype_of(spec.dtype).bits / 8
    pixels = spec.n * spec.p * spec.q
    deep = spec.r * spec.s * ceil(cin / 8) * 8
    p = template(pixels, cout, deep, 1, spec.dtype, size)
    p[21], p[22] = 128, 128
    p[25] = min(spec.n * spec.h * spec.w * cin, pixels * deep) * size
    table = conv_table(bool(dev["tensor_kernels_wgmma"]))
    row, split = cheapest(dev, p, table, 1.0, np.zeros(OUTPUTS))
    fill(table[row], p, split, dev["sm_count"], size)
    flops = 2.0 * pixels * cout * cin * spec.r * spec.s
    name = kernel_name(p, spec.dtype).replace("gemm", "fprop_implicit_gemm")
    return [Plan(name, GEMM, tuple(p.tolist()), flops, describe(p))]


def _depthwise(spec: Conv2d) -> Plan:
    outputs = spec.n * spec.cout * spec.p * spec.q
    params = (DEPTHWISE, spec.bytes_read, spec.bytes_written, outputs, spec.r * spec.s)
    return Plan(
        "conv2d_c1_k1_nhwc_specialized", CONV, tuple(float(v) for v in params), float(spec.flops)
    )


def _move(name: str, kind: int, elements: float, size: float) -> Plan:
    params = (float(kind), elements * size, elements * size, elements)
    return Plan(name, CONV, params, 0.0)


def _grouped(spec: Conv2d, dev: Any) -> list[Plan]:
    """Return a slice in, a kernel and a slice out per group, or one kernel between transforms."""
    size = dtype_of(spec.dtype).bits / 8
    inside = spec.n * spec.h * spec.w * spec.cin
    outside = spec.n * spec.p * spec.q * spec.cout
    cin, cout = spec.cin // spec.groups, spec.cout // spec.groups
    if spec.groups <= 4:
        one = [
            _move("nhwcSliceCKernel", SLICE, inside / spec.groups, size),
            *_implicit(spec, dev, cin, cout),
            _move("nhwcSliceCKernel", SLICE, outside / spec.groups, size),
        ]
        return one * spec.groups
    filters = spec.cout * cin * spec.r * spec.s
    return [
        memset(), _move("tensorTransformGeneric", TRANSFORM, inside, size),
        memset(), _move("tensorTransformGeneric", TRANSFORM, filters, size),
        *_implicit(spec, dev, spec.cin, spec.cout),
        _move("tensorTransformGeneric", TRANSFORM, outside, size),
    ]  # fmt: skip
