"""Convolution kernels that are no implicit GEMM: depthwise ones, slices and layout transforms.

``KIND``: 0 depthwise, 1 a slice of channels, 2 a generic tensor transform that packs, 3 one that
unpacks, 4 a transpose between channels-first and channels-last, 5 a memset of a buffer, 6 padding
of the channels, 7 to 9 a convolution on fp32 units (large tiles, small ones, the common engine), 10
rounding to tf32, 11 the first layer of an image network.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import attribute, hbm_us, log2, overlap, traffic
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
C_TAPS, C_STRIDE, C_CTAS, C_SLOTS, C_TILE, C_VARIANT, C_COVER = 4, 5, 6, 7, 8, 9, 10
GENERIC, SPECIALIZED, TILED, DIRECT, NATIVE, PLANES, FLOATS = 0, 1, 2, 3, 4, 5, 6  # depthwise
C_OTHERS, C_OTHER_CTAS = 7, 8  # of kernels on fp32 units
C_PADDED, C_PASSES = 4, 5  # of a transform: elements with padding, passes over the data
NARROW_TAPS = 9.0
"""Taps of the narrowest filter."""
CROWDED = 32.0
"""CTAs from which the loads of each other no longer grow slower."""
DEPTHWISE, SLICE, PACK, UNPACK, TRANSPOSE, CLEAR, PAD = 0, 1, 2, 3, 4, 5, 6
SGEMM, SMALL, COMMON, CONVERT, FIRST = 7, 8, 9, 10, 11


@lean
def time_conv(dev: Any, p: Any, out: Any) -> None:
    """Price one depthwise, slice, transform or clearing kernel."""
    us = 1e6 / dev.clock_boost_hz
    traffic(dev, out, p[C_READ], p[C_WRITTEN], p[RESIDENT])
    out[HBM] = hbm_us(dev, p[C_READ] * (1.0 - p[RESIDENT]), p[C_WRITTEN])
    out[L2] = out[L2_BYTES] / dev.l2_bytes_per_clk * us
    exposed = 0.0
    if p[C_KIND] == DEPTHWISE:
        exposed = depthwise(dev, p, out)
    elif p[C_KIND] >= SGEMM and p[C_KIND] <= COMMON:
        sgemm(dev, p, out)
    elif p[C_KIND] == FIRST:
        first_layer(dev, p, out)
    else:
        moved = p[C_ELEMENTS] / 1e6
        if p[C_KIND] == SLICE:
            out[LAUNCH] = dev.tensor_kernels_conv_slice_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_slice_us_per_million
        elif p[C_KIND] == PACK:
            out[LAUNCH] = dev.tensor_kernels_conv_transform_us * p[C_PASSES]
            out[COMPUTE] = moved * dev.tensor_kernels_conv_pack_us_per_million
        elif p[C_KIND] == UNPACK:
            out[LAUNCH] = dev.tensor_kernels_conv_transform_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_unpack_us_per_million
            padded = p[C_PADDED] / 1e6
            out[COMPUTE] += padded * dev.tensor_kernels_conv_unpack_padded_us_per_million
        elif p[C_KIND] == PAD:
            out[LAUNCH] = dev.tensor_kernels_conv_pad_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_pad_us_per_million
        elif p[C_KIND] == CONVERT:
            out[LAUNCH] = dev.tensor_kernels_conv_convert_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_convert_us_per_million
        elif p[C_KIND] == TRANSPOSE:
            out[LAUNCH] = dev.tensor_kernels_conv_transpose_us
            tiles = p[C_PADDED] / 1e6
            out[COMPUTE] = tiles * dev.tensor_kernels_conv_transpose_us_per_million
        else:
            out[LAUNCH] = dev.launch_memset_us
            out[COMPUTE] = moved * dev.tensor_kernels_conv_clear_us_per_million
    body = overlap(out[COMPUTE], max(out[HBM], out[L2]), 4.0)
    attribute(out, body, exposed)


@lean
def sgemm(dev: Any, p: Any, out: Any) -> None:
    """Fill in the SM time of a convolution on fp32 units: a chain over taps and channels.

    ``TAPS`` is the length of the chain; a busy SM takes the CTAs one after the other. Its start and
    its stores count as some more steps. Of ``OTHERS`` kernels on other streams, those launched
    while it runs share the SMs, as far as there is room.
    """
    us = 1e6 / dev.clock_boost_hz
    fixed, chain, busy, start = sgemm_kind(dev, p[C_KIND])
    out[LAUNCH] = fixed
    steps = p[C_TAPS] + start
    alone = steps * overlap(chain, busy * ceil(p[C_CTAS] / dev.sm_count), 3.0) * us
    running = min(p[C_OTHERS], alone / dev.tensor_kernels_conv_beside_us)
    running = min(running, dev.tensor_kernels_conv_beside_most)
    per_sm = ceil(p[C_CTAS] / dev.sm_count) + running * p[C_OTHER_CTAS] / dev.sm_count
    out[COMPUTE] = steps * overlap(chain, busy * per_sm, 3.0) * us
    lanes = dev.sm_fp32_flop_per_clk * dev.sm_count
    out[BOUND_COMPUTE_US] = 2.0 * p[C_ELEMENTS] * p[C_TAPS] / lanes * us


@lean
def first_layer(dev: Any, p: Any, out: Any) -> None:
    """Fill in the SM time of the kernel for first layers: one CTA at a time on an SM.

    Its tiles of 16 x 64 pixels by 32 or 64 filters cost by the part of them in the image.
    """
    us = 1e6 / dev.clock_boost_hz
    operations = 2.0 * p[C_ELEMENTS] * p[C_TAPS]
    peak = dev.tensor_fp16_flop_per_clk
    each = operations / p[C_CTAS] / peak * dev.tensor_kernels_conv_first_factor
    out[LAUNCH] = dev.tensor_kernels_conv_first_us
    out[COMPUTE] = ceil(p[C_CTAS] / dev.sm_count) * each * us
    out[BOUND_COMPUTE_US] = operations / (peak * dev.sm_count) * us


@lean
def sgemm_kind(dev: Any, kind: float) -> tuple[float, float, float, float]:
    """Return a kernel's fixed time, a step of a CTA alone and beside others, steps of its start."""
    if kind == SMALL:
        return (
            dev.tensor_kernels_conv_small_us, dev.tensor_kernels_conv_small_chain_clk,
            dev.tensor_kernels_conv_small_busy_clk, dev.tensor_kernels_conv_small_start_steps,
        )  # fmt: skip
    if kind == COMMON:
        return (
            dev.tensor_kernels_conv_common_us, dev.tensor_kernels_conv_common_chain_clk,
            dev.tensor_kernels_conv_common_busy_clk, dev.tensor_kernels_conv_common_start_steps,
        )  # fmt: skip
    return (
        dev.tensor_kernels_conv_sgemm_us, dev.tensor_kernels_conv_sgemm_chain_clk,
        dev.tensor_kernels_conv_sgemm_busy_clk, dev.tensor_kernels_conv_sgemm_start_steps,
    )  # fmt: skip


@lean
def depthwise(dev: Any, p: Any, out: Any) -> float:
    """Fill in the SM time of a depthwise kernel; return its exposed first loads.

    A CTA works off a tile of outputs. Each output costs its loads, shared with its neighbours,
    and its taps; at a stride nothing is shared and every tap loads. A CTA alone is bound by its
    chain of loads, one per tap, shorter where the image does not cover it. The threads of the
    direct kernel follow the image's rows, so that a tap costs by the log of the bytes between two
    (its ``COVER``).
    """
    us = 1e6 / dev.clock_boost_hz
    if p[C_VARIANT] == GENERIC:
        return few_images(dev, p, out)
    fixed, load, tap, strided, link = depthwise_kind(dev, p[C_VARIANT])
    each = strided * p[C_TAPS] if p[C_STRIDE] > 1.0 else load + tap * p[C_TAPS]
    cover = p[C_COVER]
    if p[C_VARIANT] == DIRECT:
        each, cover = load + tap * p[C_TAPS] * p[C_COVER], 1.0
    busy = each * p[C_TILE]
    chain = link * p[C_TAPS] * cover
    per_sm = ceil(p[C_CTAS] / dev.sm_count)
    slots = min(p[C_SLOTS], per_sm)
    clk = (per_sm // slots) * overlap(slots * busy, chain, 3.0)
    left = per_sm % slots
    if left > 0.0:
        clk += overlap(left * busy, chain, 3.0)
    out[LAUNCH] = fixed
    out[COMPUTE] = clk * us
    peak = dev.sm_fp16_flop_per_clk * dev.sm_count
    out[BOUND_COMPUTE_US] = 2.0 * p[C_ELEMENTS] * p[C_TAPS] / peak * us
    if p[C_VARIANT] == TILED:  # its products run on tensor cores
        out[BOUND_COMPUTE_US] *= dev.sm_fp16_flop_per_clk / dev.tensor_fp16_flop_per_clk
    cold = dev.tensor_kernels_conv_floats_cold_us
    if p[C_VARIANT] == SPECIALIZED:
        cold = dev.tensor_kernels_conv_depthwise_cold_us * p[C_COVER]
    return float(cold * (1.0 - p[RESIDENT]))


@lean
def few_images(dev: Any, p: Any, out: Any) -> float:
    """Fill in the SM time of the kernel for few images; return its exposed first loads.

    The chain of loads of a CTA and the work of all CTAs of an SM add up. Wider filters cost more
    by tap than the powers of 1 would say: their loops are not unrolled. One CTA alone finds L2
    idle; its chain grows up to ``CROWDED`` of them.
    """
    us = 1e6 / dev.clock_boost_hz
    wider = p[C_TAPS] / NARROW_TAPS
    if p[C_STRIDE] > 1.0:
        chain = dev.tensor_kernels_conv_generic_strided_chain_clk
        chain *= wider**dev.tensor_kernels_conv_generic_strided_chain_power
        each = dev.tensor_kernels_conv_generic_strided_clk
        each *= wider**dev.tensor_kernels_conv_generic_strided_power
    else:
        chain = dev.tensor_kernels_conv_generic_chain_clk
        chain *= wider**dev.tensor_kernels_conv_generic_chain_power
        each = dev.tensor_kernels_conv_generic_tap_clk
        each *= wider**dev.tensor_kernels_conv_generic_tap_power
    idle = 1.0 - log2(min(p[C_CTAS], CROWDED)) / log2(CROWDED)
    chain *= 1.0 - dev.tensor_kernels_conv_generic_alone_fraction * idle
    busy = each * p[C_TILE] * ceil(p[C_CTAS] / dev.sm_count)
    out[LAUNCH] = dev.tensor_kernels_conv_generic_us
    out[COMPUTE] = NARROW_TAPS * (busy + chain) * us
    peak = dev.sm_fp16_flop_per_clk * dev.sm_count
    out[BOUND_COMPUTE_US] = 2.0 * p[C_ELEMENTS] * p[C_TAPS] / peak * us
    cold = dev.tensor_kernels_conv_generic_cold_us * min(p[C_STRIDE], 2.0)
    return float(cold * (1.0 - p[RESIDENT]))


@lean
def depthwise_kind(dev: Any, variant: float) -> tuple[float, float, float, float, float]:
    """Return a depthwise kernel's fixed time, loads, tap, tap at a stride, and chain."""
    if variant == TILED:
        return (
            dev.tensor_kernels_conv_tiled_us, dev.tensor_kernels_conv_tiled_load_clk,
            dev.tensor_kernels_conv_tiled_tap_clk, dev.tensor_kernels_conv_tiled_strided_clk,
            dev.tensor_kernels_conv_tiled_chain_clk,
        )  # fmt: skip
    if variant == DIRECT:
        return (
            dev.tensor_kernels_conv_direct_us, dev.tensor_kernels_conv_direct_load_clk,
            dev.tensor_kernels_conv_direct_tap_clk, dev.tensor_kernels_conv_direct_tap_clk,
            dev.tensor_kernels_conv_direct_chain_clk,
        )  # fmt: skip
    if variant == FLOATS:
        return (
            dev.tensor_kernels_conv_floats_us, dev.tensor_kernels_conv_floats_load_clk,
            dev.tensor_kernels_conv_floats_tap_clk, dev.tensor_kernels_conv_floats_strided_clk,
            dev.tensor_kernels_conv_floats_chain_clk,
        )  # fmt: skip
    if variant == NATIVE:
        return (
            dev.tensor_kernels_conv_native_us, dev.tensor_kernels_conv_native_load_clk,
            dev.tensor_kernels_conv_native_tap_clk, dev.tensor_kernels_conv_native_strided_clk,
            dev.tensor_kernels_conv_native_chain_clk,
        )  # fmt: skip
    if variant == PLANES:
        return (
            dev.tensor_kernels_conv_planes_us, dev.tensor_kernels_conv_planes_load_clk,
            dev.tensor_kernels_conv_planes_tap_clk, dev.tensor_kernels_conv_planes_strided_clk,
            dev.tensor_kernels_conv_planes_chain_clk,
        )  # fmt: skip
    return (
        dev.tensor_kernels_conv_specialized_us, dev.tensor_kernels_conv_specialized_load_clk,
        dev.tensor_kernels_conv_specialized_tap_clk,
        dev.tensor_kernels_conv_specialized_strided_clk,
        dev.tensor_kernels_conv_specialized_chain_clk,
    )  # fmt: skip
