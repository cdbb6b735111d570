"""Memory instructions: bank conflicts, coalescing, and the way to L1, L2 and other SMs."""

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


@fused
def _fullest_bank(row: Ints, mask: int, words: int, first: int, last: int, scratch: Ints) -> int:
    """Most different words of one bank that the lanes from ``first`` to before ``last`` ask for."""
    first_word, count, extra = scratch[0], scratch[1], scratch[2]
    most, extras = 0, 0  # extra: second and later words of the banks
    for bank in range(32):
        count[bank] = 0
    for lane in range(first, last):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        for k in range(words):
            word = row[lane] // 4 + k
            bank = word & 31
            if count[bank] == 0:
                count[bank], first_word[bank] = 1, word
                most = max(most, 1)
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
    return most


@fused
def _paired(row: Ints, mask: int, first: int, last: int, apart: int) -> bool:
    """Whether all lanes name the address of the lane whose number differs by the bit ``apart``."""
    for lane in range(first, last):
        other = lane ^ apart
        if (mask >> lane) & (mask >> other) & 1 and row[lane] != row[other]:
            return False
    return True


@fused
def shared_passes(row: Ints, mask: int, size: int, scratch: Ints) -> int:
    """Wavefronts of a shared-memory access of ``size`` bytes a lane.

    All lanes of 4 bytes go together, as often as the fullest bank has different words. Lanes of 8
    bytes go in two halves, of 16 in four quarters; two neighbouring ones join where every lane
    shares its address with its neighbour, or with the lane after its neighbour
    (``load_pattern`` records). ``scratch`` is int64[4, 160].
    """
    words, group = max(1, size // 4), max(1, min(LANES, 2 * LINE // size))
    passes = 0
    for first in range(0, LANES, group):
        last, half = first + group, group // 2
        if size <= 4 or _paired(row, mask, first, last, 1) or _paired(row, mask, first, last, 2):
            passes += _fullest_bank(row, mask, words, first, last, scratch)
        else:
            passes += _fullest_bank(row, mask, words, first, first + half, scratch)
            passes += _fullest_bank(row, mask, words, first + half, last, scratch)
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
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, record: int, t: float
) -> float:
    """Result time of a memory instruction that issues at ``t``; queues and caches move on."""
    pc = w.pc[record]
    kind, size, flags = w.table[pc, tt.KIND], w.table[pc, tt.BYTES], w.table[pc, tt.FLAGS]
    sm = q // 4
    turn = max(t + K[c.MIO_CYCLES], m.lsu[sm])
    accept = max(turn, s.take[q])  # what waits for its registers keeps no other from the pipe
    mask, place = int(w.mask[record]), row_of(w, s, slot, record)
    done, busy = accept, 1.0
    rank, extra, wide = -1, 0.0, max(1.0, size * LANES / LINE)
    if flags & tt.FLAG_GENERIC and place >= 0 and mask != 0:
        rank = _window_rank(w.address[place])
        atomic = kind == tt.ATOMIC or kind == tt.REDUCE
        if atomic and rank >= 0 and is_remote(w.address[place], mask, sm % w.cluster):
            mask, busy, done = remote_atomic(w, s, K, sm, w.address[place], mask, accept)
            kind = tt.SHARED_ATOMIC if mask else tt.NOTHING
        elif rank == sm % w.cluster:  # its own shared memory
            kind = tt.SHARED_ATOMIC if atomic else tt.SHARED_LOAD
            extra = K[c.GENERIC_CYCLES]
    if kind == tt.NOTHING:
        pass  # all its lanes have gone to other SMs
    elif kind == tt.SHUFFLE:
        done = accept + K[c.SHUFFLE_CYCLES] + w.table[pc, tt.LATENCY]
    elif kind == tt.CONSTANT:
        passes = _words(w.address[place], mask, s.scratch[0]) if place >= 0 else 1
        busy = 1.0 + (passes - 1) * K[c.CONSTANT_PASS_CYCLES]
        done = accept + K[c.CONSTANT_CYCLES] + busy - 1.0
    elif place < 0 or mask == 0:
        done = accept + K[c.SHARED_CYCLES]
    elif kind == tt.SHARED_LOAD or kind == tt.SHARED_STORE or kind == tt.SHARED_ATOMIC:
        passes = shared_passes(w.address[place], mask, size, s.scratch)
        m.count[mem.SHARED_PASSES] += passes
        if kind == tt.SHARED_ATOMIC:
            took, wait = _shared_atomic(K, w.address[place], mask, size, flags, passes)
            busy, done = max(busy, took), max(done, accept + wait)
        else:
            busy = passes
            done = accept + extra + K[c.SHARED_CYCLES] + K[c.SHARED_PASS_CYCLES] * (passes - 1)
    elif (
        flags & tt.FLAG_LOCAL or rank == -2
    ):  # a word of all lanes is a line: lanes at other words need others
        busy = _words(w.address[place], mask, s.scratch[0]) * max(1.0, size / 4.0)
        done = accept + K[c.L1_CYCLES] + busy - 1.0
    elif rank >= 0:
        load, moved = kind == tt.LOAD or kind == tt.ATOMIC, _lanes(mask) * size
        done = remote(w, s, K, sm, rank, moved, accept, load)
        busy = max(1.0, moved / 128.0)
    elif kind == tt.ATOMIC or kind == tt.REDUCE:
        returns = kind == tt.ATOMIC
        busy, done = l2_atomic(
            m, K, sm, w.address[place], mask, accept, returns, flags, size, s.scratch[0]
        )
    else:
        sectors, cover = s.sectors, s.cover
        count, looked = coalesce(w.address[place], mask, size, sectors, cover)
        busy = max(looked * K[c.LINE_CYCLES], count * 0.25)
        if kind == tt.COPY_ASYNC and not flags & tt.FLAG_VOLATILE_L1:
            busy += K[c.COPY_PASS_CYCLES]
            if s.warp[slot, ts.COPY_GROUP] <= s.where[slot, ts.COPY_GROUPS]:  # the group's first
                busy += K[c.COPY_COMMIT]
                s.warp[slot, ts.COPY_GROUP] = s.where[slot, ts.COPY_GROUPS] + 1
        step, port = busy / count, m.port[sm]
        for i in range(count):
            at = accept + np.floor(step * i)
            if kind == tt.STORE:
                back = mem.l2_write(m, K, sm, sectors[i], cover[i] >= SECTOR, at)
            elif flags & tt.FLAG_VOLATILE_L1:
                back = mem.l2_read(m, K, sm, sectors[i], at)
            else:
                back = mem.l1_read(m, K, sm, sectors[i], at)
            done = max(done, back)
        if kind == tt.STORE:
            busy += max(0.0, m.out[sm] - turn - busy - K[c.STORE_BUFFER])
        elif m.port[sm] != port:
            m.port[sm] += K[c.PORT_REQUEST_CYCLES]
        if kind == tt.COPY_ASYNC and not flags & tt.FLAG_VOLATILE_L1:
            done += K[c.COPY_L1]
            s.take[q] = accept + K[c.COPY_TAKE]
        if kind == tt.LOAD:
            done += (min(wide, looked) - 1.0) * (K[c.SHARED_PASS_CYCLES] - 1.0)
    if kind != tt.SHUFFLE and kind != tt.CONSTANT and kind != tt.COPY_ASYNC:
        s.take[q] = accept + K[c.SHARED_PASS_CYCLES] * wide
    m.lsu[sm] = turn + busy
    s.mio[q, s.mio_at[q] & (ts.QUEUE - 1)] = accept + busy - K[c.MIO_CYCLES]
    s.mio_at[q] += 1
    barrier = w.table[pc, tt.READ]
    if barrier < 6:
        hold(s, slot, barrier, accept + busy + K[c.READ_RELEASE_CYCLES], 0.0)
    return done
