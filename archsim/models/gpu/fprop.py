"""Time of one implicit-GEMM convolution kernel: wgmma with clusters, or mma.sync.

A tile of pixels x filters walks taps and channels in K steps. On wgmma a persistent CTA takes tile
after tile; the CTAs of a cluster multicast what they share, and a cluster that reaches over the
edge computes for nothing. On mma.sync the CTAs of an SM hide each other's latency.
``fprop_plan`` names the numbers of a plan.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import overlap
from archsim.models.gpu.fprop_plan import (
    A_BYTES,
    ALIGN,
    B_BYTES,
    CHUNK,
    CM,
    CN,
    CROWD,
    CTAS,
    DEPTH,
    ELEMENT,
    ENGINE,
    FILTERS,
    PACKED,
    PAIR,
    PARTS,
    PEAK_SHARE,
    PIXELS,
    SEGMENT,
    SLOTS,
    TAPS,
    TK,
    TM,
    TN,
    WM,
    WN,
)
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
)

START_STEPS = 6.0
"""K steps that fill the pipeline of a wgmma kernel."""
STEP_POWER = 6.0
"""Norm by which tensor work and loads of a wgmma step overlap: nearly the larger of both."""


@lean
def time_fprop(dev: Any, p: Any, out: Any) -> None:
    """Price one kernel of the family FPROP."""
    if p[ENGINE] == 0.0:
        busy, traffic, tail = wgmma_busy(dev, p, out)
        power = dev.tensor_kernels_fprop_xmma_overlap_power
        shared = traffic / (dev.l2_bytes_per_clk * dev.tensor_kernels_fprop_xmma_l2_factor)
    else:
        busy, traffic, tail = mma_busy(dev, p, out)
        if p[CROWD] > 1.0:  # kernels of other groups run beside it
            alone = busy * 1e6 / dev.clock_boost_hz + out[LAUNCH]
            beside = min(p[CROWD], 1.0 + alone / dev.tensor_kernels_fprop_crowd_us)
            busy *= min(beside, dev.tensor_kernels_fprop_crowd_most)
        power = 1e9
        shared = traffic / (dev.l2_bytes_per_clk * dev.tensor_kernels_fprop_l2_factor)
    if p[PACKED] > 0.0:
        busy *= packed_factor(dev, p[ENGINE])
    us = 1e6 / dev.clock_boost_hz
    own = max(busy, shared) if power > 1e3 else overlap(busy, shared, power)
    own = overlap(own * us, parts_us(dev, p), dev.tensor_kernels_fprop_overlap_power)
    read = (p[A_BYTES] + p[B_BYTES]) * (1.0 - p[RESIDENT])
    written = p[PIXELS] * p[FILTERS] * p[ELEMENT]
    memory = memory_us(dev, p, read, written)
    both = overlap(own, memory, dev.tensor_kernels_fprop_overlap_power)
    out[COMPUTE if busy >= shared else L2] = own if own >= memory else 0.0
    out[HBM] = memory if memory > own else 0.0
    out[EXPOSED] = both - max(own, memory) + tail * us + fixed_parts_us(dev, p)
    if p[ENGINE] > 0.0:
        out[EXPOSED] += min(read / 1e6, 1.0) * dev.tensor_kernels_fprop_cold_us
    out[HBM_BYTES] = read + written
    out[L2_BYTES] = traffic + written
    bounds(dev, p, out, read, written)


@lean
def packed_factor(dev: Any, engine: float) -> float:
    """Return what the tiles of one kernel over all groups cost against a dense one's."""
    if engine == 0.0:
        return float(dev.tensor_kernels_fprop_packed_xmma_factor)
    if engine == 3.0:
        return float(dev.tensor_kernels_fprop_packed_indexed_factor)
    return float(dev.tensor_kernels_fprop_packed_ampere_factor)


@lean
def memory_us(dev: Any, p: Any, read: float, written: float) -> float:
    """Return the time of the compulsory bytes over device memory and the ports of the SMs."""
    rate = dev.memory_bandwidth_bytes_per_s * dev.tensor_kernels_fprop_hbm_fraction
    sms = min(p[CTAS], dev.sm_count)
    port = sms * dev.sm_l2_bytes_per_clk * dev.clock_boost_hz
    moved = read + written * dev.tensor_kernels_fprop_write_factor
    return float(moved / min(rate, port) * 1e6)


@lean
def peak(dev: Any, p: Any) -> float:
    """Return the operations a clock of one SM: tf32 runs at half the rate of fp16."""
    if p[ENGINE] >= 5.0:
        return float(dev.sm_fp32_flop_per_clk)
    return float(dev.tensor_fp16_flop_per_clk * 2.0 / p[ELEMENT])


@lean
def steps_of(p: Any) -> float:
    """Return the K steps of a tile; an index table and a register kernel cross the taps' ends."""
    if p[ENGINE] <= 2.0:
        return float(p[TAPS] * ceil(p[CHUNK] / p[TK]))
    return float(ceil(p[DEPTH] / p[TK]))


@lean
def sectors(dev: Any, p: Any) -> float:
    """Return the bytes moved per byte used where pixels start off 128 B boundaries."""
    share = 0.0
    if p[ALIGN] < 32.0:
        share = dev.tensor_kernels_fprop_align16_share
    elif p[ALIGN] < 64.0:
        share = dev.tensor_kernels_fprop_align32_share
    elif p[ALIGN] < 128.0:
        share = dev.tensor_kernels_fprop_align64_share
    return float(1.0 + share * 32.0 / (p[TK] * p[ELEMENT]))


@lean
def wgmma_busy(dev: Any, p: Any, out: Any) -> tuple[float, float, float]:
    """Return clocks of an SM, bytes of L2 and the last epilogue's clocks of a wgmma kernel."""
    rows, columns = ceil(p[PIXELS] / p[TM]), ceil(p[FILTERS] / p[TN])
    tall, wide = ceil(rows / p[CM]) * p[CM], ceil(columns / p[CN]) * p[CN]
    steps = steps_of(p)
    walked = ceil(tall * wide * steps / p[CTAS]) if p[SEGMENT] > 0.0 else steps
    waves = 1.0 if p[SEGMENT] > 0.0 else ceil(tall * wide / p[CTAS])
    fat = sectors(dev, p)
    slices = p[TM] / 64.0 * p[TK] * p[ELEMENT] / 32.0
    arithmetic = 2.0 * 64.0 * p[TN] * 32.0 / p[ELEMENT] / peak(dev, p)
    port = (64.0 + p[TN]) * 32.0 / dev.sm_shared_bytes_per_clk
    work = max(arithmetic, port) * slices
    work = work * dev.tensor_kernels_fprop_xmma_factor + dev.tensor_kernels_fprop_xmma_step_clk
    used = p[DEPTH] / steps * p[ELEMENT] * fat
    asked = (p[TM] / p[CN] + p[TN] / p[CM]) * used
    take = asked / dev.tensor_kernels_fprop_xmma_load_bytes_per_clk
    step = overlap(work, take, STEP_POWER)
    tail = min(p[TM], p[PIXELS]) * min(p[TN], p[FILTERS]) * p[ELEMENT]
    tail = tail / dev.tensor_kernels_fprop_xmma_store_bytes_per_clk
    tail += dev.tensor_kernels_fprop_xmma_tile_clk
    tail += p[PAIR] * dev.tensor_kernels_fprop_xmma_pair_clk
    busy = waves * walked * step + (waves - 1.0) * tail
    if waves > 1.0:
        busy += dev.tensor_kernels_fprop_xmma_wave_clk
    busy += dev.tensor_kernels_fprop_xmma_start_clk * min(walked, START_STEPS)
    moved = p[ELEMENT] * p[DEPTH] * fat
    traffic = moved * (p[PIXELS] * wide / p[CN] + p[FILTERS] * tall / p[CM])
    out[LAUNCH] = dev.tensor_kernels_fprop_xmma_us
    return float(busy), float(traffic), float(tail)


@lean
def family(dev: Any, engine: float) -> tuple[float, float, float, float, float]:
    """Return an mma.sync family's fixed time, arithmetic, fragment port, least step, CTA round."""
    k = dev
    if engine == 1.0:
        return (
            k.tensor_kernels_fprop_cut_us, k.tensor_kernels_fprop_cut_factor,
            k.tensor_kernels_fprop_cut_port_bytes_per_clk, k.tensor_kernels_fprop_cut_step_clk,
            k.tensor_kernels_fprop_cut_cta_clk,
        )  # fmt: skip
    if engine == 2.0:
        return (
            k.tensor_kernels_fprop_ampere_us, k.tensor_kernels_fprop_ampere_factor,
            k.tensor_kernels_fprop_ampere_port_bytes_per_clk,
            k.tensor_kernels_fprop_ampere_step_clk, k.tensor_kernels_fprop_ampere_cta_clk,
        )  # fmt: skip
    if engine == 3.0:
        return (
            k.tensor_kernels_fprop_indexed_us, k.tensor_kernels_fprop_indexed_factor,
            k.tensor_kernels_fprop_indexed_port_bytes_per_clk,
            k.tensor_kernels_fprop_indexed_step_clk, k.tensor_kernels_fprop_indexed_cta_clk,
        )  # fmt: skip
    if engine >= 5.0:
        return (
            k.tensor_kernels_fprop_ffma_us, k.tensor_kernels_fprop_ffma_factor,
            k.tensor_kernels_fprop_ffma_port_bytes_per_clk, k.tensor_kernels_fprop_ffma_step_clk,
            k.tensor_kernels_fprop_ffma_cta_clk,
        )  # fmt: skip
    return (
        k.tensor_kernels_fprop_direct_us, k.tensor_kernels_fprop_direct_factor,
        k.tensor_kernels_fprop_direct_port_bytes_per_clk, k.tensor_kernels_fprop_direct_step_clk,
        k.tensor_kernels_fprop_direct_cta_clk,
    )  # fmt: skip


@lean
def mma_busy(dev: Any, p: Any, out: Any) -> tuple[float, float, float]:
    """Return clocks of an SM, bytes of L2 and no further epilogue of an mma.sync kernel."""
    fixed, factor, port, least, round_clk = family(dev, p[ENGINE])
    rows, columns = ceil(p[PIXELS] / p[TM]), ceil(p[FILTERS] / p[TN])
    deep = p[TK] * p[ELEMENT]
    reached = peak(dev, p)
    if p[ENGINE] < 5.0:
        reached *= dev.tensor_mma_fraction
    work = 2.0 * p[TM] * p[TN] * p[TK] / reached * factor
    work += (p[TM] * p[WN] + p[TN] * p[WM]) * deep / port
    work += (p[TM] + p[TN]) * deep / dev.tensor_kernels_fprop_fill_bytes_per_clk
    per_sm = ceil(rows * columns * p[PARTS] / dev.sm_count)
    slots = min(p[SLOTS], per_sm)
    full = per_sm // slots
    left = per_sm - full * slots
    power = dev.tensor_kernels_fprop_step_power
    each = full * overlap(slots * work, least, power)
    if left > 0.0:
        each += overlap(left * work, least, power)
    busy = each * ceil(steps_of(p) / p[PARTS]) + (full + (left > 0.0)) * round_clk
    stored = min(p[TM], p[PIXELS]) * min(p[TN], p[FILTERS]) * p[ELEMENT]
    busy += per_sm * stored / dev.tensor_kernels_fprop_store_bytes_per_clk
    out[LAUNCH] = fixed
    traffic = p[ELEMENT] * p[DEPTH] * (p[PIXELS] * columns + p[FILTERS] * rows)
    return float(busy), float(traffic), 0.0


@lean
def parts_us(dev: Any, p: Any) -> float:
    """Return the time in which partial sums pass through L2, beside the main loops."""
    if p[PARTS] <= 1.0:
        return 0.0
    partial = 8.0 * (p[PARTS] - 1.0) * p[PIXELS] * p[FILTERS]
    if p[ENGINE] == 0.0:
        return float(partial / dev.tensor_kernels_fprop_segment_bytes_per_s * 1e6)
    if p[ENGINE] == 3.0:
        return float(partial / dev.tensor_kernels_fprop_indexed_split_bytes_per_s * 1e6)
    return float(partial / dev.tensor_kernels_fprop_split_bytes_per_s * 1e6)


@lean
def fixed_parts_us(dev: Any, p: Any) -> float:
    """Return the fixed time of splitting K."""
    if p[ENGINE] == 0.0:
        if p[SEGMENT] == 0.0:
            return 0.0
        more = p[PARTS] * dev.tensor_kernels_fprop_segment_part_us
        return float(dev.tensor_kernels_fprop_segment_us + more)
    if p[PARTS] <= 1.0:
        return 0.0
    more = p[PARTS] * dev.tensor_kernels_fprop_split_part_us
    return float(dev.tensor_kernels_fprop_split_us + more)


@lean
def bounds(dev: Any, p: Any, out: Any, read: float, written: float) -> None:
    """Record the analytical lower bounds: useful arithmetic at the peak, compulsory bytes."""
    hz = dev.clock_boost_hz
    flops = 2.0 * p[PIXELS] * p[FILTERS] * p[DEPTH] * p[PEAK_SHARE]
    out[BOUND_COMPUTE_US] = flops / (peak(dev, p) * dev.sm_count * hz) * 1e6
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * hz) * 1e6
    forced = read + max(written - dev.l2_capacity_bytes, 0.0)
    out[BOUND_HBM_US] = forced / dev.memory_bandwidth_bytes_per_s * 1e6
