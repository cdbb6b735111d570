"""Memory instructions: bank conflicts, coalescing, and the way to L1, L2, other SMs and the TMA."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import fused
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.state import LOCAL_WINDOW, SHARED_WINDOW
from archsim.models.gpu.sm.timing_memory import LANES, LINE, SECTOR, Ints, Memory


@fused
def shared_passes(row: Ints, mask: int, size: int) -> int:
    """Wavefronts of a shared-memory access of ``size`` bytes a lane.

    Lanes join a wavefront in order, in groups of 128 bytes, as long as no bank has to give two
    words; a group that conflicts with itself takes as many wavefronts as its fullest bank.
    """
    group = max(1, min(32, 128 // size))
    words = max(1, size // 4)
    first_word, count = np.empty(32, np.int64), np.zeros(32, np.int64)
    held = np.empty(32, np.int64)  # words of the open wavefront, by bank
    extra = np.empty(160, np.int64)  # second and later words of the banks of a group
    passes, opened = 0, False
    for first in range(0, 32, group):
        most, extras, joins = 0, 0, True
        count[:] = 0
        for lane in range(first, first + group):
            if row[lane] < 0 or not (mask >> lane) & 1:
                continue
            for k in range(words):
                word = row[lane] // 4 + k
                bank = word & 31
                if count[bank] == 0:
                    count[bank], first_word[bank] = 1, word
                    most = max(most, 1)
                    joins = joins and (not opened or held[bank] < 0 or held[bank] == word)
                elif first_word[bank] != word:
                    fresh = True
                    for i in range(extras):
                        if extra[i] == word:
                            fresh = False
                            break
                    if fresh and extras < 160:
                        extra[extras] = word
                        extras += 1
                        count[bank] += 1
                        most = max(most, count[bank])
        if most == 0:
            continue
        if most == 1 and opened and joins:  # the group shares the wavefront of the ones before
            for bank in range(32):
                if count[bank]:
                    held[bank] = first_word[bank]
            continue
        passes += most
        opened = most == 1
        if opened:
            for bank in range(32):
                held[bank] = first_word[bank] if count[bank] else -1
    return max(1, passes)


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
def _words(row: Ints, mask: int) -> int:
    """Different words that lanes name by offset, in a constant bank or in their local memory."""
    seen = np.empty(32, np.int64)
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
def _remote(
    w: ts.Work, s: ts.State, K: Any, sm: int, target: int, size: int, t: float, load: bool
) -> float:
    """When an access to another CTA's shared memory is done: both SMs' ports are busy, and each
    takes its requests when it has room, so that several readers of one SM share its port.

    A port whose partner in the other direction is another SM loses time (a ring), and so do ports
    in clusters of more than two CTAs.
    """
    other = min(sm - sm % w.cluster + target, s.dsmem.shape[0] - 1)
    s.peer[sm, 1] = other
    s.peer[other, 0] = sm
    rate = K[c.DSMEM_PORT_BYTES] if load else K[c.DSMEM_STORE_BYTES]
    if w.cluster > 2:
        rate *= K[c.DSMEM_SPREAD]
    if s.peer[sm, 0] >= 0 and s.peer[sm, 0] != other:
        rate *= K[c.DSMEM_RING]
    s.dsmem[sm, 1] = max(t, s.dsmem[sm, 1]) + size / rate
    s.dsmem[other, 0] = max(t, s.dsmem[other, 0]) + size / K[c.DSMEM_SOURCE_BYTES]
    return max(s.dsmem[sm, 1], s.dsmem[other, 0]) + K[c.DSMEM_CYCLES]


@fused
def _shared_atomic(
    K: Any, row: Ints, mask: int, size: int, flags: int, passes: int
) -> tuple[float, float]:
    """(clocks of the pipe, clocks to the result) of an atomic in shared memory."""
    if flags & tt.FLAG_CAS:  # lanes that want one word go one after the other
        most = 1
        for lane in range(LANES):
            if row[lane] < 0 or not (mask >> lane) & 1:
                continue
            same = 0
            for other in range(lane + 1):
                same += ((mask >> other) & 1) and row[other] == row[lane]
            most = max(most, same)
        busy = K[c.SHARED_CAS_CYCLES] * (passes - 1 + most / 2 + 0.5)
        return busy, K[c.SHARED_ATOMIC_CYCLES] + busy
    return passes, K[c.SHARED_ATOMIC_CYCLES] + K[c.SHARED_PASS_CYCLES] * (passes - 1)


@fused
def memory(
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, record: int, t: float,
    sectors: Any, cover: Any,
) -> float:  # fmt: skip
    """Result time of a memory instruction that issues at ``t``; queues and caches move on."""
    pc = w.pc[record]
    kind, size, flags = w.table[pc, tt.KIND], w.table[pc, tt.BYTES], w.table[pc, tt.FLAGS]
    sm = q // 4
    accept = max(t + K[c.MIO_CYCLES], m.lsu[sm])
    mask, place = w.mask[record], w.row[record]
    done, busy = accept, 1.0
    rank, extra = -1, 0.0
    if flags & tt.FLAG_GENERIC and place >= 0 and mask != 0:
        rank = _window_rank(w.address[place])
        if rank == sm % w.cluster:  # its own shared memory
            atomic = kind == tt.ATOMIC or kind == tt.REDUCE
            kind = tt.SHARED_ATOMIC if atomic else tt.SHARED_LOAD
            extra = K[c.GENERIC_CYCLES]
    if kind == tt.SHUFFLE:
        done = accept + K[c.SHUFFLE_CYCLES] + w.table[pc, tt.LATENCY]
    elif kind == tt.CONSTANT:
        passes = _words(w.address[place], mask) if place >= 0 else 1
        busy = 1.0 + (passes - 1) * K[c.CONSTANT_PASS_CYCLES]
        done = accept + K[c.CONSTANT_CYCLES] + busy - 1.0
    elif place < 0 or mask == 0:
        done = accept + K[c.SHARED_CYCLES]
    elif kind == tt.SHARED_LOAD or kind == tt.SHARED_STORE or kind == tt.SHARED_ATOMIC:
        passes = shared_passes(w.address[place], mask, size)
        m.count[mem.SHARED_PASSES] += passes
        busy = passes
        if kind == tt.SHARED_ATOMIC:
            busy, wait = _shared_atomic(K, w.address[place], mask, size, flags, passes)
            done = accept + wait
        else:
            done = accept + extra + K[c.SHARED_CYCLES] + K[c.SHARED_PASS_CYCLES] * (passes - 1)
    elif (
        flags & tt.FLAG_LOCAL or rank == -2
    ):  # a word of all lanes is a line: lanes at other words need others
        busy = _words(w.address[place], mask) * max(1.0, size / 4.0)
        done = accept + K[c.L1_CYCLES] + busy - 1.0
    elif rank >= 0:
        load, moved = kind == tt.LOAD or kind == tt.ATOMIC, _lanes(mask) * size
        done = _remote(w, s, K, sm, rank, moved, accept, load)
        busy = max(1.0, moved / 128.0)
    elif kind == tt.ATOMIC or kind == tt.REDUCE:
        busy, done = mem.atomic(m, K, sm, w.address[place], mask, accept, kind == tt.ATOMIC, flags)
    else:
        count, lines = coalesce(w.address[place], mask, size, sectors, cover)
        busy = max(lines * K[c.LINE_CYCLES], count * 0.25)
        if kind == tt.COPY_ASYNC and not flags & tt.FLAG_VOLATILE_L1:
            busy += K[c.COPY_PASS_CYCLES]
        step = busy / count
        for i in range(count):
            at = accept + step * i
            if kind == tt.STORE:
                back = mem.l2_write(m, K, sm, sectors[i], cover[i] >= SECTOR, at)
            elif flags & tt.FLAG_VOLATILE_L1:
                back = mem.l2_read(m, K, sm, sectors[i], at)
            else:
                back = mem.l1_read(m, K, sm, sectors[i], at)
            done = max(done, back)
    m.lsu[sm] = accept + busy
    s.mio[q, s.mio_at[q] & (ts.QUEUE - 1)] = accept + busy - K[c.MIO_CYCLES]
    s.mio_at[q] += 1
    barrier = w.table[pc, tt.READ]
    if barrier < 6:
        s.warp[slot, ts.SB0 + barrier] = accept + busy + K[c.READ_RELEASE_CYCLES]
        s.warp[slot, ts.MARK0 + barrier] = 0.0
    return done


@fused
def _row(
    m: Memory, K: Any, sm: int, first: int, size: int, inward: bool, at: float
) -> tuple[float, float]:
    """(clocks of the TMA engine, when the last byte has arrived) of ``size`` contiguous bytes."""
    last, low, high = at, first // SECTOR, (first + size - 1) // SECTOR
    for sector in range(low, high + 1):
        t = at + (sector - low) * SECTOR / K[c.BULK_BYTES]
        if inward:  # the engine's own way to L2
            kept, m.port[sm] = m.port[sm], t
            last = max(last, mem.l2_read(m, K, sm, sector, t))
            m.port[sm] = kept
        else:
            begin, end = max(first, sector * SECTOR), min(first + size, (sector + 1) * SECTOR)
            last = max(last, mem.l2_write(m, K, sm, sector, end - begin >= SECTOR, t))
    return (high - low + 1) * SECTOR / K[c.BULK_BYTES], last


@fused
def bulk(w: ts.Work, s: ts.State, m: Memory, K: Any, sm: int, record: int, t: float) -> float:
    """When a bulk copy or the box of a tensor is there: its rows go through the TMA engine.

    A row costs at least ``bulk_row_cycles``, a copy at least ``bulk_interval_cycles``.
    """
    row = w.address[w.row[record]]
    size, inward, tensor = max(16, row[2]), row[3] >= 0, row[4] >= 0
    start = max(t + K[c.BULK_ISSUE_CYCLES], s.tma[sm])
    at, last = start, start
    if row[0] < 0:  # from the shared memory of another CTA
        at += size / K[c.DSMEM_PORT_BYTES]
        last = at + K[c.DSMEM_CYCLES]
    elif not tensor:
        busy, last = _row(m, K, sm, row[0], size, inward, at)
        at += busy
    elif row[4] > 0:
        c1, c2 = (row[5] if row[6] >= 0 else 1), (row[7] if row[8] >= 0 else 1)
        c3, c4 = (row[9] if row[10] >= 0 else 1), (row[11] if row[12] >= 0 else 1)
        for n in range(c1 * c2 * c3 * c4):
            first = row[0] + n % c1 * row[6] + n // c1 % c2 * row[8]
            first += n // (c1 * c2) % c3 * row[10] + n // (c1 * c2 * c3) * row[12]
            busy, end = _row(m, K, sm, first, row[4], inward, at)
            at += max(busy, K[c.BULK_ROW_CYCLES])
            last = max(last, end)
    s.tma[sm] = max(at, start + K[c.BULK_INTERVAL_CYCLES])
    return last + K[c.BULK_CYCLES]
