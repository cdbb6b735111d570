"""Memory side of the timing: bank conflicts, coalescing, L1, the two halves of L2, HBM.

Times are float64 core clocks. Every shared resource is a queue whose next free time is kept: a
request starts when it arrives and the resource is free, and occupies it for its size over the
resource's rate. ``K`` is the vector of constants (`timing_constants`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.engine.jit import inlined, njit
from archsim.models.gpu.sm import timing_constants as c

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECTOR, LINE, LANES, SLICES = 32, 128, 32, 96
NEVER = 1e300


class Memory(NamedTuple):
    """State of the memory system of the simulated SMs.

    ``l1_tag`` int64[sms, sets, ways] (-1: empty), ``l1_at`` float64[sms, sets, ways, 4] arrival of
    each sector (NEVER: absent), ``l1_used`` float64[sms, sets, ways]; ``lsu`` and ``port``
    float64[sms]: next free time of the load-store pipe and of the port to L2; ``shared``
    float64[8]: next free times of L2, HBM and atomics; ``key`` int64[size] and ``at``
    float64[size]: hash table of the sectors that lie in L2 and when they arrive; ``count``
    int64[16]: counters; ``slices`` float64[slices]: next free times of L2's slices; ``region``
    int64[regions] first sectors of regions, and ``fresh`` float64[regions, 2] the share of the
    sample's first touches that no SM outside the sample made earlier, and whether (1) the others
    make theirs at the same time, so that all wait for HBM.
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
    slices: Any
    region: Any
    fresh: Any


L2_QUEUE, HBM_QUEUE, ATOMIC_QUEUE = 0, 1, 2
(
    L1_HITS, L1_MISSES, L2_HITS, L2_MISSES, READ_BYTES, WRITE_BYTES, ATOMICS, SHARED_PASSES,
    HBM_READ, HBM_WRITE, USED,
) = range(11)  # fmt: skip


def new_memory(sms: int, l1_bytes: int, table_bits: int, region: Ints, fresh: Floats) -> Memory:
    """Empty caches and idle queues."""
    sets = 64
    ways = max(1, l1_bytes // (sets * LINE))
    return Memory(
        np.full((sms, sets, ways), -1, np.int64), np.full((sms, sets, ways, 4), NEVER),
        np.zeros((sms, sets, ways)), np.zeros(sms), np.zeros(sms), np.zeros(8),
        np.full(1 << table_bits, -1, np.int64), np.zeros(1 << table_bits), np.zeros(16, np.int64),
        np.zeros(SLICES), region, fresh,
    )  # fmt: skip


@njit
def shared_passes(row: Ints, mask: int, size: int) -> int:
    """Wavefronts of a shared-memory access of ``size`` bytes a lane.

    Lanes join a wavefront in order, in groups of 128 bytes, as long as no bank has to give two
    words; a group that conflicts with itself takes as many wavefronts as its fullest bank.
    """
    group = max(1, min(32, 128 // size))
    words = max(1, size // 4)
    seen = np.empty(64, np.int64)
    counts = np.zeros(32, np.int64)
    used, passes, open_pass = 0, 0, False
    for first in range(0, 32, group):
        before = used
        most = 0
        for lane in range(first, first + group):
            if row[lane] < 0 or not (mask >> lane) & 1:
                continue
            for k in range(words):
                word = row[lane] // 4 + k
                fresh = True
                for i in range(used):
                    if seen[i] == word:
                        fresh = False
                        break
                if fresh and used < 64:
                    seen[used] = word
                    used += 1
                    counts[word & 31] += 1
                    most = max(most, counts[word & 31])
        if most <= 1 and open_pass:
            continue  # the group shares the wavefront of the ones before
        if open_pass and before:  # it does not fit: it starts its own
            counts[:] = 0
            fresh_used = used - before
            for i in range(fresh_used):
                seen[i] = seen[before + i]
                counts[seen[i] & 31] += 1
            used = fresh_used
            most = counts.max()
        passes += max(1, most)
        open_pass = most <= 1
        if not open_pass:
            used = 0
            counts[:] = 0
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
def whole_sector(row: Ints, mask: int, size: int, sector: int) -> bool:
    """Whether the lanes write all 32 bytes of ``sector``."""
    covered = 0
    for lane in range(LANES):
        if row[lane] >= 0 and (mask >> lane) & 1:
            low = max(row[lane], sector * SECTOR)
            high = min(row[lane] + size, (sector + 1) * SECTOR)
            covered += max(0, high - low)
    return covered >= SECTOR


@njit
def lines_of(row: Ints, mask: int, size: int) -> int:
    """Lookups of 128-byte lines: distinct lines in each group of lanes of 128 bytes."""
    group = max(1, min(32, 128 // size))
    seen = np.empty(64, np.int64)
    lines = 0
    for first in range(0, 32, group):
        used = 0
        for lane in range(first, first + group):
            if row[lane] < 0 or not (mask >> lane) & 1:
                continue
            line = row[lane] // LINE
            fresh = True
            for i in range(used - 1, -1, -1):
                if seen[i] == line:
                    fresh = False
                    break
            if fresh:
                seen[used] = line
                used += 1
        lines += used
    return max(1, lines)


@inlined
def _hash(value: int) -> int:
    value = (value ^ (value >> 16)) * 0x45D9F3B
    value = (value ^ (value >> 16)) * 0x45D9F3B
    return (value ^ (value >> 16)) & 0x7FFFFFFF


@inlined
def _place(m: Memory, sector: int) -> int:
    """Slot of ``sector`` in the table of L2: where it is or where it would go."""
    size = m.key.shape[0]
    slot = _hash(sector) & (size - 1)
    while m.key[slot] != -1 and m.key[slot] != sector:
        slot = (slot + 1) & (size - 1)
    return slot


@inlined
def _uniform(value: int) -> float:
    """A number in [0, 1) that depends on ``value`` alone."""
    return (_hash(value * 2654435761 + 12345) & 0xFFFFFF) / 16777216.0


@inlined
def _l2_cycles(K: Floats, sm: int, sector: int) -> float:
    """Latency of a hit in L2: it depends on the half and the slice that hold the line."""
    u = _uniform((sector >> 2) * 131 + sm)
    return K[c.L2_NEAR_CYCLES] + (K[c.L2_FAR_CYCLES] - K[c.L2_NEAR_CYCLES]) * u


@inlined
def _region(m: Memory, sector: int) -> int:
    """Index of the region that holds ``sector``."""
    low, high = 0, m.region.shape[0]
    while low + 1 < high:
        middle = (low + high) // 2
        if m.region[middle] <= sector:
            low = middle
        else:
            high = middle
    return low


@njit
def l2_read(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a sector that SM ``sm`` asks for at ``t`` is back in it.

    A miss brings the 64 bytes around it from HBM.
    """
    m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_PORT_BYTES]
    slice_of = _hash(sector >> 2) % SLICES
    start = max(m.port[sm], m.slices[slice_of])
    m.slices[slice_of] = start + SECTOR * SLICES / K[c.L2_BYTES]
    latency = _l2_cycles(K, sm, sector)
    slot = _place(m, sector)
    m.count[READ_BYTES] += SECTOR
    if m.key[slot] == sector:
        m.count[L2_HITS] += 1
        return max(start + latency, m.at[slot])
    region = _region(m, sector)
    if _uniform(sector ^ 0x5BD1E995) >= m.fresh[region, 0]:
        m.count[L2_HITS] += 1
        back = start + latency + m.fresh[region, 1] * (K[c.HBM_CYCLES] + K[c.HBM_SPREAD_CYCLES])
        if m.count[USED] < (m.key.shape[0] * 3) // 4:
            m.count[USED] += 1
            m.key[slot], m.at[slot] = sector, back
        return back
    m.count[L2_MISSES] += 1
    size = 2.0 * SECTOR
    m.shared[HBM_QUEUE] = max(start, m.shared[HBM_QUEUE]) + size / K[c.HBM_BYTES]
    spread = -np.log(1.0 - _uniform(sector >> 1)) * K[c.HBM_SPREAD_CYCLES]
    back = max(start, m.shared[HBM_QUEUE]) + latency + K[c.HBM_CYCLES] + spread
    m.count[HBM_READ] += 2 * SECTOR
    if m.count[USED] < (m.key.shape[0] * 3) // 4:
        m.count[USED] += 2
        m.key[slot], m.at[slot] = sector, back
        slot = _place(m, sector ^ 1)
        m.key[slot], m.at[slot] = sector ^ 1, back
    return back


@njit
def l2_write(m: Memory, K: Floats, sm: int, sector: int, whole: bool, t: float) -> float:
    """When a written sector has reached L2; one that is not written whole costs a merge."""
    m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_WRITE_PORT_BYTES]
    cost = SECTOR if whole else SECTOR * K[c.L2_PARTIAL_FACTOR]
    m.shared[L2_QUEUE] = max(t, m.shared[L2_QUEUE]) + cost / K[c.L2_WRITE_BYTES]
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
def atomic(m: Memory, K: Floats, sm: int, row: Ints, mask: int, t: float, returns: bool) -> float:
    """When the last lane of a global atomic is done (or, without a return, has left).

    Lanes go line by line; the unit at L2 takes a line's request in as many passes as lanes share
    a word. A line's queue counts for the SMs outside the sample, too.
    """
    lines, _words = np.empty(32, np.int64), np.empty(32, np.int64)
    used, done = 0, t
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        fresh = True
        for i in range(used):
            if lines[i] == row[lane] // LINE:
                fresh = False
        if fresh:
            lines[used] = row[lane] // LINE
            used += 1
    for i in range(used):
        lanes, distinct, most = 0, 0, 0
        for lane in range(LANES):
            if row[lane] < 0 or not (mask >> lane) & 1 or row[lane] // LINE != lines[i]:
                continue
            lanes += 1
            same = 1
            for other in range(lane):
                if (mask >> other) & 1 and row[other] // 4 == row[lane] // 4:
                    same += 1
            distinct += same == 1
            most = max(most, same)
        busy = most * (K[c.ATOMIC_WORD_CYCLES] if distinct == 1 else K[c.ATOMIC_LINE_CYCLES])
        sector = lines[i] * 4
        m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_WRITE_PORT_BYTES]
        slot = _place(m, sector)
        start = m.port[sm]
        if m.key[slot] == sector:
            start = max(start, m.at[slot])
        elif m.count[USED] < (m.key.shape[0] * 3) // 4:
            m.count[USED] += 1
            m.key[slot] = sector
        m.at[slot] = start + busy / K[c.SHARE]
        done = max(done, m.at[slot] if not returns else start + busy)
        m.count[ATOMICS] += lanes
    return done + K[c.ATOMIC_CYCLES] if returns else done
