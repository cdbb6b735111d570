"""Memory side of the timing: L1, the ports to L2, its two halves with their slices, HBM.

Times are float64 core clocks. Every shared resource is a queue whose next free time is kept: a
request starts when it arrives and the resource is free, and occupies it for its size over the
resource's rate. ``K`` is the vector of constants (`timing_constants`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.engine.jit import fused, inlined
from archsim.models.gpu.sm import timing_constants as c

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECTOR, LINE, LANES, SLICES = 32, 128, 32, 96
WAITING = 1 << 14  # sectors before its port that a GPC tells apart
HALF_SEED = 30  # an array's first kilobytes lie in halves as on the card (`l2_map`)
NEVER = 1e300


class Memory(NamedTuple):
    """State of the memory system of the simulated SMs.

    ``l1_tag`` int64[sms, sets, ways] (-1: empty), ``l1_at`` float64[sms, sets, ways, 4] arrival of
    each sector (NEVER: absent), ``l1_used`` float64[sms, sets, ways]; ``lsu`` and ``port``
    float64[sms]: next free time of the load-store pipe and of the port from L2, ``out`` of the
    port to it, which takes what is written; ``shared``
    float64[8]: next free times of L2's writes, HBM, atomics; ``cell`` float64[size, 2]: hash table
    of the sectors that lie in L2 (-1: empty) and when they arrive; ``count``
    int64[16]: counters; ``slices`` float64[2 * slices]: next free times of
    L2's slices for reads, then for writes and atomics; ``region``
    int64[regions] first sectors of regions, and ``fresh`` float64[regions, 2] the share of the
    sample's first touches that no SM outside the sample made earlier, and whether (1) the others
    make theirs at the same time, so that all wait for HBM; ``owner`` int64[size] the SM that
    writes a line of the table (-1: none, -2: several, and so the SMs outside the sample, too);
    ``home`` int64[sms] the GPC of an SM, ``gate`` float64[gpcs] next free time of a GPC's port to
    L2, ``gate_out`` float64[gpcs, 2] the latest write seen there and the clocks of writes before it
    then, ``gate_bytes`` float64[gpcs] its bytes a clock; ``side`` int64[gpcs] the half of the
    card that a port lies on (-1: ports that stand for several, which hold up nobody); ``wait``
    float64[gpcs, size, 4]: a sector that a GPC asked for, when it passes the port and when it
    arrives. What belongs together lies in one cache line of the machine that simulates.
    """

    l1_tag: Any
    l1_at: Any
    l1_used: Any
    lsu: Any
    port: Any
    out: Any
    shared: Any
    cell: Any
    count: Any
    slices: Any
    region: Any
    fresh: Any
    owner: Any
    home: Any
    gate: Any
    gate_out: Any
    gate_bytes: Any
    side: Any
    wait: Any


L2_QUEUE, HBM_QUEUE, ATOMIC_QUEUE, TAKEN, FORGOT = range(5)
"""Of ``shared``; the last are the bytes that L2 has taken in, now and when it last forgot all."""
(
    L1_HITS, L1_MISSES, L2_HITS, L2_MISSES, READ_BYTES, WRITE_BYTES, ATOMICS, SHARED_PASSES,
    HBM_READ, HBM_WRITE, USED,
) = range(11)  # fmt: skip


def new_memory(
    sms: int, l1_bytes: int, table_bits: int, region: Ints, fresh: Floats, home: Ints,
    gate_bytes: Floats, side: Ints,
) -> Memory:  # fmt: skip
    """Empty caches and idle queues."""
    gpcs = len(gate_bytes)
    sets = 128
    ways = max(1, l1_bytes // (sets * LINE))
    return Memory(
        np.full((sms, sets, ways), -1, np.int64), np.full((sms, sets, ways, 4), NEVER),
        np.zeros((sms, sets, ways)), np.zeros(sms), np.zeros(sms), np.zeros(sms), np.zeros(8),
        np.full((1 << table_bits, 2), -1.0), np.zeros(16, np.int64),
        np.zeros(2 * SLICES), region, fresh,
        np.full(1 << table_bits, -1, np.int64), home, np.zeros(gpcs),
        np.zeros((gpcs, 2)), gate_bytes, side, np.full((gpcs, WAITING, 4), -1.0),
    )  # fmt: skip


@inlined
def hash_of(value: int) -> int:
    """A number in [0, 2**31) that depends on ``value`` alone."""
    value = (value ^ (value >> 16)) * 0x45D9F3B
    value = (value ^ (value >> 16)) * 0x45D9F3B
    return (value ^ (value >> 16)) & 0x7FFFFFFF


@inlined
def place_of(m: Memory, sector: int) -> int:
    """Slot of ``sector`` in the table of L2: where it is or where it would go."""
    size = m.cell.shape[0]
    slot = hash_of(sector) & (size - 1)
    while m.cell[slot, 0] >= 0 and m.cell[slot, 0] != sector:
        slot = (slot + 1) & (size - 1)
    return slot


@inlined
def make_room(m: Memory, K: Floats) -> None:
    """Forget all sectors once L2 has taken in as much as it keeps, or the table is nearly full."""
    full = m.shared[TAKEN] - m.shared[FORGOT] >= K[c.L2_KEEP_BYTES]
    if full or m.count[USED] >= (m.cell.shape[0] * 3) // 4:
        m.cell[:, 0] = -1.0
        m.owner[:] = -1
        m.count[USED] = 0
        m.shared[FORGOT] = m.shared[TAKEN]


@inlined
def _uniform(value: int) -> float:
    """A number in [0, 1) that depends on ``value`` alone."""
    return (hash_of(value * 2654435761 + 12345) & 0xFFFFFF) / 16777216.0


@inlined
def _l2_cycles(m: Memory, K: Floats, sm: int, sector: int) -> float:
    """Latency of a hit in L2: its half of the card holds whole 256 bytes.

    Of a kilobyte either all lies in one half, or each second 256 bytes do (``l2_map`` records);
    what is near for the SMs of one half is far for the others. Within a half lines differ.
    """
    kilobyte = hash_of((sector >> 5) + HALF_SEED)
    far = (kilobyte ^ ((sector >> 3) & (kilobyte >> 1)) ^ m.side[m.home[sm]]) & 1
    u = _uniform((sector >> 2) * 131 + sm)
    return K[c.L2_NEAR_CYCLES] + (K[c.L2_FAR_CYCLES] - K[c.L2_NEAR_CYCLES]) * 0.5 * (far + u)


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


@fused
def l2_read(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a sector that SM ``sm`` asks for at ``t`` is back in it.

    SMs of a GPC share its port to L2; a sector that waits for the port is asked for once.
    """
    m.port[sm] = max(t, m.port[sm]) + SECTOR / K[c.L2_PORT_BYTES]
    start, gpc = m.port[sm], m.home[sm]
    place = sector & (WAITING - 1)
    if m.wait[gpc, place, 0] == sector and m.wait[gpc, place, 1] > start:
        m.count[L2_HITS] += 1
        return float(m.wait[gpc, place, 2])
    m.gate[gpc] = max(t, m.gate[gpc]) + SECTOR / m.gate_bytes[gpc]
    start = max(start, m.gate[gpc], _held(m, K, gpc, sector, t))
    back = _from_l2(m, K, sm, sector, t, start)
    m.wait[gpc, place, 0] = sector
    m.wait[gpc, place, 1], m.wait[gpc, place, 2] = start, back
    return back


@inlined
def _held(m: Memory, K: Floats, gpc: int, sector: int, t: float) -> float:
    """Until when the way out of a sector's slice is held by what waits for other ports of the same
    half of the card, and longer than for its own: there is room for ``l2_held_cycles`` of it,
    beyond which it stands before ``l2_held_share`` of what others want, for part of the excess."""
    if m.side[gpc] < 0:
        return 0.0
    excess, own = -K[c.L2_HELD_CYCLES], max(t, m.gate[gpc])
    for other in range(m.gate.shape[0]):
        if m.side[other] == m.side[gpc] and m.gate[other] > own:
            excess += m.gate[other] - own
    if excess <= 0.0:
        return 0.0
    part = _uniform(sector * 8 + gpc) / K[c.L2_HELD_SHARE]
    return own + excess * part if part < 1.0 else 0.0


@inlined
def _from_l2(m: Memory, K: Floats, sm: int, sector: int, t: float, start: float) -> float:
    """When a sector that was asked for at ``t`` and passed the ports at ``start`` comes back.

    A miss brings the 64 bytes around it from HBM.
    """
    slice_of = hash_of(sector >> 2) % SLICES
    at = max(t, m.slices[slice_of])  # what waits for a port keeps no other from the slice
    m.slices[slice_of] = at + SECTOR * SLICES / K[c.L2_BYTES]
    start = max(start, at)
    latency = _l2_cycles(m, K, sm, sector)
    make_room(m, K)
    slot = place_of(m, sector)
    m.count[READ_BYTES] += SECTOR
    if m.cell[slot, 0] == sector:
        m.count[L2_HITS] += 1
        return max(start + latency, m.cell[slot, 1])
    region = _region(m, sector)
    if _uniform(sector ^ 0x5BD1E995) >= m.fresh[region, 0]:
        m.count[L2_HITS] += 1
        back = start + latency + m.fresh[region, 1] * (K[c.HBM_CYCLES] + K[c.HBM_SPREAD_CYCLES])
        m.count[USED] += 1
        m.cell[slot, 0], m.cell[slot, 1] = sector, back
        return back
    m.count[L2_MISSES] += 1
    size = 2.0 * SECTOR
    m.shared[TAKEN] += size
    m.shared[HBM_QUEUE] = max(start, m.shared[HBM_QUEUE]) + size / K[c.HBM_BYTES]
    spread = -np.log(1.0 - _uniform(sector >> 4)) * K[c.HBM_SPREAD_CYCLES]
    back = max(start, m.shared[HBM_QUEUE]) + latency + K[c.HBM_CYCLES] + spread
    m.count[HBM_READ] += 2 * SECTOR
    m.count[USED] += 2
    m.cell[slot, 0], m.cell[slot, 1] = sector, back
    slot = place_of(m, sector ^ 1)
    m.cell[slot, 0], m.cell[slot, 1] = sector ^ 1, back
    return back


@fused
def crowd_of(m: Memory, K: Floats, sm: int, slot: int) -> float:
    """1 for a place that one SM writes, else what the SMs outside the sample add to its queue."""
    if m.owner[slot] == -1:
        m.owner[slot] = sm
    elif m.owner[slot] != sm:
        m.owner[slot] = -2
    return 1.0 / K[c.SHARE] if m.owner[slot] == -2 else 1.0


@inlined
def _leaves(m: Memory, K: Floats, gpc: int, t: float) -> float:
    """When a sector written at ``t`` has passed its GPC's port: behind the work that is there. What
    comes earlier than another SM's, which was seen before, does not wait for that one's time."""
    if t > m.gate_out[gpc, 0]:
        m.gate_out[gpc, 1] = max(0.0, m.gate_out[gpc, 1] - (t - m.gate_out[gpc, 0]))
        m.gate_out[gpc, 0] = t
    share = K[c.GPC_WRITE_BYTES] / K[c.GPC_PORT_BYTES]
    m.gate_out[gpc, 1] += SECTOR / (m.gate_bytes[gpc] * share)
    return t + m.gate_out[gpc, 1]


@fused
def l2_write(m: Memory, K: Floats, sm: int, sector: int, whole: bool, t: float) -> float:
    """When a written sector has reached L2; one that is not written whole costs a merge."""
    m.out[sm] = max(t, m.out[sm]) + SECTOR / K[c.L2_WRITE_PORT_BYTES]
    if whole:
        m.out[sm] = max(m.out[sm], _leaves(m, K, m.home[sm], t))
    cost = SECTOR if whole else SECTOR * K[c.L2_PARTIAL_FACTOR]
    m.shared[L2_QUEUE] = max(t, m.shared[L2_QUEUE]) + cost / K[c.L2_WRITE_BYTES]
    done = max(m.out[sm], m.shared[L2_QUEUE])
    done = max(done, m.shared[HBM_QUEUE] - K[c.DIRTY_CYCLES])
    m.count[WRITE_BYTES] += SECTOR
    make_room(m, K)
    slot = place_of(m, sector)
    if m.cell[slot, 0] == sector:  # writes of one sector go one after the other
        done = max(done, m.cell[slot, 1] + K[c.L2_SAME_CYCLES] * crowd_of(m, K, sm, slot))
        m.cell[slot, 1] = done
    else:
        m.count[USED] += 1
        m.cell[slot, 0], m.cell[slot, 1], m.owner[slot] = sector, done, sm
        m.shared[TAKEN] += SECTOR
        out = SECTOR * K[c.HBM_WRITE_FACTOR] / K[c.HBM_BYTES]
        if m.shared[TAKEN] < K[c.L2_KEEP_BYTES]:  # until L2 is full some stay there
            out *= K[c.HBM_WRITE_FRACTION]
        m.shared[HBM_QUEUE] = max(done, m.shared[HBM_QUEUE]) + out
        m.count[HBM_WRITE] += SECTOR
    return done


@fused
def l1_read(m: Memory, K: Floats, sm: int, sector: int, t: float) -> float:
    """When a sector is ready for the register file, through L1: its hit latency, or L2's."""
    line = sector >> 2
    sets, ways = m.l1_tag.shape[1], m.l1_tag.shape[2]
    chosen = (line ^ line >> 7 ^ line >> 14) & (sets - 1)
    way = -1
    for i in range(ways):
        if m.l1_tag[sm, chosen, i] == line:
            way = i
            break
    if way < 0:
        way = 0
        for i in range(1, ways):
            if m.l1_used[sm, chosen, i] < m.l1_used[sm, chosen, way]:
                way = i
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
