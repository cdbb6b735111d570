"""Tile kernels of matrix products: the time of one launch from its tile, pipeline and grid.

A kernel covers ``ceil(m/tm) * ceil(n/tn) * batch * split`` tiles with CTAs on SMs. A tile walks
its K range in steps; a step costs the larger of its tensor work and of the bytes its SM takes in.
Over the GPU all steps share L2, and the launch shares device memory. ``gemm_plan`` names the
numbers of a plan; engines 0 and 1 run on wgmma (``time_wgmma``), 2 to 4 on mma.sync, multiply-add
and fp64 units (``time_mma``), 5 is the reduction of a split K.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import overlap
from archsim.models.gpu.gemm_common import (
    bounds,
    compulsory,
    l2_us,
    memory_us,
    operand_traffic,
    settle,
)
from archsim.models.gpu.gemm_plan import (
    BATCH,
    CROWD,
    CTAS,
    ENGINE,
    IN_BYTES,
    OUT_BYTES,
    SERIAL,
    SLOTS,
    SPLIT,
    TM,
    TN,
    M,
    N,
    k_steps,
)
from archsim.models.gpu.gemm_steps import mma_step
from archsim.models.gpu.gemm_wgmma import time_wgmma
from archsim.models.gpu.plan import (
    BOUND_L2_US,
    COMPUTE,
    EXPOSED,
    HBM_BYTES,
    L2,
    L2_BYTES,
    LAUNCH,
)


@lean
def time_gemm(dev: Any, p: Any, out: Any) -> None:
    """Price one kernel of families GEMM and SPARSE."""
    if p[ENGINE] == 5.0:
        time_reduction(dev, p, out)
    elif p[ENGINE] <= 1.0:
        time_wgmma(dev, p, out)
    else:
        time_mma(dev, p, out)


@lean
def time_mma(dev: Any, p: Any, out: Any) -> None:
    """Price a kernel of one CTA per tile, several of which share an SM's units."""
    us = 1e6 / dev.clock_boost_hz
    tiles = ceil(p[M] / p[TM]) * ceil(p[N] / p[TN]) * p[BATCH] * p[SPLIT]
    sms = min(p[CTAS], dev.sm_count)
    # Empty CTAs of a swizzled grid take a place where all are resident at once, else no time.
    launched = tiles if p[SLOTS] == 1.0 or p[CTAS] > sms * p[SLOTS] else p[CTAS]
    per_sm = ceil(launched / sms)
    slots = min(p[SLOTS], per_sm)
    parts = ceil(k_steps(p) / p[SPLIT])
    work, least = mma_step(dev, p)
    power = dev.tensor_kernels_gemm_mma_power
    full = per_sm // slots
    left = per_sm - full * slots
    own = full * parts * overlap(slots * work, least, power)
    if left > 0.0:
        own += parts * overlap(left * work, least, power)
    store = min(p[TM], p[M]) * min(p[TN], p[N]) * p[OUT_BYTES]
    store = store / dev.tensor_kernels_gemm_mma_store_bytes_per_clk
    own += per_sm * store + (full + (left > 0.0)) * dev.tensor_kernels_gemm_mma_cta_clk
    l2_bytes = operand_traffic(p, 1.0, 1.0)
    shared_us = l2_us(dev, l2_bytes)
    read, written = compulsory(p, out)
    hbm_us = memory_us(dev, sms, read, written)
    own *= 1.0 + p[CROWD] * (dev.tensor_kernels_gemm_crowd_factor - 1.0)
    busy_us = max(own * us, shared_us)
    both_us = overlap(busy_us, hbm_us, dev.tensor_kernels_gemm_mma_overlap_power)
    out[LAUNCH] = dev.tensor_kernels_gemm_mma_us
    cold = min(read / 1e6, 1.0) * dev.tensor_kernels_gemm_mma_cold_us
    out[EXPOSED] = cold
    settle(out, L2 if shared_us > own * us else COMPUTE, busy_us, hbm_us, both_us)
    out[L2_BYTES] = l2_bytes + written
    bounds(dev, p, out, read, written)


@lean
def time_reduction(dev: Any, p: Any, out: Any) -> None:
    """Sum ``split`` partial results: read them all from L2, write the output."""
    read = p[BATCH] * p[SPLIT] * p[M] * p[N] * p[IN_BYTES]
    written = p[BATCH] * p[M] * p[N] * p[OUT_BYTES]
    out[LAUNCH] = dev.tensor_kernels_gemm_reduce_us
    each = dev.tensor_kernels_gemm_reduce_split_us
    if p[SERIAL] == 1.0:
        each = dev.tensor_kernels_gemm_reduce_serial_us
    out[EXPOSED] = p[SPLIT] * each
    out[L2] = (read + written) / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6
    out[HBM_BYTES] = written
    out[L2_BYTES] = read + written
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * dev.clock_boost_hz) * 1e6
