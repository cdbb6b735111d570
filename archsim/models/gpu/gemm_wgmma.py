"""Kernels on wgmma: persistent CTAs that load and store with TMA and cooperate in clusters."""

from __future__ import annotations

from math import ceil, exp, log
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import overlap
from archsim.models.gpu.gemm_common import (
    bounds,
    compulsory,
    drained_bytes,
    l2_us,
    memory_rate,
    operand_traffic,
    port_bytes_per_s,
    settle,
)
from archsim.models.gpu.gemm_plan import (
    A_SHARE,
    ALIGN_A,
    ALIGN_B,
    ALIGN_OUT,
    BATCH,
    BIAS,
    CM,
    CN,
    COOP,
    CTAS,
    ENGINE,
    IN_BYTES,
    M_SIDE,
    OUT_BYTES,
    SPLIT,
    TK,
    TM,
    TN,
    K,
    M,
    N,
    k_steps,
)
from archsim.models.gpu.gemm_steps import wgmma_step
from archsim.models.gpu.plan import COMPUTE, EXPOSED, L2, L2_BYTES, LAUNCH, RESIDENT, SHARED

FITTED_SMS = 132.0
"""SMs of the device that the overlap with device memory was fitted on; its norm depends on how deep
a kernel is there, not on the device at hand: more SMs must not overlap less."""

WGMMA_ROWS = 64.0
"""Rows of wgmma's M side."""

FEW_ROWS = 8
"""Rows of an operand up to which all clusters of a wave ask for the same few lines at once."""

START_US, EXPOSED_US, BUSIEST, BUSY_US, TENSOR_US, POWER, MOVED, PORT = range(8)
WORK = 8
"""What a kernel has to do: fixed times at its ends, its busiest unit and that one's time, tensor
cores' time, the norm in which memory overlaps, bytes that it waits for, and its SMs' port (B/s)."""
Work = tuple[float, float, float, float, float, float, float, float]


@lean
def off(align: float, boundary: int) -> bool:
    """Return whether rows that begin at multiples of ``align`` bytes miss a ``boundary`` (2^n)."""
    return int(align) & (boundary - 1) != 0


@lean
def stride_factor(dev: Any, align: float) -> float:
    """Return the slowdown of loads whose rows start off 32, 64 or 128 B boundaries."""
    if off(align, 32):
        return float(dev.tensor_kernels_gemm_align16_factor)
    if off(align, 64):
        return float(dev.tensor_kernels_gemm_align32_factor)
    if off(align, 128):
        return float(dev.tensor_kernels_gemm_align64_factor)
    return 1.0


@lean
def store_align(p: Any) -> float:
    """Return the largest power of two that divides where the rows of a store begin, in bytes.

    Warpgroups that share a tile along wgmma's N store half its columns each.
    """
    halves = 2.0 if p[COOP] == 2.0 and p[M_SIDE] else 1.0
    width = int(p[TN] * p[OUT_BYTES] / halves)
    return float(min(p[ALIGN_OUT], width & -width))


@lean
def start_us(dev: Any, p: Any) -> float:
    """Return the fixed time of a kernel on wgmma."""
    if p[ENGINE] == 1.0:
        return float(dev.tensor_kernels_gemm_xmma_us)
    scales = dev.tensor_kernels_gemm_fp8_us if p[IN_BYTES] == 1.0 else 0.0
    return float(dev.tensor_kernels_gemm_launch_us + scales)


@lean
def throttle(dev: Any, tensor_us: float, kernel_us: float) -> float:
    """Return the slowdown by the power limit: it grows with time and with busy tensor cores."""
    settled = 1.0 - exp(-kernel_us / dev.tensor_kernels_gemm_throttle_us)
    share = tensor_us / kernel_us
    return float(1.0 + dev.tensor_kernels_gemm_throttle_fraction * share * settled)


@lean
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


@lean
def store_clk(dev: Any, p: Any, align: float) -> tuple[float, float]:
    """Return the clocks of a tile's epilogue from end to end, and those its store port is busy."""
    late = busy = 1.0
    if off(align, 32):
        late = dev.tensor_kernels_gemm_store16_factor
        busy = dev.tensor_kernels_gemm_port16_factor
    elif off(align, 64):
        late = dev.tensor_kernels_gemm_store32_factor
    stored = min(p[TM], p[M]) * min(p[TN], p[N]) * p[OUT_BYTES]
    store = stored * late / dev.tensor_kernels_gemm_store_bytes_per_clk
    if p[ENGINE] == 0.0 and p[BIAS] == 1.0:
        store = store * dev.tensor_kernels_gemm_bias_factor + dev.tensor_kernels_gemm_bias_clk
    rate = dev.tensor_kernels_gemm_port_bytes_per_clk
    if p[A_SHARE] < 1.0:
        rate = dev.tensor_kernels_gemm_port_sparse_bytes_per_clk
    port = stored * busy / rate
    port += dev.tensor_kernels_gemm_port_clk
    if p[IN_BYTES] == 1.0:
        port += dev.tensor_kernels_gemm_port_fp8_clk
    return store + dev.tensor_kernels_gemm_store_clk, port


@lean
def hot_clk(dev: Any, p: Any) -> float:
    """Return the least clocks of a step whose few rows of one operand every cluster reads.

    Boxes of the 64 rows of wgmma's M side show this, those of fewer rows and the older kernels'
    loads do not.
    """
    if p[ENGINE] == 1.0 or p[BATCH] > 1.0 or min(p[M], p[N]) > FEW_ROWS:
        return 0.0
    tiles_m, tiles_n = ceil(p[M] / p[TM]), ceil(p[N] / p[TN])
    readers = 0.0
    if tiles_m == 1.0 and p[M] <= FEW_ROWS and p[TM] >= WGMMA_ROWS:
        readers = ceil(tiles_n / p[CN])
    if tiles_n == 1.0 and p[N] <= FEW_ROWS and p[TN] >= WGMMA_ROWS:
        readers = max(readers, ceil(tiles_m / p[CM]))
    return float(min(readers, p[CTAS] / (p[CM] * p[CN])) * dev.tensor_kernels_gemm_hot_clk)


@lean
def step_clks(dev: Any, p: Any, fat_a: float, fat_b: float) -> tuple[float, float, float]:
    """Return the clocks of a K step: all of it, its tensor work and its loads."""
    deep = min(p[K], p[TK]) * p[IN_BYTES]
    rows = min(p[TM], p[M]) * p[A_SHARE] * fat_a * deep
    columns = min(p[TN], p[N]) * fat_b * deep
    take = load_clk(dev, p, rows, columns)
    work = wgmma_step(dev, p)
    step = overlap(work, take, dev.tensor_kernels_gemm_step_power)
    least = max(dev.tensor_kernels_gemm_step_clk, hot_clk(dev, p))
    return max(step, least), work, take


@lean
def tile_clk(dev: Any, p: Any, main: float, store: float, port: float) -> float:
    """Return the clocks after which a CTA has done one more tile."""
    # Warpgroups with a tile each store one under the other's main loop; cooperating ones cannot.
    if p[COOP] == 0.0 and p[ENGINE] == 0.0:
        return float(max(main, 0.5 * (main + store), port))
    return float(max(main + store * dev.tensor_kernels_gemm_coop_store, port))


@lean
def wgmma_work(dev: Any, p: Any, read: float, written: float, l2_bytes: float) -> Work:
    """Return what a kernel has to do, as `wgmma_body` reads it.

    ``read`` and ``written`` are compulsory bytes, ``l2_bytes`` those of operands. The rate of
    device memory is left out, so that devices which differ in it alone share the answer.
    """
    us = 1e6 / dev.clock_boost_hz
    tiles = ceil(p[M] / p[TM]) * ceil(p[N] / p[TN]) * p[BATCH] * p[SPLIT]
    sms = min(p[CTAS], tiles, dev.sm_count)
    per_sm = ceil(tiles / sms)
    parts = ceil(k_steps(p) / p[SPLIT])
    fat_a, fat_b = stride_factor(dev, p[ALIGN_A]), stride_factor(dev, p[ALIGN_B])
    step, work, take = step_clks(dev, p, fat_a, fat_b)
    main = step * parts
    align = store_align(p)
    store, port = store_clk(dev, p, align)
    own_us = ((per_sm - 1.0) * tile_clk(dev, p, main, store, port) + main) * us
    shared_us = l2_us(dev, l2_bytes)
    rough = dev.tensor_kernels_gemm_port16_factor if off(align, 32) else 1.0
    busy_us = max(own_us, shared_us)
    if p[ENGINE] == 1.0:
        shared_us /= dev.tensor_kernels_gemm_xmma_l2_fraction
        busy_us = overlap(own_us, shared_us, dev.tensor_kernels_gemm_xmma_l2_power)
    depth = parts * max(ceil(tiles / FITTED_SMS), 1.0)
    deeper = dev.tensor_kernels_gemm_overlap_gain * log(1.0 + depth / 16.0)
    cold = min(read / 1e6, 1.0) * dev.tensor_kernels_gemm_cold_read_us
    cold += (1.0 - p[RESIDENT]) * dev.tensor_kernels_gemm_cold_us
    busiest = L2 if shared_us > own_us else COMPUTE if work >= take else SHARED
    return (
        start_us(dev, p), store * us + fix_up_us(dev, p) + cold, float(busiest),
        busy_us, work * parts * per_sm * us, dev.tensor_kernels_gemm_overlap_power + deeper,
        drained_bytes(dev, read, written * rough), port_bytes_per_s(dev, sms),
    )  # fmt: skip


@lean
def wgmma_body(dev: Any, work: Any) -> tuple[float, float, float]:
    """Return the time of a kernel's busiest unit, of device memory, and of both overlapped."""
    busy_us = work[BUSY_US]
    hbm_us = float(work[MOVED] / min(memory_rate(dev), work[PORT]) * 1e6)
    both_us = overlap(busy_us, hbm_us, work[POWER])
    slow = throttle(dev, work[TENSOR_US], both_us)
    return busy_us * slow, hbm_us, max(both_us * slow, hbm_us)


@lean
def wgmma_us(dev: Any, work: Any) -> tuple[float, float]:
    """Return the time of a kernel as `time_wgmma` shares it out, and what of it is memory's."""
    busy_us, hbm_us, both_us = wgmma_body(dev, work)
    if hbm_us >= busy_us:
        return work[START_US] + hbm_us + (work[EXPOSED_US] + (both_us - hbm_us)), hbm_us
    return work[START_US] + busy_us + (work[EXPOSED_US] + (both_us - busy_us)), 0.0


@lean
def time_wgmma(dev: Any, p: Any, out: Any) -> None:
    """Price a persistent warp-specialised kernel on wgmma."""
    read, written = compulsory(p, out)
    fat_a, fat_b = stride_factor(dev, p[ALIGN_A]), stride_factor(dev, p[ALIGN_B])
    l2_bytes = operand_traffic(p, fat_a, fat_b)
    work = wgmma_work(dev, p, read, written, l2_bytes)
    busy_us, hbm_us, both_us = wgmma_body(dev, work)
    out[LAUNCH], out[EXPOSED] = work[START_US], work[EXPOSED_US]
    settle(out, int(work[BUSIEST]), busy_us, hbm_us, both_us)
    out[L2_BYTES] = l2_bytes + written
    bounds(dev, p, out, read, written)


@lean
def fix_up_us(dev: Any, p: Any) -> float:
    """Return the time in which the CTAs of a tile add their parts of K inside the kernel."""
    if p[ENGINE] != 1.0 or p[SPLIT] == 1.0:
        return 0.0
    partial = 8.0 * p[SPLIT] * p[BATCH] * p[M] * p[N]
    us = dev.tensor_kernels_gemm_segment_us
    us += (p[SPLIT] - 1.0) * dev.tensor_kernels_gemm_segment_part_us
    return float(us + partial / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6)
