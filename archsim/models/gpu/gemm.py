"""Tile kernels of matrix products: the time of one launch from its tile, pipeline and grid.

A kernel covers ``ceil(m/tm) * ceil(n/tn) * batch * split`` tiles with CTAs on SMs. A tile walks
its K range in steps; a step costs the larger of its tensor work and of the bytes its SM takes in.
Over the GPU all steps share L2, and the launch shares device memory. ``gemm_plan`` names the
numbers of a plan; engines 0 and 1 run on wgmma (``time_wgmma``), 2 to 4 on mma.sync, multiply-add
and fp64 units (``time_mma``), 5 is the reduction of a split K.
"""

from __future__ import annotations

from math import ceil, log
from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.common import overlap
from archsim.models.gpu.gemm_plan import (
    A_BYTES,
    A_SHARE,
    ALIGN_A,
    ALIGN_B,
    ALIGN_OUT,
    BATCH,
    BIAS,
    CM,
    CN,
    COOP,
    CROWD,
    CTAS,
    ENGINE,
    IN_BYTES,
    OUT_BYTES,
    SLOTS,
    SPLIT,
    TK,
    TM,
    TN,
    K,
    M,
    N,
    k_steps,
)
from archsim.models.gpu.gemm_steps import mma_step, peak_rate, wgmma_step
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    COMPUTE,
    EXPOSED,
    HBM,
    HBM_BYTES,
    L2,
    L2_BYTES,
    LAUNCH,
    RESIDENT,
    SHARED,
)


@njit
def stride_factor(dev: Any, align: float) -> float:
    """Return the slowdown of loads whose rows start off 32, 64 or 128 B boundaries."""
    if align % 32.0:
        return float(dev.tensor_kernels_gemm_align16_factor)
    if align % 64.0:
        return float(dev.tensor_kernels_gemm_align32_factor)
    if align % 128.0:
        return float(dev.tensor_kernels_gemm_align64_factor)
    return 1.0


@njit
def store_factor(dev: Any, align: float) -> float:
    """Return the slowdown of stores whose rows start off 32 or 128 B boundaries."""
    if align % 32.0:
        return float(dev.tensor_kernels_gemm_store16_factor)
    if align % 128.0:
        return float(dev.tensor_kernels_gemm_store32_factor)
    return 1.0


@njit
def compulsory(p: Any, out: Any) -> tuple[float, float]:
    """Record the bytes and bounds' operands; return bytes read cold and bytes written."""
    a_bytes = p[A_BYTES]
    if a_bytes == 0.0:
        a_bytes = p[BATCH] * p[M] * p[K] * p[A_SHARE] * p[IN_BYTES]
    read = (a_bytes + p[BATCH] * p[N] * p[K] * p[IN_BYTES]) * (1.0 - p[RESIDENT])
    copies = 1.0 if p[ENGINE] == 1.0 else p[SPLIT]
    written = p[BATCH] * copies * p[M] * p[N] * p[OUT_BYTES]
    out[HBM_BYTES] = read + written
    return read, written


@njit
def operand_traffic(p: Any, fat_a: float, fat_b: float) -> float:
    """Return the bytes that L2 serves: each operand once per tile row or column and cluster."""
    tiles_m, tiles_n = ceil(p[M] / p[TM]), ceil(p[N] / p[TN])
    rows = p[M] * p[A_SHARE] * fat_a * tiles_n / p[CN]
    columns = p[N] * fat_b * tiles_m / p[CM]
    return float(p[BATCH] * p[IN_BYTES] * p[K] * (rows + columns))


@njit
def bounds(dev: Any, p: Any, out: Any, read: float, written: float) -> None:
    """Record the analytical lower bounds: peak arithmetic, compulsory bytes over L2 and HBM."""
    hz = dev.clock_boost_hz
    flops = 2.0 * p[BATCH] * p[M] * p[N] * p[K]
    out[BOUND_COMPUTE_US] = flops / (peak_rate(dev, p) * dev.sm_count * hz) * 1e6
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * hz) * 1e6
    forced = read + max(written - dev.l2_capacity_bytes, 0.0)
    out[BOUND_HBM_US] = forced / dev.memory_bandwidth_bytes_per_s * 1e6


@njit
def memory_us(dev: Any, sms: float, read: float, written: float) -> float:
    """Return the time of the compulsory bytes; what is written drains in part after the kernel."""
    rate = dev.memory_bandwidth_bytes_per_s * dev.tensor_kernels_gemm_hbm_fraction
    port = sms * dev.sm_l2_bytes_per_clk * dev.clock_boost_hz
    drained = written * dev.tensor_kernels_gemm_write_share
    drained = max(drained, written - dev.l2_capacity_bytes)  # L2 holds no more than that
    return float((read + drained) / min(rate, port) * 1e6)


@njit
def l2_us(dev: Any, moved: float) -> float:
    """Return the time in which L2 serves ``moved`` bytes of operands."""
    rate = dev.l2_bytes_per_clk * dev.tensor_kernels_gemm_l2_fraction
    return float(moved / (rate * dev.clock_boost_hz) * 1e6)


@njit
def settle(out: Any, busiest: int, busy_us: float, hbm_us: float, both_us: float) -> None:
    """Give the body of a kernel to whoever bounds it, what overlap costs to exposed latency."""
    if hbm_us >= busy_us:
        out[HBM] += hbm_us
        out[EXPOSED] += both_us - hbm_us
    else:
        out[busiest] += busy_us
        out[EXPOSED] += both_us - busy_us


@njit
def time_gemm(dev: Any, p: Any, out: Any) -> None:
    """Price one kernel of families GEMM and SPARSE."""
    if p[ENGINE] == 5.0:
        time_reduction(dev, p, out)
    elif p[ENGINE] <= 1.0:
        time_wgmma(dev, p, out)
    else:
        time_mma(dev, p, out)


@njit
def start_us(dev: Any, p: Any) -> float:
    """Return the fixed time of a kernel on wgmma."""
    if p[ENGINE] == 1.0:
        return float(dev.tensor_kernels_gemm_xmma_us)
    scales = dev.tensor_kernels_gemm_fp8_us if p[IN_BYTES] == 1.0 else 0.0
    return float(dev.tensor_kernels_gemm_launch_us + scales)


@njit
def throttle(dev: Any, tensor_us: float, kernel_us: float) -> float:
    """Return the slowdown by the power limit: it grows with time and with busy tensor cores."""
    settled = 1.0 - 2.718281828 ** (-kernel_us / dev.tensor_kernels_gemm_throttle_us)
    share = tensor_us / kernel_us
    return float(1.0 + dev.tensor_kernels_gemm_throttle_fraction * share * settled)


@njit
def load_clk(dev: Any, p: Any, rows: float, columns: float) -> float:
    """Return the clocks in which one SM takes in a step's ``rows`` and ``columns`` bytes.

    What arrives passes the shared-memory port; what a CTA asks for itself passes its L2 port, and
    the CTAs of a cluster each ask for their share of what they multicast.
    """
    if p[ENGINE] == 1.0:
        return float((rows + columns) / dev.sm_shared_bytes_per_clk)
    port = dev.sm_shared_bytes_per_clk * dev.tensor_kernels_gemm_fill_fraction
    asked = dev.sm_l2_bytes_per_clk * dev.tensor_kernels_gemm_request_fraction
    return float(max((rows + columns) / port, (rows / p[CN] + columns / p[CM]) / asked))


@njit
def time_wgmma(dev: Any, p: Any, out: Any) -> None:
    """Price a persistent warp-specialised kernel on wgmma."""
    us = 1e6 / dev.clock_boost_hz
    tiles = ceil(p[M] / p[TM]) * ceil(p[N] / p[TN]) * p[BATCH] * p[SPLIT]
    sms = min(p[CTAS], tiles, dev.sm_count)
    per_sm = ceil(tiles / sms)
    parts = ceil(k_steps(p) / p[SPLIT])
    fat_a, fat_b = stride_factor(dev, p[ALIGN_A]), stride_factor(dev, p[ALIGN_B])
    deep = min(p[K], p[TK]) * p[IN_BYTES]
    rows = min(p[TM], p[M]) * p[A_SHARE] * fat_a * deep
    columns = min(p[TN], p[N]) * fat_b * deep
    take = load_clk(dev, p, rows, columns)
    work = wgmma_step(dev, p)
    step = overlap(work, take, dev.tensor_kernels_gemm_step_power)
    main = max(step, dev.tensor_kernels_gemm_step_clk) * parts
    rough = store_factor(dev, p[ALIGN_OUT])
    stored = min(p[TM], p[M]) * min(p[TN], p[N]) * p[OUT_BYTES] * rough
    store = stored / dev.tensor_kernels_gemm_store_bytes_per_clk
    if p[ENGINE] == 0.0 and p[BIAS] == 1.0:
        store = store * dev.tensor_kernels_gemm_bias_factor + dev.tensor_kernels_gemm_bias_clk
    store += dev.tensor_kernels_gemm_store_clk
    # Warpgroups with a tile each store one under the other's main loop; cooperating ones cannot.
    if p[COOP] == 0.0 and p[ENGINE] == 0.0:
        each = max(main, 0.5 * (main + store))
    else:
        each = main + store * dev.tensor_kernels_gemm_coop_store
    l2_bytes = operand_traffic(p, fat_a, fat_b)
    own_us = ((per_sm - 1.0) * each + main) * us
    shared_us = l2_us(dev, l2_bytes)
    read, written = compulsory(p, out)
    spread = 1.0 + (rough - 1.0) * dev.tensor_kernels_gemm_store_spread
    hbm_us = memory_us(dev, sms, read, written * spread)
    busy_us = max(own_us, shared_us)
    deeper = dev.tensor_kernels_gemm_overlap_gain * log(1.0 + parts * per_sm / 16.0)
    both_us = overlap(busy_us, hbm_us, dev.tensor_kernels_gemm_overlap_power + deeper)
    slow = throttle(dev, work * parts * per_sm * us, both_us)
    out[LAUNCH] = start_us(dev, p)
    out[EXPOSED] = store * us + fix_up_us(dev, p)
    busiest = L2 if shared_us > own_us else COMPUTE if work >= take else SHARED
    settle(out, busiest, busy_us * slow, hbm_us, max(both_us * slow, hbm_us))
    out[L2_BYTES] = l2_bytes + written
    bounds(dev, p, out, read, written)


@njit
def fix_up_us(dev: Any, p: Any) -> float:
    """Return the time in which the CTAs of a tile add their parts of K inside the kernel."""
    if p[ENGINE] != 1.0 or p[SPLIT] == 1.0:
        return 0.0
    partial = 8.0 * p[SPLIT] * p[BATCH] * p[M] * p[N]
    us = dev.tensor_kernels_gemm_segment_us
    us += (p[SPLIT] - 1.0) * dev.tensor_kernels_gemm_segment_part_us
    return float(us + partial / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6)


@njit
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


@njit
def time_reduction(dev: Any, p: Any, out: Any) -> None:
    """Sum ``split`` partial results: read them all from L2, write the output."""
    read = p[BATCH] * p[SPLIT] * p[M] * p[N] * p[IN_BYTES]
    written = p[BATCH] * p[M] * p[N] * p[OUT_BYTES]
    out[LAUNCH] = dev.tensor_kernels_gemm_reduce_us
    out[EXPOSED] = p[SPLIT] * dev.tensor_kernels_gemm_reduce_split_us
    out[L2] = (read + written) / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6
    out[HBM_BYTES] = written
    out[L2_BYTES] = read + written
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * dev.clock_boost_hz) * 1e6
