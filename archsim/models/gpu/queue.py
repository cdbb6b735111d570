"""Kernels of many CTAs that each run a chain of dependent steps: norms, softmax, reductions.

A CTA's latency is its start, its steps, and the round trips to memory that nothing hides; its
warps issue instructions. CTAs queue for slots and for issue (``common.queue_clk``), the GPU starts
them at a limited rate, and all of it overlaps with the traffic to L2 and memory.

Parameters: 0 place of the kernel's ``CtaKernel`` constants in the device record, 1 CTAs,
2 threads, 3 registers, 4 shared bytes, 5 steps of a CTA's chain, 6 warp starts of a CTA, 7 warp
steps of a CTA, 8 bytes read, 9 bytes written, 10 round trips at the start, 11 round trips per
step, 12 separate L2 sectors, 13 random bytes read from memory, 14 atomic additions, 15 the most
atomic additions to one address.
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.common import (
    attribute,
    bound_compute,
    dispatch_us,
    hbm_us,
    issue_us,
    overlap,
    queue_clk,
    resident_ctas,
    start,
    to_us,
    traffic,
)
from archsim.models.gpu.plan import BOUND_L2_US, COMPUTE, ENERGY_J, HBM, L2, RESIDENT, SHARED

START_CLK, STEP_CLK, START_SLOTS, STEP_SLOTS = 0, 1, 2, 3


@njit
def _round_trip_clk(dev: Any, resident: float) -> float:
    """Return the load latency when ``resident`` of the data lies in L2."""
    hit = dev.l2_hit_cycles
    return hit + (1.0 - resident) * (dev.memory_latency_cycles - hit)


@njit
def _l2_us(dev: Any, sectors: float, atomics: float, hottest: float) -> float:
    """Return L2's time for separate sectors, atomic additions, and the hottest address."""
    clk = max(sectors / dev.l2_sectors_per_clk, atomics / dev.l2_atomics_per_clk)
    return to_us(dev, max(clk, hottest * dev.l2_atomic_line_clk))


@njit
def _memory_us(dev: Any, p: Any) -> float:
    """Return HBM's time: streams at their share of the peak, random sectors at theirs."""
    streamed = hbm_us(dev, p[8] * (1.0 - p[RESIDENT]), p[9])
    rate = dev.memory_bandwidth_bytes_per_s * dev.memory_kernels_scattered_fraction
    return streamed + p[13] * (1.0 - p[RESIDENT]) / rate * 1e6


@njit
def time_queue(dev: Any, constants: Any, p: Any, out: Any) -> None:
    """Price one kernel; ``constants`` is the device record as a plain array."""
    at = int(p[0])
    start(dev, out)
    traffic(dev, out, p[8] + p[13], p[9], p[RESIDENT])
    trip = _round_trip_clk(dev, p[RESIDENT])
    latency = constants[at + START_CLK] + p[10] * trip
    latency += p[5] * (constants[at + STEP_CLK] + p[11] * trip)
    slots = resident_ctas(dev, p[2], p[3], p[4])
    instructions = p[6] * constants[at + START_SLOTS] + p[7] * constants[at + STEP_SLOTS]
    per_sm = max(p[1] / dev.sm_count, 1.0)
    busy = instructions / dev.sm_issue_per_clk
    out[COMPUTE] = issue_us(dev, p[1] * instructions)
    bound_compute(out, out[COMPUTE])
    out[SHARED] = to_us(dev, queue_clk(per_sm, slots, latency, busy) - latency)
    out[L2] = max(out[BOUND_L2_US], _l2_us(dev, p[12], p[14], p[15]))
    out[HBM] = _memory_us(dev, p)
    served = max(out[SHARED], dispatch_us(dev, p[1]), out[COMPUTE])
    body = overlap(served, max(out[L2], out[HBM]), dev.memory_kernels_overlap_power)
    out[ENERGY_J] = p[1] * instructions * dev.power_instruction_pj * 1e-12
    attribute(out, body, to_us(dev, latency))
