"""Kernels of many CTAs that each run a chain of dependent steps: norms, softmax, reductions.

A CTA's latency is its start, its steps, and the round trips to memory that nothing hides; its
warps issue instructions. The CTAs of an SM need its busiest unit, the GPU starts them at a limited
rate, and all of it overlaps with the traffic to L2 and memory. One CTA's latency and that work add
up in the kernel's own norm, since CTAs work while others wait. Where there are more CTAs than
slots, each further wave shows a share of its latency (``lockstep``).

Parameters: see ``launches.queued``, which fills them.
"""

from __future__ import annotations

import math
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.common import (
    attribute,
    bound_compute,
    dispatch_us,
    held,
    issue_us,
    l2_stream_us,
    overlap,
    resident_ctas,
    rewritten,
    round_trip_clk,
    start,
    tail_us,
    to_us,
    traffic,
    traffic_us,
)
from archsim.models.gpu.plan import COMPUTE, ENERGY_J, HBM, L2, L2_BYTES, RESIDENT, SHARED

PLACE, CTAS, THREADS, REGISTERS, SHARED_BYTES, STEPS, WARPS, WARP_STEPS = range(8)
READ, WRITTEN, TRIPS, STEP_TRIPS, SECTORS, RANDOM, ATOMICS, TARGETS = range(8, 16)
WIDE, AGAIN, LINES = range(16, 19)
START_CLK, STEP_CLK, START_SLOTS, STEP_SLOTS, WIDE_FACTOR, OVERLAP, LOCKSTEP = range(7)


@lean
def _atomics_us(dev: Any, atomics: float, targets: float) -> float:
    """Return the time of ``atomics`` additions spread evenly over ``targets`` 4-byte addresses.

    The hottest address, the slices that hold any target (hashing spreads a few unevenly), and
    the whole L2 each have their rate.
    """
    if atomics <= 0.0:
        return 0.0
    slice_rate = dev.l2_atomic_slice_per_clk
    granules = max(4.0 * targets / dev.l2_slice_bytes, 1.0)
    evenness = 0.8
    spread = (granules * slice_rate) ** -evenness + dev.l2_atomics_per_clk**-evenness
    rate = spread ** (-1.0 / evenness)
    if granules <= 1.0:
        rate = min(slice_rate, dev.l2_atomics_per_clk)
    return to_us(dev, max(atomics / rate, atomics / targets * dev.l2_atomic_address_clk))


@lean
def _l2_us(dev: Any, p: Any) -> float:
    """Return the time of L2: its stream, its separate sectors, its atomics."""
    sectors = to_us(dev, p[SECTORS] / dev.l2_sectors_per_clk)
    stream = l2_stream_us(dev, p[READ] + p[RANDOM] + p[WRITTEN] + p[AGAIN])
    return max(stream, sectors, _atomics_us(dev, p[ATOMICS], p[TARGETS]))


@lean
def _hbm_us(dev: Any, p: Any, slots: float) -> float:
    """Return HBM's time: streams, random sectors, and what a second pass finds no more in L2."""
    missed = 1.0 - p[RESIDENT]
    running = min(p[CTAS], slots * dev.sm_count)
    # Between its two passes a row competes with what all running CTAs read and write.
    again = p[AGAIN] * (1.0 - held(dev, 2.0 * p[AGAIN] / p[CTAS] * running))
    written = p[WRITTEN] - rewritten(dev, p, p[WRITTEN])
    streamed = traffic_us(dev, p, p[READ] * missed + again, written)
    rate = dev.memory_bandwidth_bytes_per_s * dev.memory_kernels_scattered_fraction
    return streamed + p[RANDOM] * missed / rate * 1e6


@lean
def time_queue(dev: Any, constants: Any, p: Any, out: Any) -> None:
    """Price one kernel; ``constants`` is the device record as a plain array."""
    at = int(p[PLACE])
    start(dev, out)
    traffic(dev, out, p[READ] + p[RANDOM], p[WRITTEN], p[RESIDENT])
    out[L2_BYTES] = max(out[L2_BYTES], p[SECTORS] * dev.memory_sector_bytes)
    trip = round_trip_clk(dev, p[RESIDENT])
    wide = constants[at + WIDE_FACTOR] if p[WIDE] > 0.0 else 1.0
    latency = constants[at + START_CLK] + p[TRIPS] * trip
    latency += p[STEPS] * (constants[at + STEP_CLK] * wide + p[STEP_TRIPS] * trip)
    slots = resident_ctas(dev, p[THREADS], p[REGISTERS], p[SHARED_BYTES])
    instructions = p[WARPS] * constants[at + START_SLOTS]
    instructions = (instructions + p[WARP_STEPS] * constants[at + STEP_SLOTS]) * wide
    per_sm = math.ceil(p[CTAS] / dev.sm_count)
    lines_clk = p[LINES] / dev.sm_l1_lines_per_clk
    busy = max(instructions / dev.sm_issue_per_clk, lines_clk)
    out[COMPUTE] = issue_us(dev, p[CTAS] * instructions)
    bound_compute(out, out[COMPUTE])
    waves = 1.0 + (math.ceil(per_sm / slots) - 1.0) * constants[at + LOCKSTEP]
    out[SHARED] = to_us(dev, per_sm * busy)
    out[L2] = _l2_us(dev, p)
    out[HBM] = _hbm_us(dev, p, slots)
    served = max(out[SHARED], dispatch_us(dev, p[CTAS]))
    body = overlap(served, max(out[L2], out[HBM]), dev.memory_kernels_overlap_power)
    out[ENERGY_J] = p[CTAS] * instructions * dev.power_instruction_pj * 1e-12
    whole = overlap(to_us(dev, waves * latency), body, constants[at + OVERLAP])
    attribute(out, whole, tail_us(dev, p[CTAS], p[RESIDENT]))
