"""Memory side of the timing: bank conflicts, coalescing, L1, the two halves of L2, HBM.

Times are float64 core clocks. Every shared resource is a queue whose next free time is kept: a
request starts when it arrives and the resource is free, and occupies it for its size over the
resource's rate. ``K`` is the vector of constants (`timing_constants`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.engine.jit import njit
from archsim.models.gpu.sm import timing_constants as c

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECTOR, LINE, LANES = 32, 128, 32
NEVER = 1e300


class Memory(NamedTuple):
    """State of the memory system of the simulated SMs.

    ``l1_tag`` int64[sms, sets, ways] (-1: empty), ``l1_at`` float64[sms, sets, ways, 4] arrival of
    each sector (NEVER: absent), ``l1_used`` float64[sms, sets, ways]; ``lsu`` and ``port``
    float64[sms]: next free time of the load-store pipe and of the port to L2; ``shared``
    float64[8]: next free times of L2, HBM and atomics; ``key`` int64[size] and ``at``
    float64[size]: hash table of the sectors that lie in L2 and when they arrive; ``count``
    int64[16]: counters.
    """

    l1_tag: Any
    l1_at: Any
    l1_used: Any
    lsu: Any
    port: Any
    shared: Any
    key: Any
    at: Any
    count: Any


L2_QUEUE, HBM_QUEUE, ATOMIC_QUEUE = 0, 1, 2
(
    L1_HITS, L1_MISSES, L2_HITS, L2_MISSES, READ_BYTES, WRITE_BYTES, ATOMICS, SHARED_PASSES,
    HBM_READ, HBM_WRITE, USED,
) = range(11)  # fmt: skip


def new_memory(sms: int, l1_bytes: int, table_bits: int) -> Memory:
    """Empty caches and idle queues."""
    sets = 64
    ways = max(1, l1_bytes // (sets * LINE))
    return Memory(
        np.full((sms, sets, ways), -1, np.int64), np.full((sms, sets, ways, 4), NEVER),
        np.zeros((sms, sets, ways)), np.zeros(sms), np.zeros(sms), np.zeros(8),
        np.full(1 << table_bits, -1, np.int64), np.zeros(1 << table_bits), np.zeros(16, np.int64),
    )  # fmt: skip


@njit
def shared_passes(row: Ints, mask: int, size: int) -> int:
    """Wavefronts of a shared-memory access of ``size`` bytes a lane: distinct words of a bank.

    Wider accesses go in groups of lanes of 128 bytes.
    """
    group = max(1, min(32, 128 // size))
    words = max(1, size // 4)
    passes = 0
    seen = np.empty(32, np.int64)
    for first in range(0, 32, group):
        most, any_lane = 0, False
        counts = np.zeros(32, np.int64)
        used = 0
        for lane in range(first, first + group):
            if row[lane] < 0 or not (mask >> lane) & 1:
                continue
            any_lane = True
            for k in range(words):
                word = row[lane] // 4 + k
                fresh = True
                for i in range(used):
                    if seen[i] == word:
                        fresh = False
                        break
                if fresh and used < 32:
                    seen[used] = word
                    used += 1
                    counts[word & 31] += 1
                    most = max(most, counts[word & 31])
        if any_lane:
            passes += max(1, most)
    return max(1, passes)


@njit
def sectors_of(row: Ints, mask: int, size: int, out: Ints) -> int:
    """Distinct 32-byte sectors that the lanes touch, into ``out``; returns how many."""
    used = 0
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        first, last = row[lane] // SECTOR, (row[lane] + size - 1) // SECTOR
        for sector in range(first, last + 1):
            fresh = True
            for i in range(used - 1, -1, -1):
                if out[i] == sector:
                    fresh = False
                    break
            if fresh:
                out[used] = sector
                used += 1
    return used


@njit
def lines_of(sectors: Ints, count: int) -> int:
    """Distinct 128-byte lines among ``count`` sectors."""
    lines = 0
    for i in range(count):
        fresh = True
        for j in range(i):
            if sectors[j] // 4 == sectors[i] // 4:
                fresh = False
                break
        lines += fresh
    return lines


@njit
def _hash(value: int) -> int:
    value = (value ^ (value >> 16)) * 0x45D9F3B
    value = (value ^ (value >> 16)) * 0x45D9F3B
    return (value ^ (value >> 16)) & 0x7FFFFFFF


@njit
def _place(m: Memory, sector: int) -> int:
    """Slot of ``sector`` in the table of L2: where it is or where it would go."""
    size = m.key.shape[0]
    slot = _hash(sector) & (size - 1)
    while m.key[slot] != -1 and m.key[slot] != sector:
        slot = (slot + 1) & (size - 1)
    return slot


@njit
def l2_read(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a sector that SM ``sm`` asks for at ``t`` is back in it."""
    m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_PORT_BYTES]
    m.shared[L2_QUEUE] = max(t, m.shared[L2_QUEUE]) + SECTOR / K[c.L2_BYTES]
    start = max(m.port[sm], m.shared[L2_QUEUE])
    far = (_hash(sector >> 2) >> 7) & 1
    latency = K[c.L2_FAR_CYCLES] if far else K[c.L2_NEAR_CYCLES]
    slot = _place(m, sector)
    m.count[READ_BYTES] += SECTOR
    if m.key[slot] == sector:
        m.count[L2_HITS] += 1
        return max(start + latency, m.at[slot])
    m.count[L2_MISSES] += 1
    weight = K[c.HBM_WEIGHT]
    m.shared[HBM_QUEUE] = max(start, m.shared[HBM_QUEUE]) + weight * SECTOR / K[c.HBM_BYTES]
    back = max(start, m.shared[HBM_QUEUE]) + latency + K[c.HBM_CYCLES]
    m.count[HBM_READ] += SECTOR
    if m.count[USED] < (m.key.shape[0] * 3) // 4:
        m.count[USED] += 1
        m.key[slot] = sector
        m.at[slot] = back
    return back


@njit
def l2_write(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a written sector has reached L2."""
    m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_WRITE_PORT_BYTES]
    m.shared[L2_QUEUE] = max(t, m.shared[L2_QUEUE]) + SECTOR / K[c.L2_WRITE_BYTES]
    done = max(m.port[sm], m.shared[L2_QUEUE])
    m.count[WRITE_BYTES] += SECTOR
    slot = _place(m, sector)
    if m.key[slot] != sector and m.count[USED] < (m.key.shape[0] * 3) // 4:
        m.count[USED] += 1
        m.key[slot] = sector
        m.at[slot] = done
        spill = K[c.HBM_WRITE_FRACTION]
        m.shared[HBM_QUEUE] = max(done, m.shared[HBM_QUEUE]) + spill * SECTOR / K[c.HBM_BYTES]
        m.count[HBM_WRITE] += SECTOR
    return done


@njit
def l1_read(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a sector is ready for the register file, through L1: its hit latency, or L2's."""
    line = sector >> 2
    sets, ways = m.l1_tag.shape[1], m.l1_tag.shape[2]
    chosen = _hash(line) & (sets - 1)
    oldest, way = 0, -1
    for i in range(ways):
        if m.l1_tag[sm, chosen, i] == line:
            way = i
            break
        if m.l1_used[sm, chosen, i] < m.l1_used[sm, chosen, oldest]:
            oldest = i
    if way < 0:
        way = oldest
        m.l1_tag[sm, chosen, way] = line
        for k in range(4):
            m.l1_at[sm, chosen, way, k] = NEVER
    m.l1_used[sm, chosen, way] = t
    part = sector & 3
    if m.l1_at[sm, chosen, way, part] < NEVER:
        m.count[L1_HITS] += 1
        return max(t + K[c.L1_CYCLES], m.l1_at[sm, chosen, way, part])
    m.count[L1_MISSES] += 1
    back = l2_read(m, K, sm, sector, t)
    m.l1_at[sm, chosen, way, part] = back
    return back


@njit
def atomic(
    m: Memory, K: Floats, sm: int, row: Ints, mask: int, t: float, returns: bool
) -> float:
    """When the last lane of a global atomic is done (or, without a return, has left).

    Lanes that share a sector go as one request; the L2 unit takes them one address at a time.
    """
    sectors = np.empty(32, np.int64)
    count = sectors_of(row, mask, 4, sectors)
    lanes = 0
    for lane in range(LANES):
        lanes += (mask >> lane) & 1
    done = t
    for i in range(count):
        m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_WRITE_PORT_BYTES]
        slot = _place(m, sectors[i])
        start = max(m.port[sm], m.shared[ATOMIC_QUEUE])
        m.shared[ATOMIC_QUEUE] = start + K[c.ATOMIC_SECTOR_CYCLES]
        if m.key[slot] == sectors[i]:
            start = max(start, m.at[slot])
        elif m.count[USED] < (m.key.shape[0] * 3) // 4:
            m.count[USED] += 1
            m.key[slot] = sectors[i]
            start += K[c.HBM_CYCLES]
        m.at[slot] = start + K[c.ATOMIC_ADDRESS_CYCLES] * max(1.0, lanes / count)
        done = max(done, m.at[slot])
    m.count[ATOMICS] += lanes
    return done + K[c.ATOMIC_CYCLES] if returns else done
