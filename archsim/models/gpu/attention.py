"""Attention kernels: tiles of queries that walk the keys in steps.

``KIND``: 0 cuDNN's warp-specialised flash kernel (a persistent CTA per SM, tiles go round with the
heads fastest), 1 FlashAttention-2 on mma.sync (a CTA per tile, two to an SM), 2 its split-KV form,
3 cuDNN's decode kernel, 4 and 5 the kernels that combine the splits of 2 and 3.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean, njit
from archsim.models.gpu.attention_queue import shared_sms
from archsim.models.gpu.common import attribute, hbm_us, overlap, traffic
from archsim.models.gpu.gemm_steps import tensor_rate
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    COMPUTE,
    HBM,
    L2,
    L2_BYTES,
    LAUNCH,
    RESIDENT,
)

A_B, A_H, A_HKV, A_SQ, A_SKV, A_D, A_CAUSAL = 0, 1, 2, 3, 4, 5, 6
A_KIND, A_BM, A_BN, A_SPLITS, A_BYTES, A_TYPE, A_MASK, A_WARPS = 7, 8, 9, 10, 11, 12, 13, 14
A_TILES, A_SLOTS, A_PADDED_D, A_QUERIES = 15, 16, 17, 18
CUDNN, FLASH, SPLIT, DECODE, COMBINE, LEAN = 0, 1, 2, 3, 4, 5


@lean
def blocks_of(p: Any, tile: float) -> float:
    """Key blocks that query tile ``tile`` of a head visits."""
    blocks = ceil(ceil(p[A_SKV] / p[A_BN]) / p[A_SPLITS])
    if p[A_CAUSAL] == 0.0:
        return blocks
    return min(blocks, ceil((tile + 1) * p[A_BM] / p[A_BN]))


@lean
def cudnn_step_clk(dev: Any, p: Any) -> float:
    """Clocks of a key block on wgmma: products and exponentials of two warpgroups overlap."""
    products = 4.0 * p[A_BM] * p[A_BN] * p[A_PADDED_D] / tensor_rate(dev, p[A_TYPE])
    exps = p[A_BM] * p[A_BN] / dev.sm_sfu_op_per_clk
    return overlap(
        products / dev.tensor_kernels_attention_cudnn_tensor_fraction,
        exps / dev.tensor_kernels_attention_cudnn_exp_fraction,
        3.0,
    )


@lean
def flash_step_clk(dev: Any, p: Any) -> float:
    """Clocks of a key block on mma.sync: products, exponentials and fragment loads in turn.

    Every warp reads the whole key and value block from shared memory.
    """
    rate = tensor_rate(dev, p[A_TYPE]) * dev.tensor_mma_fraction
    products = 4.0 * p[A_BM] * p[A_BN] * p[A_D] / rate
    exps = p[A_BM] * p[A_BN] / dev.sm_sfu_op_per_clk
    loads = 2.0 * p[A_BN] * p[A_D] * p[A_BYTES] * p[A_WARPS] / dev.sm_shared_bytes_per_clk
    return products + exps + loads


@njit
def cudnn_clk(dev: Any, p: Any) -> float:
    """Clocks of the busiest persistent CTA: the last of the longest and of the fullest rounds."""
    heads = p[A_B] * p[A_H]
    tiles = heads * p[A_TILES]
    sms = min(dev.sm_count, tiles)
    step = cudnn_step_clk(dev, p)
    if p[A_SKV] % p[A_BN] != 0.0 and p[A_CAUSAL] == 0.0:
        step *= dev.tensor_kernels_attention_cudnn_ragged_factor
    each = dev.tensor_kernels_attention_cudnn_tile_clk
    if p[A_CAUSAL] > 0.0:
        each += dev.tensor_kernels_attention_cudnn_causal_clk
    if p[A_CAUSAL] == 0.0:
        return ceil(tiles / sms) * (blocks_of(p, 0.0) * step + each)
    worst = 0.0
    for first in ((tiles - 1) % sms, sms - 1):
        total = 0.0
        tile = first
        while tile < tiles:
            total += blocks_of(p, tile // heads) * step + each
            tile += sms
        worst = max(worst, total)
    return worst


@njit
def flash_clk(dev: Any, p: Any) -> float:
    """Clocks of FlashAttention-2's CTAs, which share SMs in the order of their launch."""
    work = flash_step_clk(dev, p)
    alone = work * dev.tensor_kernels_attention_flash_alone_factor
    if p[A_WARPS] > 4.0:
        alone = work * dev.tensor_kernels_attention_flash_shared_factor
    pair = 2.0 * work * dev.tensor_kernels_attention_flash_shared_factor
    ragged = p[A_SKV] % p[A_BN] != 0.0 or p[A_SQ] % p[A_BM] != 0.0
    if p[A_CAUSAL] > 0.0 and ragged:
        alone *= dev.tensor_kernels_attention_flash_ragged_factor
        pair *= dev.tensor_kernels_attention_flash_ragged_factor
    extra = dev.tensor_kernels_attention_flash_tile_steps
    if p[A_CAUSAL] > 0.0:
        masked = ceil(p[A_BM] / p[A_BN])
        extra += masked * dev.tensor_kernels_attention_flash_causal_steps
    heads = p[A_B] * p[A_H] * p[A_SPLITS]
    sms = int(dev.sm_count)
    if p[A_CAUSAL] == 0.0:
        return uniform_clk(
            blocks_of(p, 0.0) + extra, heads * p[A_TILES], sms, p[A_SLOTS], alone, pair
        )
    return shared_sms(p, heads, extra, alone, pair, sms)


@lean
def uniform_clk(
    steps: float, tiles: float, sms: float, slots: float, alone: float, pair: float
) -> float:
    """Clocks of equal CTAs, ``slots`` (1 or 2) to an SM: full rounds, then what is left."""
    if slots < 2.0:
        return ceil(tiles / sms) * steps * alone
    full = tiles // (2 * sms)
    left = tiles - full * 2 * sms
    clocks = full * steps * pair
    if left > sms:
        clocks += steps * pair
    elif left > 0:
        clocks += steps * alone
    return clocks


@njit
def time_attention(dev: Any, p: Any, out: Any) -> None:
    """Price one attention kernel."""
    us = 1e6 / dev.clock_boost_hz
    if p[A_KIND] >= COMBINE:
        time_combine(dev, p, out)
        return
    heads = p[A_B] * p[A_H]
    kv = 2.0 * p[A_B] * p[A_HKV] * p[A_SKV] * p[A_D] * p[A_BYTES]
    q = p[A_QUERIES] * p[A_D] * p[A_BYTES]
    read = q + kv + p[A_MASK] * p[A_BYTES]
    traffic(dev, out, read, q, p[RESIDENT])
    out[HBM] = hbm_us(dev, read * (1 - p[RESIDENT]), q)
    again = 2.0 * heads * p[A_TILES] * p[A_SKV] * p[A_D] * p[A_BYTES]
    out[L2_BYTES] = max(out[L2_BYTES], 2 * q + again)
    if p[A_KIND] >= SPLIT:
        time_streamed(dev, p, out)
    else:
        cold = dev.tensor_kernels_attention_cold_us * (1.0 - p[RESIDENT])
        if p[A_KIND] == CUDNN:
            out[LAUNCH] = dev.tensor_kernels_attention_cudnn_us
            out[COMPUTE] = cudnn_clk(dev, p) * us
        else:
            out[LAUNCH] = dev.tensor_kernels_attention_flash_us
            out[COMPUTE] = flash_clk(dev, p) * us
        body = overlap(out[COMPUTE], out[HBM], 4.0)
        attribute(out, body, cold)
    bound_compute(dev, p, out)


@lean
def time_streamed(dev: Any, p: Any, out: Any) -> None:
    """Price decoding: rounds of CTAs stream whole blocks, none faster than its chain of them."""
    us = 1e6 / dev.clock_boost_hz
    ctas = p[A_B] * p[A_H] * p[A_TILES] * p[A_SPLITS]
    blocks = ceil(ceil(p[A_SKV] / p[A_BN]) / p[A_SPLITS])  # causal tiles hide behind full ones
    rounds = ceil(ctas / (dev.sm_count * 2.0))
    step = dev.tensor_kernels_attention_split_step_clk
    start = dev.tensor_kernels_attention_split_tile_us
    out[LAUNCH] = dev.tensor_kernels_attention_split_us
    if p[A_KIND] == DECODE:
        step = dev.tensor_kernels_attention_decode_step_clk
        start = dev.tensor_kernels_attention_decode_tile_us
        out[LAUNCH] = dev.tensor_kernels_attention_decode_us
    elif p[A_SQ] > 16.0:
        step = max(step, min(ceil(ctas / dev.sm_count), 2.0) * flash_step_clk(dev, p))
    moved = 2.0 * p[A_BN] * p[A_D] * p[A_BYTES]  # keys and values of a block
    streamed = ctas * min(blocks * p[A_BN], p[A_SKV]) / p[A_BN] * moved
    again = p[A_TILES] * p[A_H] / p[A_HKV]  # CTAs that share keys and values through L2
    cold = hbm_us(dev, streamed / again * (1.0 - p[RESIDENT]), 0.0)
    out[HBM] = max(out[HBM], cold)
    out[L2] = streamed / dev.l2_bytes_per_clk * us
    out[COMPUTE] = rounds * blocks * step * us
    body = overlap(out[COMPUTE], max(out[HBM], out[L2]), 4.0)
    attribute(out, body, rounds * start)


@lean
def bound_compute(dev: Any, p: Any, out: Any) -> None:
    """Record the least time of the unmasked products on the tensor cores."""
    pairs = p[A_SQ] * p[A_SKV]
    if p[A_CAUSAL] > 0.0:
        full = min(p[A_SQ], p[A_SKV])
        pairs = full * (full + 1) / 2 + (p[A_SQ] - full) * p[A_SKV]
    peak = tensor_rate(dev, p[A_TYPE]) * dev.sm_count
    flops = 4.0 * p[A_B] * p[A_H] * pairs * p[A_D]
    out[BOUND_COMPUTE_US] = flops / peak * 1e6 / dev.clock_boost_hz


@lean
def time_combine(dev: Any, p: Any, out: Any) -> None:
    """Rescale and add the partial outputs of the splits."""
    rows = p[A_B] * p[A_H] * p[A_SQ]
    read = rows * p[A_SPLITS] * (p[A_D] + 1) * 4.0
    traffic(dev, out, read, rows * p[A_D] * p[A_BYTES], 1.0)
    if p[A_KIND] == COMBINE:
        out[LAUNCH] = dev.tensor_kernels_attention_combine_us
        chain = p[A_SPLITS] * dev.tensor_kernels_attention_combine_split_us
    else:
        out[LAUNCH] = dev.tensor_kernels_attention_lean_us
        chain = p[A_SPLITS] * dev.tensor_kernels_attention_lean_split_us
    out[L2] = read / dev.tensor_kernels_attention_combine_bytes_per_s * 1e6
    attribute(out, out[L2], chain)
