"""Memory instructions: coalescing, and the way to shared memory, L1, L2 and other SMs."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import fused
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.state import LOCAL_WINDOW, SHARED_WINDOW
from archsim.models.gpu.sm.timing_atomic import l2_atomic
from archsim.models.gpu.sm.timing_barriers import hold, row_of
from archsim.models.gpu.sm.timing_memory import LANES, LINE, SECTOR, Ints, Memory
from archsim.models.gpu.sm.timing_remote import is_remote, remote, remote_atomic
from archsim.models.gpu.sm.timing_shared import shared_atomic, shared_passes


@fused
def coalesce(row: Ints, mask: int, size: int, sectors: Ints, cover: Ints) -> tuple[int, int]:
    """(sectors, line lookups) of an access: distinct 32-byte sectors go into ``sectors``, the bytes
    that the lanes touch of each into ``cover``; a line counts once in each 128 bytes of lanes."""
    group = max(1, min(32, 128 // size))
    used, lines = 0, 0
    for first in range(0, LANES, group):
        start = used  # sectors of earlier groups do not save a lookup, but are not fetched again
        last_line = -1
        for lane in range(first, first + group):
            at = row[lane]
            if at < 0 or not (mask >> lane) & 1:
                continue
            line = at // LINE
            if line != last_line:
                seen = False
                for i in range(used - 1, start - 1, -1):
                    if sectors[i] // 4 == line:
                        seen = True
                        break
                if not seen:
                    lines += 1
                last_line = line
            for sector in range(at // SECTOR, (at + size - 1) // SECTOR + 1):
                low, high = max(at, sector * SECTOR), min(at + size, (sector + 1) * SECTOR)
                place = -1
                for i in range(used - 1, -1, -1):
                    if sectors[i] == sector:
                        place = i
                        break
                if place < 0:
                    sectors[used], cover[used] = sector, high - low
                    used += 1
                else:
                    cover[place] += high - low
    return used, max(1, lines)


@fused
def _window_rank(row: Any) -> int:
    """Rank of the CTA whose shared memory generic addresses name; -1: global memory, -2: local."""
    for lane in range(32):
        if row[lane] >= 0:
            if row[lane] >> 32 == LOCAL_WINDOW:
                return -2
            inside = row[lane] >> 32 == SHARED_WINDOW or row[lane] < 1 << 32
            return int((row[lane] >> 24) & 15) if inside else -1
    return -1


@fused
def _lanes(mask: int) -> int:
    count = 0
    for lane in range(32):
        count += (mask >> lane) & 1
    return count


@fused
def _words(row: Ints, mask: int, seen: Ints) -> int:
    """Different words that lanes name by offset, in a constant bank or in their local memory."""
    used = 0
    for lane in range(LANES):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        fresh = True
        for i in range(used - 1, -1, -1):
            if seen[i] == row[lane] // 4:
                fresh = False
                break
        if fresh:
            seen[used] = row[lane] // 4
            used += 1
    return max(1, used)


@fused
def _own_window(
    w: ts.Work, s: ts.State, K: Any, sm: int, kind: int, row: Ints, mask: int, t: float
) -> tuple[int, int, int, float, float]:
    """(kind, lanes, CTA's rank or -1 or -2, clocks of the pipe, when done) of generic addresses.

    What names the own shared memory becomes an access to it; lanes of an atomic that name other
    SMs' are sent on their way, those that are left are of the own.
    """
    rank, busy, done = _window_rank(row), 1.0, t
    atomic = kind == tt.ATOMIC or kind == tt.REDUCE
    if atomic and rank >= 0 and is_remote(row, mask, sm % w.cluster):
        mask, busy, done = remote_atomic(w, s, K, sm, row, mask, t)
        kind = tt.SHARED_ATOMIC if mask else tt.NOTHING
    elif rank == sm % w.cluster:
        kind = tt.SHARED_ATOMIC if atomic else tt.SHARED_LOAD
        done += K[c.GENERIC_CYCLES]
    return kind, mask, rank, busy, done


@fused
def _constant(K: Any, row: Ints, mask: int, seen: Ints, t: float) -> tuple[float, float]:
    """(clocks of the pipe, when done) of a load from a constant bank by index."""
    busy = 1.0 + (_words(row, mask, seen) - 1) * K[c.CONSTANT_PASS_CYCLES]
    return busy, t + K[c.CONSTANT_CYCLES] + busy - 1.0


@fused
def _sectors(
    m: Memory, K: Any, sm: int, kind: int, flags: int, count: int, sectors: Ints, cover: Ints,
    t: float, step: float,
) -> float:  # fmt: skip
    """When the last of the ``count`` sectors is there, or written; one goes each ``step``."""
    done = t
    for i in range(count):
        at = t + np.floor(step * i)
        if kind == tt.STORE:
            back = mem.l2_write(m, K, sm, sectors[i], cover[i] >= SECTOR, at)
        elif flags & tt.FLAG_VOLATILE_L1:
            back = mem.l2_read(m, K, sm, sectors[i], at)
        else:
            back = mem.l1_read(m, K, sm, sectors[i], at)
        done = max(done, back)
    return done


@fused
def _through_l1(
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, pc: int, row: Ints, mask: int,
    turn: float, accept: float,
) -> tuple[float, float]:  # fmt: skip
    """(clocks of the pipe, when done) of a load, store or copy of global memory."""
    sm, kind, size, flags = (
        q // 4,
        w.table[pc, tt.KIND],
        w.table[pc, tt.BYTES],
        w.table[pc, tt.FLAGS],
    )
    count, looked = coalesce(row, mask, size, s.sectors, s.cover)
    busy = max(looked * K[c.LINE_CYCLES], count * 0.25)
    copies = kind == tt.COPY_ASYNC and not flags & tt.FLAG_VOLATILE_L1
    if copies:
        busy += K[c.COPY_PASS_CYCLES]
        if s.warp[slot, ts.COPY_GROUP] <= s.where[slot, ts.COPY_GROUPS]:  # the group's first
            busy += K[c.COPY_COMMIT]
            s.warp[slot, ts.COPY_GROUP] = s.where[slot, ts.COPY_GROUPS] + 1
    port = m.port[sm]
    step = 0.0 if copies else busy / count  # a copy's sectors come together
    done = _sectors(m, K, sm, kind, flags, count, s.sectors, s.cover, accept, step)
    if kind == tt.STORE:
        busy += max(0.0, m.out[sm] - turn - busy - K[c.STORE_BUFFER])
    elif m.port[sm] != port:
        m.port[sm] += K[c.PORT_REQUEST_CYCLES]
    if copies:
        done += K[c.COPY_L1]
        s.take[q] = accept + K[c.COPY_TAKE]
    if kind == tt.LOAD:
        wide = max(1.0, size * LANES / LINE)
        done += (min(wide, looked) - 1.0) * (K[c.SHARED_PASS_CYCLES] - 1.0)
    return busy, done


@fused
def _served(
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, record: int, turn: float,
    accept: float,
) -> tuple[float, float, float]:  # fmt: skip
    """(clocks of the pipe, when done, clocks of the registers) of a memory instruction."""
    pc, sm, place = w.pc[record], q // 4, row_of(w, s, slot, record)
    kind, size, flags = w.table[pc, tt.KIND], w.table[pc, tt.BYTES], w.table[pc, tt.FLAGS]
    mask, rank, busy, done = int(w.mask[record]), -1, 1.0, accept
    take = K[c.SHARED_PASS_CYCLES] * max(1.0, size * LANES / LINE)
    if kind == tt.SHUFFLE:
        return 1.0, accept + K[c.SHUFFLE_CYCLES] + w.table[pc, tt.LATENCY], 0.0
    if place < 0 or mask == 0:
        late = K[c.CONSTANT_CYCLES] if kind == tt.CONSTANT else K[c.SHARED_CYCLES]
        return 1.0, accept + late, 0.0 if kind == tt.CONSTANT else take
    row = w.address[place]
    if flags & tt.FLAG_GENERIC:
        kind, mask, rank, busy, done = _own_window(w, s, K, sm, kind, row, mask, accept)
    if kind == tt.CONSTANT:
        busy, done = _constant(K, row, mask, s.scratch[0], accept)
        take = 0.0
    elif kind == tt.SHARED_ATOMIC:
        took, wait, take = shared_atomic(K, row, mask, size, flags, s.scratch)
        m.count[mem.SHARED_PASSES] += int(took)
        busy, done = max(busy, took), max(done, accept + wait)
    elif kind == tt.SHARED_LOAD or kind == tt.SHARED_STORE:
        busy = shared_passes(row, mask, size, s.scratch)
        m.count[mem.SHARED_PASSES] += int(busy)
        done += K[c.SHARED_CYCLES] + K[c.SHARED_PASS_CYCLES] * (busy - 1)
    elif flags & tt.FLAG_LOCAL or rank == -2:  # a word of all lanes is a line: other words, others
        busy = _words(row, mask, s.scratch[0]) * max(1.0, size / 4.0)
        done = accept + K[c.L1_CYCLES] + busy - 1.0
    elif rank >= 0 and kind != tt.NOTHING:
        load, moved = kind == tt.LOAD or kind == tt.ATOMIC, _lanes(mask) * size
        busy, done = max(1.0, moved / 128.0), remote(w, s, K, sm, rank, moved, accept, load)
    elif kind == tt.ATOMIC or kind == tt.REDUCE:
        busy, done = l2_atomic(
            m, K, sm, row, mask, accept, kind == tt.ATOMIC, flags, size, s.scratch[0]
        )
    elif kind != tt.NOTHING:
        busy, done = _through_l1(w, s, m, K, q, slot, pc, row, mask, turn, accept)
    return busy, done, take


@fused
def memory(
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, record: int, t: float
) -> float:
    """Result time of a memory instruction that issues at ``t``; queues and caches move on."""
    pc = w.pc[record]
    kind, barrier, sm = w.table[pc, tt.KIND], w.table[pc, tt.READ], q // 4
    turn = max(t + K[c.MIO_CYCLES], m.lsu[sm])
    accept = max(turn, s.take[q])  # what waits for its registers keeps no other from the pipe
    busy, done, take = _served(w, s, m, K, q, slot, record, turn, accept)
    if kind != tt.SHUFFLE and kind != tt.CONSTANT and kind != tt.COPY_ASYNC:
        s.take[q] = accept + take
    m.lsu[sm] = turn + busy
    s.mio[q, s.mio_at[q] & (ts.QUEUE - 1)] = accept + busy - K[c.MIO_CYCLES]
    s.mio_at[q] += 1
    if barrier < 6:
        hold(s, slot, barrier, accept + busy + K[c.READ_RELEASE_CYCLES], 0.0)
    return done
