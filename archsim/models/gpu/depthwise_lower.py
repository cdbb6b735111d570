"""The kernel of a depthwise convolution, and the direct kernel of any groups."""

from __future__ import annotations

from math import ceil, log2

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.conv_choice import planar
from archsim.models.gpu import conv_around as around
from archsim.models.gpu.conv import (
    DEPTHWISE,
    DIRECT,
    FLOATS,
    GENERIC,
    NATIVE,
    PLANES,
    SPECIALIZED,
    TILED,
)
from archsim.models.gpu.conv_around import element_bytes
from archsim.models.gpu.plan import CONV, FIXED, Plan

VARIANTS = {
    "generic": GENERIC, "specialized": SPECIALIZED, "tiled": TILED, "native": NATIVE,
    "planes": PLANES,
}  # fmt: skip
NAMES = (
    "conv2d_c1_k1_nhwc", "conv2d_c1_k1_nhwc_specialized", "sm90_xmma_depthwise_convolution",
    "cudnn::cnn::conv2d_grouped_direct_kernel", "at::native::conv_depthwise2d_forward_kernel",
    "conv2d_c1_k1_nchw_shmem_tiling", "conv2d_c1_k1_nhwc",
)  # fmt: skip
SIXTEEN_BIT = ("fp16", "bf16")
_SLOTS = {3: 7, 5: 4}
"""CTAs of the specialised kernel that fit one SM, by filter; 2 of the widest."""


def _even(size: int) -> int:
    """Return ``size`` in whole pairs: a thread has a square of four outputs."""
    return size + size % 2


def lower_depthwise(spec: Conv2d, kind: str) -> list[Plan]:
    """Return the depthwise kernel called ``kind`` and the launches around it.

    The specialised kernel covers tiles of 64 channels x 96 pixels, the others 1,024 outputs.
    """
    variant = VARIANTS[kind]
    if variant == GENERIC and spec.dtype not in SIXTEEN_BIT:
        variant = FLOATS
    outputs = spec.n * spec.cout * _even(spec.p) * _even(spec.q)
    if variant == SPECIALIZED:
        rows = 12 if spec.stride == 1 else 8
        lines = spec.n * (spec.p + (spec.stride == 1))
        ctas = ceil(spec.q / 8) * ceil(lines / rows) * spec.cout / 64
        slots = _SLOTS.get(spec.r, 2 if spec.r > 5 else 7)
    else:
        ctas = ceil(outputs / 1024)
        slots = {3: 6, 5: 3}.get(spec.r, 2 if spec.r > 5 else 6)
    if variant in (NATIVE, PLANES):
        slots = 2
    ctas = max(ceil(ctas), 1)
    cover = min(spec.p / 7, 1.0) * min(spec.q / 7, 1.0) if variant == SPECIALIZED else 1.0
    plan = _plan(spec, variant, ctas, slots, spec.r * spec.s, cover)
    if variant != TILED:
        return [plan]
    helper = Plan("sm90_xmma_depthwise_convolution_helper", FIXED, (), 0.0)
    kernels = [helper, plan]
    if not planar(spec):
        return kernels
    return around.transposed(spec, kernels, "nchwToNhwc", "nhwcToNchw")


def lower_direct(spec: Conv2d) -> list[Plan]:
    """Return the kernel that computes an output a thread, over taps and channels of its group."""
    ctas = ceil(spec.n * spec.cout * spec.p * spec.q / 1024)
    channels = 1 if planar(spec) else spec.cin
    step = max(log2(element_bytes(spec) * channels * spec.stride), 1.0)
    return [_plan(spec, DIRECT, ctas, 2, spec.r * spec.s * (spec.cin // spec.groups), step)]


def _plan(spec: Conv2d, variant: int, ctas: int, slots: int, taps: int, cover: float) -> Plan:
    outputs = spec.n * spec.cout * spec.p * spec.q
    params = (
        DEPTHWISE, spec.bytes_read, spec.bytes_written, outputs, taps, spec.stride, ctas,
        slots, outputs / ctas, variant, cover,
    )  # fmt: skip
    numbers = tuple(float(v) for v in params)
    return Plan(NAMES[variant], CONV, numbers, float(spec.flops), {"grid": ctas})
