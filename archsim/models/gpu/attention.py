"""Attention kernels: tiles of queries that walk the keys in steps.

``KIND``: 0 cuDNN's warp-specialised flash kernel (a persistent CTA per SM takes tiles in turn),
1 FlashAttention-2 on mma.sync (a CTA per tile, two to an SM), 2 its split-KV form for decoding,
3 the kernel that combines the splits.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import njit
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
A_KIND, A_BM, A_BN, A_SPLITS, A_BYTES, A_TYPE, A_MASK, A_SLOTS = 7, 8, 9, 10, 11, 12, 13, 14
CUDNN, FLASH, SPLIT, COMBINE = 0, 1, 2, 3


@njit
def step_clk(dev: Any, p: Any) -> float:
    """Clocks of one SM for one key block of one query tile: two products and a softmax."""
    flops = 4.0 * p[A_BM] * p[A_BN] * p[A_D]
    rate = tensor_rate(dev, p[A_TYPE])
    exps = p[A_BM] * p[A_BN] / dev.sm_sfu_op_per_clk
    if p[A_KIND] == CUDNN:
        return (flops / rate + exps) / dev.tensor_kernels_attention_cudnn_fraction
    rate *= dev.tensor_mma_fraction
    return (flops / rate + exps) / dev.tensor_kernels_attention_flash_fraction


@njit
def steps_of(p: Any, tile: float) -> float:
    """Key blocks that query tile ``tile`` of a head visits."""
    blocks = ceil(p[A_SKV] / p[A_BN] / p[A_SPLITS])
    if p[A_CAUSAL] == 0.0:
        return blocks
    return min(blocks, ceil((tile + 1) * p[A_BM] / p[A_BN]))


@njit
def busiest_steps(dev: Any, p: Any) -> float:
    """Key blocks of the busiest SM when tiles go round the SMs in turn."""
    heads = p[A_B] * p[A_H] * p[A_SPLITS]
    tiles = ceil(p[A_SQ] / p[A_BM])
    sms = dev.sm_count
    total = 0.0
    for i in range(int(tiles)):
        total += steps_of(p, i)
    mean = total / tiles
    rounds = ceil(tiles * heads / sms)
    if p[A_CAUSAL] == 0.0:
        return rounds * mean
    longest = steps_of(p, tiles - 1)
    return max(heads * total / sms + 0.5 * (longest - mean), longest)


@njit
def time_attention(dev: Any, p: Any, out: Any) -> None:
    """Price one attention kernel."""
    us = 1e6 / dev.clock_boost_hz
    if p[A_KIND] == COMBINE:
        time_combine(dev, p, out)
        return
    heads = p[A_B] * p[A_H]
    out[LAUNCH] = dev.tensor_kernels_attention_launch_us
    kv = 2.0 * p[A_B] * p[A_HKV] * p[A_SKV] * p[A_D] * p[A_BYTES]
    q = heads * p[A_SQ] * p[A_D] * p[A_BYTES]
    traffic(dev, out, q + kv + p[A_MASK] * p[A_BYTES], q, p[RESIDENT])
    out[HBM] = hbm_us(dev, (q + kv + p[A_MASK] * p[A_BYTES]) * (1 - p[RESIDENT]), q)
    tiles = ceil(p[A_SQ] / p[A_BM])
    again = 2.0 * heads * tiles * p[A_SKV] * p[A_D] * p[A_BYTES]
    out[L2_BYTES] = max(out[L2_BYTES], 2 * q + again)
    out[L2] = out[L2_BYTES] / dev.l2_bytes_per_clk * us
    out[COMPUTE] = busiest_steps(dev, p) * step_clk(dev, p) * us
    pairs = p[A_SQ] * p[A_SKV]
    if p[A_CAUSAL] > 0.0:
        full = min(p[A_SQ], p[A_SKV])
        pairs = full * (full + 1) / 2 + (p[A_SQ] - full) * p[A_SKV]
    peak = tensor_rate(dev, p[A_TYPE]) * dev.sm_count
    out[BOUND_COMPUTE_US] = 4.0 * heads * pairs * p[A_D] / peak * us
    body = overlap(out[COMPUTE], max(out[HBM], out[L2]), 3.0)
    attribute(out, body, dev.tensor_kernels_attention_tile_us)


@njit
def time_combine(dev: Any, p: Any, out: Any) -> None:
    """Rescale and add the partial outputs of the splits."""
    rows = p[A_B] * p[A_H] * p[A_SQ]
    read = rows * p[A_SPLITS] * (p[A_D] + 1) * 4.0
    traffic(dev, out, read, rows * p[A_D] * p[A_BYTES], 1.0)
    out[LAUNCH] = dev.tensor_kernels_attention_combine_us
    out[L2] = out[L2_BYTES] / dev.l2_bytes_per_clk / dev.clock_boost_hz * 1e6
    attribute(out, out[L2], 0.0)
