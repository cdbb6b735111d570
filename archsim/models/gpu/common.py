"""Laws that all families share: HBM efficiency, CTAs queueing on SMs, and who bounds the time."""

from __future__ import annotations

import math
from typing import Any

from archsim.engine.jit import lean
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
    NEW_CODE,
    OVERWRITES,
    SHARED,
)


@lean
def hbm_us(dev: Any, read_bytes: float, write_bytes: float) -> float:
    """Return the time of ``read_bytes`` and ``write_bytes`` at the mix's reachable bandwidth.

    A pure read reaches ``memory.read_fraction``, an even mix ``memory.write_fraction`` of the
    peak; between them the fraction falls in proportion to the share of writes. A part of what is
    written is still in L2 when the kernel ends and costs it nothing.
    """
    written = write_bytes - kept_dirty(dev, write_bytes)
    total = read_bytes + written
    if total <= 0.0:
        return 0.0
    mixed = min(2.0 * write_bytes / (read_bytes + write_bytes), 1.0)
    read = dev.memory_read_fraction
    fraction = read + (dev.memory_write_fraction - read) * mixed
    return total / (dev.memory_bandwidth_bytes_per_s * fraction) * 1e6


@lean
def rewritten(dev: Any, p: Any, write_bytes: float) -> float:
    """Return how many written bytes find their lines in L2 and leave them there.

    That is at most what L2 holds beside other dirty lines.
    """
    room = max(dev.l2_capacity_bytes - dev.l2_dirty_bytes, 0.0)
    return min(p[OVERWRITES] * write_bytes, room)


@lean
def traffic_us(dev: Any, p: Any, read_bytes: float, write_bytes: float) -> float:
    """Return HBM's time of a kernel: ``hbm_us``, and inside a graph what others left dirty.

    What one kernel leaves in L2 the next one writes back, so that nobody gains in the long run.
    """
    us = hbm_us(dev, read_bytes, write_bytes)
    rate = dev.memory_bandwidth_bytes_per_s * dev.memory_write_fraction
    return us + p[NEW_CODE] * kept_dirty(dev, write_bytes) / rate * 1e6


@lean
def kept_dirty(dev: Any, write_bytes: float) -> float:
    """Return how many written bytes are still in L2 at the end of a kernel."""
    return min(dev.l2_dirty_fraction * write_bytes, dev.l2_dirty_bytes)


@lean
def held(dev: Any, footprint_bytes: float) -> float:
    """Return the share of a footprint that L2 still holds when it is touched again."""
    full = dev.l2_full_hit_fraction * dev.l2_capacity_bytes
    none = dev.l2_no_hit_fraction * dev.l2_capacity_bytes
    if footprint_bytes <= full:
        return 1.0
    if footprint_bytes >= none:
        return 0.0
    return (none - footprint_bytes) / (none - full)


@lean
def round_trip_clk(dev: Any, resident: float) -> float:
    """Return the load latency when ``resident`` of the data lies in L2."""
    hit = dev.l2_hit_cycles
    return hit + (1.0 - resident) * (dev.memory_latency_cycles - hit)


@lean
def tail_us(dev: Any, ctas: float, resident: float) -> float:
    """Return what the slowest of many cold loads takes beyond the mean one."""
    return dev.memory_tail_us * (1.0 - resident) * log2(min(ctas, 8.0 * dev.sm_count))


@lean
def log2(x: float) -> float:
    """Return the binary logarithm of ``x``, at least 0."""
    return max(math.log2(max(x, 1.0)), 0.0)


@lean
def resident_ctas(dev: Any, threads: float, registers: float, shared_bytes: float) -> float:
    """Return how many CTAs of this size fit on one SM (at least one).

    Registers are handed out to warps in units of 256, eight a thread.
    """
    slots = min(dev.sm_ctas_entries, dev.sm_threads_entries // threads)
    if registers > 0.0:
        granted = math.ceil(registers / 8.0) * 8.0
        slots = min(slots, dev.sm_registers_entries // (granted * threads))
    if shared_bytes > 0.0:
        slots = min(slots, dev.sm_shared_bytes // shared_bytes)
    return max(slots, 1.0)


@lean
def dispatch_us(dev: Any, ctas: float) -> float:
    """Return the time in which the GPU can start ``ctas`` CTAs."""
    return ctas / (dev.launch_ctas_per_clk * dev.clock_boost_hz) * 1e6


@lean
def to_us(dev: Any, clk: float) -> float:
    """Return SM clocks as microseconds at the boost clock."""
    return clk / dev.clock_boost_hz * 1e6


@lean
def overlap(a: float, b: float, power: float) -> float:
    """Return the time of two phases that overlap imperfectly: their ``power`` norm."""
    longest = max(a, b)
    if longest <= 0.0:
        return 0.0
    return longest * (1.0 + (min(a, b) / longest) ** power) ** (1.0 / power)


@lean
def attribute(out: Any, body_us: float, exposed_us: float) -> None:
    """Give ``body_us`` to the resource that bounds it and the rest to exposed latency.

    ``out[COMPUTE..HBM]`` hold each resource's own busy time on entry. The longest keeps its own
    time (at most the body), the others overlapped with it.
    """
    longest = COMPUTE
    for column in (SHARED, L2, HBM):
        if out[column] > out[longest]:
            longest = column
    own = min(out[longest], body_us)
    for column in (COMPUTE, SHARED, L2, HBM):
        out[column] = 0.0
    out[longest] = own
    out[EXPOSED] = exposed_us + body_us - own


@lean
def traffic(dev: Any, out: Any, read_bytes: float, write_bytes: float, resident: float) -> None:
    """Record bytes and memory bounds of a kernel whose reads lie in L2 to ``resident`` parts.

    Written bytes that fit L2 may stay there, so that only the rest bounds the time.
    """
    missed = read_bytes * (1.0 - resident)
    out[HBM_BYTES] = missed + write_bytes
    out[L2_BYTES] = read_bytes + write_bytes
    forced = missed + max(write_bytes - dev.l2_capacity_bytes, 0.0)
    out[BOUND_HBM_US] = forced / dev.memory_bandwidth_bytes_per_s * 1e6
    l2_rate = dev.l2_bytes_per_clk * dev.clock_boost_hz
    out[BOUND_L2_US] = (read_bytes + write_bytes) / l2_rate * 1e6


@lean
def l2_stream_us(dev: Any, moved_bytes: float) -> float:
    """Return the time in which loads and stores move ``moved_bytes`` through L2."""
    return moved_bytes / (dev.memory_kernels_l2_bytes_per_clk * dev.clock_boost_hz) * 1e6


@lean
def issue_us(dev: Any, warp_instructions: float) -> float:
    """Return the time in which all SMs issue ``warp_instructions``."""
    rate = dev.sm_issue_per_clk * dev.sm_count * dev.clock_boost_hz
    return warp_instructions / rate * 1e6


@lean
def start(dev: Any, out: Any) -> None:
    """Charge the launch of a kernel."""
    out[LAUNCH] = dev.launch_kernel_us


@lean
def bound_compute(out: Any, us: float) -> None:
    """Record the lower bound of the arithmetic."""
    out[BOUND_COMPUTE_US] = us
