"""Tile kernels of matrix products: the time of one launch from its tile, pipeline and grid.

A kernel covers ``tiles = ceil(m/tm) * ceil(n/tn) * batch * split`` output tiles with CTAs on SMs.
Every tile walks its K range in steps; a step costs the larger of its tensor work and of the bytes
that its SM takes in. Over the whole GPU the steps also share L2, and all of it shares device
memory. Parameters of a plan by position are the ``P_`` names below.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.gemm_steps import chip_rate, mma_step, wgmma_step
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    HBM_BYTES,
    L2_BYTES,
)

# Positions of a plan's numbers.
P_M, P_N, P_K, P_BATCH = 0, 1, 2, 3
P_TM, P_TN, P_TK, P_STAGES = 4, 5, 6, 7
P_CM, P_CN = 8, 9  # cluster along m and n
P_SPLIT, P_CTAS, P_RESIDENT = 10, 11, 12
P_ENGINE, P_TYPE = 13, 14
P_IN_BYTES, P_OUT_BYTES = 15, 16  # of one element
P_COOP, P_M_SIDE, P_WM, P_WN = 17, 18, 19, 20
P_ALIGN_A, P_ALIGN_B = 21, 22  # largest power of two that divides the row stride in bytes
P_A_SHARE = 23  # bytes of A kept over dense bytes (2:4 sparse: 0.5 plus metadata)
P_A_BYTES = 24  # compulsory bytes of A where not m*k*in (implicit GEMM), else 0
PARAMS_USED = 25


@njit
def stride_penalty(dev: Any, align: float) -> float:
    """Return the slowdown of TMA boxes whose rows start off 32 B or 128 B boundaries."""
    if align % 32:
        return float(dev.tensor_kernels_gemm_unaligned_factor)
    if align % 128:
        return float(dev.tensor_kernels_gemm_half_aligned_factor)
    return 1.0


@njit
def time_gemm(dev: Any, p: Any, out: Any) -> None:
    """Price one tile kernel; see the module's text for the law."""
    hz = dev.clock_boost_hz
    if p[P_ENGINE] == 5:
        time_reduction(dev, p, out)
        return
    tiles_m, tiles_n = ceil(p[P_M] / p[P_TM]), ceil(p[P_N] / p[P_TN])
    tiles = tiles_m * tiles_n * p[P_BATCH] * p[P_SPLIT]
    k_part = ceil(p[P_K] / p[P_TK] / p[P_SPLIT])  # steps of one tile
    slots = min(p[P_CTAS], dev.sm_count * p[P_RESIDENT])
    waves = ceil(tiles / slots)
    sms = min(min(slots, tiles), dev.sm_count)
    per_sm = ceil(tiles / (sms * 1.0))  # tiles that the busiest SM works off
    wide = p[P_ENGINE] <= 1
    work, shared, least = wgmma_step(dev, p) if wide else mma_step(dev, p)
    row = p[P_TK] * p[P_IN_BYTES]
    fat_a, fat_b = stride_penalty(dev, p[P_ALIGN_A]), stride_penalty(dev, p[P_ALIGN_B])
    take = (p[P_TM] * p[P_A_SHARE] * fat_a + p[P_TN] * fat_b) * row
    ingest = take / dev.tensor_kernels_gemm_ingest_bytes_per_clk
    # L2 serves each operand once per cluster that multicasts it.
    l2_bytes = (
        p[P_BATCH]
        * p[P_IN_BYTES]
        * p[P_K]
        * (p[P_M] * p[P_A_SHARE] * tiles_n / p[P_CN] + p[P_N] * tiles_m / p[P_CM])
    )
    fat = take / ((p[P_TM] * p[P_A_SHARE] + p[P_TN]) * row)
    l2_clk = l2_bytes * fat / dev.tensor_kernels_gemm_l2_bytes_per_clk
    steps = k_part * per_sm
    compute = work * steps
    port = shared * steps
    load = ingest * steps
    latency = least * k_part * waves
    busy = max(max(compute, port), max(load, max(l2_clk, latency)))
    store = p[P_TM] * p[P_TN] * p[P_OUT_BYTES] / dev.tensor_kernels_gemm_store_bytes_per_clk
    # Pingpong warpgroups store one tile under the next one's main loop; cooperative ones do not.
    extra = (per_sm - 1) * store * (dev.tensor_kernels_gemm_coop_store if p[P_COOP] else 0.0)
    a_bytes = p[P_A_BYTES]
    if a_bytes == 0:
        a_bytes = p[P_BATCH] * p[P_M] * p[P_K] * p[P_A_SHARE] * p[P_IN_BYTES]
    read = (a_bytes + p[P_BATCH] * p[P_N] * p[P_K] * p[P_IN_BYTES]) * (1.0 - p[31])
    written = p[P_BATCH] * p[P_SPLIT] * p[P_M] * p[P_N] * p[P_OUT_BYTES]
    rate = min(
        dev.memory_bandwidth_bytes_per_s * dev.tensor_kernels_gemm_hbm_fraction,
        sms * dev.tensor_kernels_gemm_sm_hbm_bytes_per_clk * hz,
    )
    hbm_us = (read + written) / rate * 1e6
    us = 1e6 / hz
    busy_us = (busy + extra) * us
    both = (busy_us**3 + hbm_us**3) ** (1 / 3)
    slow = 1.0
    if wide:
        share = compute * us / both
        long = 1 - 2.718281828 ** (-both / dev.tensor_kernels_gemm_throttle_us)
        slow = 1 + dev.tensor_kernels_gemm_throttle_fraction * share * long
    fixed = dev.tensor_kernels_gemm_launch_us
    if p[P_IN_BYTES] == 1 and wide:
        fixed += dev.tensor_kernels_gemm_fp8_us
    fixed += dev.tensor_kernels_gemm_cluster_us * max(p[P_CM] * p[P_CN] - 4, 0) / 4
    out[0] = fixed
    bound = busy_us * slow
    if hbm_us >= busy_us:
        out[4] = hbm_us
        out[5] = both * slow - hbm_us
    else:
        out[5] = (both - busy_us) * slow
        if busy - latency < 1e-9 * busy:
            out[5] += bound
        elif busy - compute < 1e-9 * busy:
            out[1] = bound
        elif busy - l2_clk < 1e-9 * busy:
            out[3] = bound
        else:
            out[2] = bound
    out[5] += (store + dev.tensor_kernels_gemm_fill_clk) * us
    out[HBM_BYTES] = read + written
    out[L2_BYTES] = l2_bytes + written
    flops = 2.0 * p[P_BATCH] * p[P_M] * p[P_N] * p[P_K]
    out[BOUND_COMPUTE_US] = flops / (chip_rate(dev, p) * dev.sm_count * hz) * 1e6
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * hz) * 1e6
    out[BOUND_HBM_US] = (read + written) / dev.memory_bandwidth_bytes_per_s * 1e6


@njit
def time_reduction(dev: Any, p: Any, out: Any) -> None:
    """Sum ``split`` partial results: read them all from L2, write the output."""
    read = p[P_BATCH] * p[P_SPLIT] * p[P_M] * p[P_N] * p[P_IN_BYTES]
    written = p[P_BATCH] * p[P_M] * p[P_N] * p[P_OUT_BYTES]
    out[0] = dev.tensor_kernels_gemm_reduce_us
    out[3] = (read + written) / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6
    out[HBM_BYTES] = written
    out[L2_BYTES] = read + written
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * dev.clock_boost_hz) * 1e6
    out[BOUND_HBM_US] = written / dev.memory_bandwidth_bytes_per_s * 1e6
