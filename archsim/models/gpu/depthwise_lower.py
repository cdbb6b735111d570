"""The kernel of a depthwise convolution: one of three, by a tree learnt from recordings."""

from __future__ import annotations

from math import ceil

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.conv_choice import choose
from archsim.models.gpu.conv import DEPTHWISE, GENERIC, SPECIALIZED, TILED
from archsim.models.gpu.plan import CONV, FIXED, Plan

VARIANTS = {"generic": GENERIC, "specialized": SPECIALIZED, "tiled": TILED}
NAMES = ("conv2d_c1_k1_nhwc", "conv2d_c1_k1_nhwc_specialized", "sm90_xmma_depthwise_convolution")
SIXTEEN_BIT = ("fp16", "bf16")
_SLOTS = {3: 7, 5: 4}
"""CTAs of the specialised kernel that fit one SM, by filter; 2 of the widest."""


def lower_depthwise(spec: Conv2d) -> list[Plan]:
    """Return the depthwise kernel and, where there is one, the launch that prepares it.

    The specialised kernel covers tiles of 64 channels x 96 pixels, the others 1,024 outputs.
    """
    kind = choose(spec) if spec.dtype in SIXTEEN_BIT else "generic"
    variant = VARIANTS[kind]
    outputs = spec.n * spec.cout * spec.p * spec.q
    if variant == SPECIALIZED:
        rows = 12 if spec.stride == 1 else 8
        lines = spec.n * (spec.p + (spec.stride == 1))
        ctas = ceil(spec.q / 8) * ceil(lines / rows) * spec.cout / 64
        slots = _SLOTS.get(spec.r, 2 if spec.r > 5 else 7)
    else:
        ctas = ceil(outputs / 1024)
        slots = {3: 6, 5: 3}.get(spec.r, 2 if spec.r > 5 else 6)
    ctas = max(ceil(ctas), 1)
    cover = min(spec.p / 7, 1.0) * min(spec.q / 7, 1.0) if variant == SPECIALIZED else 1.0
    params = (
        DEPTHWISE, spec.bytes_read, spec.bytes_written, outputs, spec.r * spec.s, spec.stride,
        ctas, slots, outputs / ctas, variant, cover,
    )  # fmt: skip
    numbers = tuple(float(v) for v in params)
    plan = Plan(NAMES[variant], CONV, numbers, float(spec.flops), {"grid": ctas})
    helper = Plan("sm90_xmma_depthwise_convolution_helper", FIXED, (), 0.0)
    return [helper, plan] if variant == TILED else [plan]
