"""Convolution kernels that are no implicit GEMM: depthwise ones, slices and layout transforms.

``KIND``: 0 depthwise on channels-last data, 1 a slice of channels, 2 a generic tensor transform
that packs, 3 one that unpacks, 4 a transpose between channels-first and channels-last, 5 a memset
of a buffer.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.common import attribute, hbm_us, overlap, traffic
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    COMPUTE,
    HBM,
    L2,
    L2_BYTES,
    LAUNCH,
    RESIDENT,
)

C_KIND, C_READ, C_WRITTEN, C_ELEMENTS = 0, 1, 2, 3
C_TAPS, C_STRIDE, C_CTAS, C_SLOTS, C_TILE, C_SPECIAL, C_COVER = 4, 5, 6, 7, 8, 9, 10
DEPTHWISE, SLICE, PACK, UNPACK, TRANSPOSE, CLEAR = 0, 1, 2, 3, 4, 5


@njit
def time_conv(dev: Any, p: Any, out: Any) -> None:
    """Price one depthwise, slice, transform or clearing kernel."""
    us = 1e6 / dev.clock_boost_hz
    traffic(dev, out, p[C_READ], p[C_WRITTEN], p[RESIDENT])
    out[HBM] = hbm_us(dev, p[C_READ] * (1.0 - p[RESIDENT]), p[C_WRITTEN])
    out[L2] = out[L2_BYTES] / dev.l2_bytes_per_clk * us
    exposed = 0.0
    if p[C_KIND] == DEPTHWISE:
        exposed = depthwise(dev, p, out)
    else:
        moved = p[C_ELEMENTS] / 1e6
        if p[C_KIND] == SLICE:
            out[LAUNCH] = dev.tensor_kernels_conv_slice_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_slice_us_per_million
        elif p[C_KIND] == PACK:
            out[LAUNCH] = dev.tensor_kernels_conv_transform_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_pack_us_per_million
        elif p[C_KIND] == UNPACK:
            out[LAUNCH] = dev.tensor_kernels_conv_transform_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_unpack_us_per_million
        elif p[C_KIND] == TRANSPOSE:
            out[LAUNCH] = dev.tensor_kernels_conv_transpose_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_transpose_us_per_million
        else:
            out[LAUNCH] = dev.launch_memset_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_clear_us_per_million
    body = overlap(out[COMPUTE], max(out[HBM], out[L2]), 4.0)
    attribute(out, body, exposed)


@njit
def depthwise(dev: Any, p: Any, out: Any) -> float:
    """Fill in the SM time of a depthwise kernel; return its exposed first loads.

    A CTA works off a tile of outputs. Each output costs its share of loads and its taps; a CTA
    alone is bound by its chain of loads, one per tap, shorter where the image does not cover it.
    """
    us = 1e6 / dev.clock_boost_hz
    loads = dev.tensor_kernels_conv_depthwise_load_clk * p[C_STRIDE] * p[C_STRIDE]
    each = loads + dev.tensor_kernels_conv_depthwise_tap_clk * p[C_TAPS]
    busy = each * p[C_TILE]
    chain = dev.tensor_kernels_conv_depthwise_chain_clk * p[C_TAPS] * p[C_COVER]
    per_sm = ceil(p[C_CTAS] / dev.sm_count)
    slots = min(p[C_SLOTS], per_sm)
    clk = (per_sm // slots) * overlap(slots * busy, chain, 3.0)
    left = per_sm % slots
    if left > 0.0:
        clk += overlap(left * busy, chain, 3.0)
    out[LAUNCH] = dev.tensor_kernels_conv_depthwise_us
    cold = dev.tensor_kernels_conv_depthwise_cold_us
    if p[C_SPECIAL] > 0.0:
        out[LAUNCH] += dev.tensor_kernels_conv_specialized_us
        cold *= 2.0 if p[C_TAPS] < 10.0 else 1.0
    out[COMPUTE] = clk * us
    peak = dev.sm_fp16_flop_per_clk * dev.sm_count
    out[BOUND_COMPUTE_US] = 2.0 * p[C_ELEMENTS] * p[C_TAPS] / peak * us
    return float(cold * p[C_STRIDE] * p[C_COVER] * (1.0 - p[RESIDENT]))
