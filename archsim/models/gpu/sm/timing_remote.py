"""What leaves an SM beside its caches: other SMs' shared memory, bulk copies of the TMA engine."""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import fused, inner
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm.timing_memory import LANES, NEVER, SECTOR, Ints, Memory

MIXED_CYCLES = 1000.0  # requests of several SMs within this time alternate at their target
DEEP_CYCLES = 1900.0  # a queue of about 220 warps' loads: more slow a ring down
SENT_AHEAD_CYCLES = 64.0  # how far an SM's pipe runs ahead of what it sends to other SMs


@fused
def remote(
    w: ts.Work, s: ts.State, K: Any, sm: int, target: int, size: int, t: float, load: bool
) -> float:
    """When an access to another CTA's shared memory is done: both SMs' ports are busy, and each
    takes its requests when it has room, so that several readers of one SM share its port.

    A port whose partner in the other direction is another SM loses time (a ring), more where many
    requests wait.
    """
    other = min(sm - sm % w.cluster + target, s.dsmem.shape[0] - 1)
    s.peer[sm, 1] = other
    s.peer[other, 0] = sm
    rate = K[c.DSMEM_PORT_BYTES] if load else K[c.DSMEM_STORE_BYTES]
    if load and s.peer[sm, 0] < 0:  # nobody takes from it
        rate = K[c.DSMEM_STORE_BYTES]
    elif s.peer[sm, 0] >= 0 and s.peer[sm, 0] != other:
        rate *= K[c.DSMEM_RING]
        if s.dsmem[sm, 1] - t > DEEP_CYCLES:
            rate *= K[c.DSMEM_CROWD]
    s.dsmem[sm, 1] = max(t, s.dsmem[sm, 1]) + size / rate
    s.dsmem[other, 0] = max(t, s.dsmem[other, 0]) + size / K[c.DSMEM_SOURCE_BYTES]
    return max(s.dsmem[sm, 1], s.dsmem[other, 0]) + K[c.DSMEM_CYCLES]


@fused
def is_remote(row: Any, mask: int, own: int) -> bool:
    """Whether a lane names the shared memory of another CTA."""
    for lane in range(32):
        if (mask >> lane) & 1 and row[lane] >= 0 and (row[lane] >> 24) & 15 != own:
            return True
    return False


@inner
def remote_atomic(
    w: ts.Work, s: ts.State, K: Any, sm: int, row: Ints, mask: int, t: float
) -> tuple[int, float, float]:
    """(lanes of the own shared memory, clocks of the pipe, when it is done) of an atomic on shared
    memories of the cluster.

    Every lane is a request of its own, but for neighbours of a sector, which join. The SM sends
    one after the other; the target takes each kilobyte's in turn (of two), more slowly when they
    come from several SMs.
    """
    base, own = sm - sm % w.cluster, 0
    spread = K[c.DSMEM_SPREAD] if w.cluster > 2 else 1.0
    start = max(t, s.dsmem[sm, 1])
    sent, done, before = start, t, -2
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        rank = (row[lane] >> 24) & 15
        if rank == sm % w.cluster:
            own |= 1 << lane
            continue
        joins = row[lane] == before + 4 and row[lane] % SECTOR != 0
        before = row[lane]
        sent += (K[c.DSMEM_JOIN_CYCLES] if joins else K[c.DSMEM_ATOMIC_CYCLES]) / spread
        target, part = min(base + rank, s.dsmem.shape[0] - 1), (row[lane] >> 10) & 1
        if s.source[target, part] != sm:
            if s.source[target, part] >= 0:
                s.mixed[target, part] = sent + MIXED_CYCLES
            s.source[target, part] = sm
        takes = K[c.DSMEM_JOIN_CYCLES]
        if not joins:
            alone = s.mixed[target, part] < sent
            takes = K[c.DSMEM_ALONE_CYCLES] if alone else K[c.DSMEM_TURN_CYCLES]
        s.atomics[target, part] = max(sent, s.atomics[target, part]) + takes
        done = max(done, s.atomics[target, part] + K[c.DSMEM_CYCLES])
    s.dsmem[sm, 1] = max(sent, start + K[c.DSMEM_REQUEST_CYCLES])
    return own, max(1.0, s.dsmem[sm, 1] - t - SENT_AHEAD_CYCLES), done


@inner
def _row(
    m: Memory, K: Any, sm: int, first: int, size: int, inward: bool, rate: float, at: float
) -> tuple[float, float, float]:
    """(clocks of the TMA engine, from when on bytes come as fast as it takes them, when the last
    one has arrived) of ``size`` contiguous bytes: it takes first what is there first, so half way
    from the shortest way to the mean one."""
    last, low, high = at, first // SECTOR, (first + size - 1) // SECTOR
    least, total = NEVER, 0.0
    for sector in range(low, high + 1):
        t = at + (sector - low) * SECTOR / rate
        if inward:  # the engine's own way to L2
            kept, m.port[sm] = m.port[sm], t
            back = mem.l2_read(m, K, sm, sector, t)
            m.port[sm] = kept
        else:
            begin, end = max(first, sector * SECTOR), min(first + size, (sector + 1) * SECTOR)
            back = mem.l2_write(m, K, sm, sector, end - begin >= SECTOR, t)
        least, total, last = min(least, back - t), total + back - t, max(last, back)
    ways = high - low + 1
    return ways * SECTOR / rate, at + 0.5 * (least + total / ways), last


@inner
def bulk(w: ts.Work, s: ts.State, m: Memory, K: Any, sm: int, row: Ints, t: float) -> float:
    """When a bulk copy or the box of a tensor is there: its rows go through the TMA engine.

    It asks for bytes at ``bulk_request_bytes`` a clock (of a tensor at ``bulk_bytes``) and takes
    what comes at ``bulk_bytes``, whatever comes first. A row costs at least ``bulk_row_cycles``, a
    copy at least ``bulk_interval_cycles``.
    """
    size, inward, tensor = max(16, row[2]), row[3] >= 0, row[4] >= 0
    rate = K[c.BULK_REQUEST_BYTES] if inward and not tensor else K[c.BULK_BYTES]
    start = max(t + K[c.BULK_ISSUE_CYCLES], s.tma[sm, 0])
    at, last, early, moved = start, start, NEVER, 0.0
    if row[0] < 0:  # from the shared memory of another CTA
        at += size / K[c.DSMEM_PORT_BYTES]
        last = at + K[c.DSMEM_CYCLES]
    elif not tensor:
        busy, early, last = _row(m, K, sm, row[0], size, inward, rate, at)
        at, moved = at + busy, 1.0 * size
    elif row[4] > 0:
        c1, c2 = (row[5] if row[6] >= 0 else 1), (row[7] if row[8] >= 0 else 1)
        c3, c4 = (row[9] if row[10] >= 0 else 1), (row[11] if row[12] >= 0 else 1)
        for n in range(c1 * c2 * c3 * c4):
            first = row[0] + n % c1 * row[6] + n // c1 % c2 * row[8]
            first += n // (c1 * c2) % c3 * row[10] + n // (c1 * c2 * c3) * row[12]
            busy, begin, end = _row(m, K, sm, first, row[4], inward, rate, at)
            at += max(busy, K[c.BULK_ROW_CYCLES])
            early, last = min(early, begin), max(last, end)
            moved += row[4]
    if inward and moved > 0.0:  # what has come waits for its turn into shared memory
        s.tma[sm, 1] = max(early, s.tma[sm, 1]) + moved / K[c.BULK_BYTES]
        last = max(last, s.tma[sm, 1])
    s.tma[sm, 0] = max(at, start + K[c.BULK_INTERVAL_CYCLES])
    return last + K[c.BULK_CYCLES]
