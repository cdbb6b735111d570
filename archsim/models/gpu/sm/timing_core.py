"""The timing core: warps of the simulated SMs issue their recorded instructions in time order.

Every sub-core issues at most one warp instruction a clock. A warp's next instruction may issue when
the compiler's stall count has passed, the scoreboards that its wait mask names are released, its
unit is free and, for memory, the queue to the memory pipe has room; of the warps that may issue the
last one goes on, else the oldest. Time jumps to the next clock at which some sub-core can issue.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archsim.engine.jit import inlined, njit
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_memory import NEVER, Memory

# Columns of WARP (float64): one row a resident warp slot.
(
    NEXT, READY, AGE, SB0, GROUPS, COPY_DONE, COPY_LAST, TENSOR_LAST, ARRIVED, REASON, WAITS,
    TENSOR_DONE, NEXT_UNIT,
) = (0, 1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 9)  # fmt: skip
WARP_COLUMNS = 24
RING = 8  # commit groups of cp.async and wgmma that are remembered


class Work(NamedTuple):
    """What the core replays.

    ``table`` int32[instructions, columns]; ``pc`` int32, ``mask`` int64, ``row`` int64 of every
    record; ``address`` int64[rows, 32]; ``first`` int64[ctas * warps + 1] record bounds of every
    warp; ``queue`` int64[sms, most] CTAs of each SM in order (-1: none); ``resident`` CTAs an SM
    holds; ``warps`` of a CTA; ``cluster`` CTAs in a cluster.
    """

    table: Any
    pc: Any
    mask: Any
    row: Any
    address: Any
    first: Any
    queue: Any
    resident: int
    warps: int
    cluster: int


class State(NamedTuple):
    """State of the SMs; sub-core ``q`` is ``sm * 4 + quarter``.

    ``warp`` float64[slots, WARP_COLUMNS]; ``at``, ``end`` int64[slots] next and last record;
    ``cta`` int64[slots] CTA index in the work, -1 when idle; ``free`` float64[subs, units];
    ``mio`` float64[subs, 64] times at which queued memory instructions leave; ``mio_at`` int64;
    ``sub`` float64[subs, 4]: last issue, candidate time, bank free; ``pick`` int64[subs, 2]
    candidate slot, last slot; ``member`` int64[subs, most] slots of a sub-core;
    ``held`` int64[sms, resident, 4]: arrivals, live warps, CTA; ``ring`` float64[slots, 2, RING].
    """

    warp: Any
    at: Any
    end: Any
    cta: Any
    free: Any
    mio: Any
    mio_at: Any
    sub: Any
    pick: Any
    member: Any
    held: Any
    ring: Any
    group: Any
    mbar: Any


class Result(NamedTuple):
    """``start``, ``finish`` float64[ctas]; ``reasons`` float64[subs, reasons] clocks; ``issued``
    int64[1]; ``units`` float64[units] busy clocks; ``clocks`` float64[n, 3]: warp, time, CTA;
    ``events`` float64[n, 4]: sub-core, start, unit, warp."""

    start: Any
    finish: Any
    reasons: Any
    issued: Any
    units: Any
    clocks: Any
    clock_count: Any
    events: Any
    event_count: Any


@inlined
def choose(s: State, K: Any, q: int, ready: Any) -> None:
    """Candidate of sub-core ``q``: the warp that issues next and when."""
    floor = s.sub[q, 0]
    best, best_slot, best_age, count = NEVER, -1, NEVER, 0
    last, last_at = s.pick[q, 1], NEVER
    for unit in range(tt.MIO):
        ready[unit] = s.free[q, unit]
    ready[tt.UNIFORM], ready[tt.BRANCH] = s.free[q, tt.UNIFORM], s.free[q, tt.BRANCH]
    ready[tt.FMA_ANY] = min(ready[tt.FMA_HEAVY], ready[tt.FMA_LITE])
    depth = int(K[c.MIO_ENTRIES])
    ready[tt.MIO] = s.mio[q, (s.mio_at[q] - depth) & 63] if s.mio_at[q] >= depth else 0.0
    for i in range(s.member.shape[1]):
        slot = s.member[q, i]
        if slot < 0:
            break
        t = max(s.warp[slot, NEXT], floor)
        if t > best:
            continue
        t = max(t, ready[int(s.warp[slot, NEXT_UNIT])])
        if slot == last:
            last_at = t
            continue
        age = s.warp[slot, AGE]
        if t < best:
            best, best_slot, best_age, count = t, slot, age, 1
        elif t == best and t < NEVER:
            count += 1
            if age < best_age:
                best_slot, best_age = slot, age
    if last_at < best:
        best, best_slot = last_at, last
    elif last_at == best and last_at < NEVER:  # it goes on in two of ``count`` + 1 cases
        s.sub[q, 3] += 1.0
        turn = (int(s.sub[q, 3]) * 7919 + q * 31) % (count + 1)
        if turn < 2:
            best_slot = last
    s.sub[q, 1] = best
    s.pick[q, 0] = best_slot


@inlined
def _set_next(w: Work, s: State, slot: int) -> None:
    """Earliest issue of the warp's next record from its stall and its scoreboards; its reason."""
    if s.at[slot] >= s.end[slot]:
        s.warp[slot, NEXT] = NEVER
        return
    t, reason = s.warp[slot, READY], tt.FIXED
    row = w.table[w.pc[s.at[slot]]]
    wait = row[tt.WAIT]
    s.warp[slot, NEXT_UNIT] = tt.NONE if row[tt.KIND] == tt.WGMMA else row[tt.UNIT]
    for b in range(6):
        if (wait >> b) & 1 and s.warp[slot, SB0 + b] > t:
            t = s.warp[slot, SB0 + b]
            kind = int(s.warp[slot, 17 + b])
            reason = tt.LONG if kind == 1 else tt.TENSOR_WAIT if kind == 2 else tt.SHORT
    s.warp[slot, NEXT] = t
    s.warp[slot, REASON] = reason


@njit
def _start_cta(
    w: Work, s: State, r: Result, K: Any, sm: int, place: int, cta: int, t: float
) -> None:
    """Put ``cta`` into place ``place`` of ``sm`` at ``t``; warps go to the sub-cores in turn."""
    s.held[sm, place, 0] = 0
    s.held[sm, place, 1] = w.warps
    s.held[sm, place, 2] = cta
    s.held[sm, place, 3] = 0
    r.start[cta] = t
    for i in range(w.warps):
        slot = (sm * w.resident + place) * w.warps + i
        s.cta[slot] = cta
        s.at[slot] = w.first[cta * w.warps + i]
        s.end[slot] = w.first[cta * w.warps + i + 1]
        for k in range(WARP_COLUMNS):
            s.warp[slot, k] = 0.0
        s.warp[slot, READY] = t + K[c.CTA_THREAD_CYCLES] * i
        s.warp[slot, AGE] = t * 64.0 + i
        for k in range(2 * RING):
            s.ring[slot, k // RING, k % RING] = 0.0
        s.group[slot, 0] = 0
        s.group[slot, 1] = 0
        _set_next(w, s, slot)


@njit
def _release(w: Work, s: State, K: Any, sm: int, place: int, t: float) -> None:
    """All warps of the CTA have arrived at its barrier: they go on at ``t``."""
    s.held[sm, place, 0] = 0
    for i in range(w.warps):
        slot = (sm * w.resident + place) * w.warps + i
        if s.cta[slot] >= 0 and s.warp[slot, ARRIVED] == 1.0:
            s.warp[slot, ARRIVED] = 0.0
            s.warp[slot, READY] = max(s.warp[slot, READY], t)
            _set_next(w, s, slot)
            s.warp[slot, REASON] = tt.BARRIER_WAIT


@njit
def _cluster_release(w: Work, s: State, K: Any, sm: int, t: float) -> None:
    """Let the waiting warps of the clusters whose CTAs have all arrived go on."""
    sms, resident = s.held.shape[0], w.resident
    for place in range(resident):
        base = (sm // w.cluster) * w.cluster
        arrived, live, latest = 0, 0, 0.0
        for other in range(base, min(base + w.cluster, sms)):
            arrived += s.held[other, place, 3]
            live += s.held[other, place, 1]
        if live == 0 or arrived < live:
            continue
        for other in range(base, min(base + w.cluster, sms)):
            s.held[other, place, 3] = 0
            for i in range(w.warps):
                slot = (other * resident + place) * w.warps + i
                if s.cta[slot] >= 0:
                    latest = max(latest, s.warp[slot, WAITS])
        for other in range(base, min(base + w.cluster, sms)):
            for i in range(w.warps):
                slot = (other * resident + place) * w.warps + i
                if s.cta[slot] < 0:
                    continue
                s.warp[slot, WAITS] = latest + K[c.CLUSTER_BARRIER_CYCLES]
                if s.warp[slot, ARRIVED] == 2.0:
                    s.warp[slot, ARRIVED] = 0.0
                    s.warp[slot, READY] = max(s.warp[slot, READY], s.warp[slot, WAITS])
                    _set_next(w, s, slot)
                    s.warp[slot, REASON] = tt.BARRIER_WAIT


@njit
def _memory(
    w: Work, s: State, m: Memory, K: Any, sm: int, slot: int, record: int, t: float, scratch: Any
) -> float:
    """Result time of a memory instruction that issues at ``t``; queues and caches move on."""
    row = w.table[w.pc[record]]
    kind, size, flags = row[tt.KIND], row[tt.BYTES], row[tt.FLAGS]
    q = sm * 4 + (slot % w.warps) % 4
    accept = max(t + K[c.MIO_CYCLES], m.lsu[sm])
    mask, place = w.mask[record], w.row[record]
    done, busy = accept, 1.0
    if kind == tt.SHUFFLE:
        done = accept + K[c.SHUFFLE_CYCLES] + row[tt.LATENCY]
    elif kind == tt.CONSTANT:
        done = accept + K[c.CONSTANT_CYCLES]
    elif place < 0 or mask == 0:
        done = accept + K[c.SHARED_CYCLES]
    elif kind in (tt.SHARED_LOAD, tt.SHARED_STORE, tt.SHARED_ATOMIC):
        passes = mem.shared_passes(w.address[place], mask, size)
        m.count[mem.SHARED_PASSES] += passes
        busy = passes
        extra = K[c.SHARED_PASS_CYCLES] * (passes - 1)
        if kind == tt.SHARED_ATOMIC:
            busy = passes * 2.0
            done = accept + K[c.SHARED_ATOMIC_CYCLES] + extra
        else:
            done = accept + K[c.SHARED_CYCLES] + extra
    elif flags & tt.FLAG_LOCAL:
        busy = max(1.0, size / 4.0)
        done = accept + K[c.L1_CYCLES]
    elif w.address[place].max() >= 0 and flags & tt.FLAG_GENERIC and _is_window(w.address[place]):
        lanes = 0
        for lane in range(32):
            lanes += (mask >> lane) & 1
        m.port[sm] = max(accept, m.port[sm]) + lanes * size / K[c.DSMEM_PORT_BYTES]
        done = m.port[sm] + K[c.DSMEM_CYCLES]
        busy = max(1.0, lanes * size / 128.0)
    elif kind in (tt.ATOMIC, tt.REDUCE):
        done = mem.atomic(m, K, sm, w.address[place], mask, accept, kind == tt.ATOMIC)
    else:
        count = mem.sectors_of(w.address[place], mask, size, scratch)
        lines = mem.lines_of(w.address[place], mask, size)
        busy = max(lines * K[c.LINE_CYCLES], count * 0.25)
        if kind == tt.STORE:
            for i in range(count):
                whole = mem.whole_sector(w.address[place], mask, size, scratch[i])
                at = accept + busy * i / count
                done = max(done, mem.l2_write(m, K, sm, scratch[i], whole, at))
        else:
            through = flags & tt.FLAG_VOLATILE_L1
            for i in range(count):
                at = accept + busy * i / count
                if through:
                    back = mem.l2_read(m, K, sm, scratch[i], at)
                else:
                    back = mem.l1_read(m, K, sm, scratch[i], at)
                done = max(done, back)
    m.lsu[sm] = accept + busy
    s.mio[q, s.mio_at[q] & 63] = accept + busy - K[c.MIO_CYCLES]
    s.mio_at[q] += 1
    s.warp[slot, READY] = t + max(1.0, float(row[tt.STALL]))
    if row[tt.READ] < 6:
        s.warp[slot, SB0 + row[tt.READ]] = accept + busy + K[c.READ_RELEASE_CYCLES]
        s.warp[slot, 17 + row[tt.READ]] = 0.0
    return done


@njit
def _is_window(row: Any) -> bool:
    """Whether generic addresses point into a shared window rather than at global memory."""
    for lane in range(32):
        if row[lane] >= 0:
            return row[lane] >= 0x7000_0000_0000 or row[lane] < 0x1_0000_0000
    return False


@njit
def _bulk(w: Work, s: State, m: Memory, K: Any, sm: int, place: int, record: int, t: float) -> None:
    """A bulk copy: its sectors stream through the TMA engine; the mbarrier learns the end."""
    row = w.address[w.row[record]]
    size = max(16, row[2])
    start = max(t + K[c.BULK_ISSUE_CYCLES], s.mbar[sm, 0])
    last = start
    for i in range((size + 31) // 32):
        at = start + i * 32.0 / K[c.BULK_BYTES]
        if row[0] >= 0:
            last = max(last, mem.l2_read(m, K, sm, row[0] // 32 + i, at))
    s.mbar[sm, 0] = start + size / K[c.BULK_BYTES]
    s.mbar[sm, 1 + place] = max(s.mbar[sm, 1 + place], last + K[c.BULK_CYCLES])


@njit
def _issue(
    w: Work, s: State, m: Memory, r: Result, K: Any, sm: int, q: int, slot: int, t: float,
    scratch: Any,
) -> None:  # fmt: skip
    """Issue the next record of the warp in ``slot`` at ``t`` and set when its next one may go."""
    record = s.at[slot]
    pc = w.pc[record]
    row = w.table[pc]
    kind, unit = row[tt.KIND], row[tt.UNIT]
    place = (slot // w.warps) % w.resident
    s.at[slot] += 1
    s.warp[slot, READY] = t + max(1.0, float(row[tt.STALL]))
    done, marks = t + row[tt.LATENCY], 0.0
    if unit == tt.FMA_ANY:
        unit = tt.FMA_LITE if s.free[q, tt.FMA_LITE] <= s.free[q, tt.FMA_HEAVY] else tt.FMA_HEAVY
    if unit == tt.TENSOR:  # tenths of a clock; wgmma only queues
        busy = row[tt.INTERVAL] * 0.1
        start = max(t, s.warp[slot, TENSOR_LAST]) if kind == tt.WGMMA else t
        s.free[q, unit] = max(start, s.free[q, unit]) + busy
        r.units[unit] += busy
    elif unit < tt.MIO or unit in (tt.UNIFORM, tt.BRANCH):
        s.free[q, unit] = t + row[tt.INTERVAL]
        r.units[unit] += row[tt.INTERVAL]
    if kind == tt.PLAIN:
        same = s.pick[q, 1] == slot
        even = row[tt.EVEN_REUSED] if same else row[tt.EVEN]
        odd = row[tt.ODD_REUSED] if same else row[tt.ODD]
        s.sub[q, 2] = max(t, s.sub[q, 2]) + max(1, even, odd)
        marks = 2.0 if unit == tt.TENSOR else 0.0
        if unit == tt.BRANCH and s.at[slot] < s.end[slot] and w.pc[s.at[slot]] != pc + 1:
            s.warp[slot, READY] += K[c.BRANCH_CYCLES]
    elif kind == tt.CLOCK:
        n = r.clock_count[0]
        if n < r.clocks.shape[0]:
            r.clocks[n, 0], r.clocks[n, 1], r.clocks[n, 2] = slot % w.warps, t, s.cta[slot]
            r.clock_count[0] += 1
    elif kind == tt.BARRIER:
        s.held[sm, place, 0] += 1
        if row[tt.FLAGS] & tt.FLAG_COMMIT == 0:
            s.warp[slot, ARRIVED] = 1.0
        if s.held[sm, place, 0] >= s.held[sm, place, 1]:
            wait = K[c.BARRIER_CYCLES] + K[c.BARRIER_WARP_CYCLES] * s.held[sm, place, 1]
            _release(w, s, K, sm, place, t + wait)
    elif kind == tt.EXIT:
        if w.mask[record] != 0 and s.at[slot] >= s.end[slot]:
            pass
    elif kind == tt.CLUSTER_ARRIVE:
        s.held[sm, place, 3] += 1
        s.warp[slot, WAITS] = t
        s.group[slot, 2] = 1
        _cluster_release(w, s, K, sm, t)
    elif kind == tt.CLUSTER_WAIT:
        if s.held[sm, place, 3] > 0:
            s.warp[slot, ARRIVED] = 2.0
        else:
            s.warp[slot, READY] = max(s.warp[slot, READY], s.warp[slot, WAITS])
    elif kind == tt.BULK:
        if w.mask[record] != 0 and w.row[record] >= 0:
            _bulk(w, s, m, K, sm, place, record, t)
    elif kind == tt.MBAR_WAIT:
        done = max(t, s.mbar[sm, 1 + place]) + row[tt.LATENCY]
        s.warp[slot, READY] = max(s.warp[slot, READY], s.mbar[sm, 1 + place])
    elif kind == tt.WGMMA:
        n = s.group[slot, 1]
        s.warp[slot, TENSOR_DONE] = s.free[q, tt.TENSOR] + row[tt.LATENCY] - 0.1 * row[tt.INTERVAL]
        if row[tt.FLAGS] & tt.FLAG_COMMIT:
            s.ring[slot, 1, n % RING] = s.warp[slot, TENSOR_DONE]
            s.group[slot, 1] += 1
    elif kind == tt.WGMMA_WAIT:
        n = s.group[slot, 1] - row[tt.COUNT]
        if n > 0:
            s.warp[slot, READY] = max(s.warp[slot, READY], s.ring[slot, 1, (n - 1) % RING])
    elif kind == tt.COPY_COMMIT:
        n = s.group[slot, 0]
        s.ring[slot, 0, n % RING] = s.warp[slot, COPY_DONE]
        s.group[slot, 0] += 1
        done = max(t, s.warp[slot, COPY_DONE])
    elif kind == tt.SCOREBOARD_WAIT:
        n = s.group[slot, 0] - row[tt.COUNT]
        if n > 0:
            ready = s.ring[slot, 0, (n - 1) % RING] + K[c.COPY_CYCLES]
            s.warp[slot, READY] = max(s.warp[slot, READY], ready)
    elif kind == tt.FENCE:
        s.warp[slot, READY] = max(t + K[c.FENCE_CYCLES], s.warp[slot, READY])
    elif unit == tt.MIO:
        done = _memory(w, s, m, K, sm, slot, record, t, scratch)
        marks = 1.0 if kind in (tt.LOAD, tt.ATOMIC, tt.COPY_ASYNC) else 0.0
        if kind == tt.COPY_ASYNC:
            s.warp[slot, COPY_DONE] = max(done, s.warp[slot, COPY_DONE])
        if kind in (tt.STORE, tt.REDUCE):
            s.warp[slot, 23] = max(s.warp[slot, 23], done)
    if row[tt.WRITE] < 6:
        s.warp[slot, SB0 + row[tt.WRITE]] = done
        s.warp[slot, 17 + row[tt.WRITE]] = marks
    if s.warp[slot, ARRIVED] > 0.0:
        s.warp[slot, NEXT] = NEVER
    else:
        _set_next(w, s, slot)


@njit
def _retire(
    w: Work, s: State, r: Result, K: Any, sm: int, slot: int, t: float, at_queue: Any
) -> None:
    """The warp has issued its last record: when its CTA is done, the SM's next CTA starts."""
    place = (slot // w.warps) % w.resident
    cta = s.cta[slot]
    last = max(t, s.warp[slot, 23])
    r.finish[cta] = max(r.finish[cta], last)
    s.cta[slot] = -1
    s.warp[slot, NEXT] = NEVER
    s.held[sm, place, 1] -= 1
    if s.held[sm, place, 1] > 0:
        if s.held[sm, place, 0] >= s.held[sm, place, 1]:
            _release(w, s, K, sm, place, t + K[c.BARRIER_CYCLES])
        return
    n = at_queue[sm]
    if n < w.queue.shape[1] and w.queue[sm, n] >= 0:
        at_queue[sm] += 1
        _start_cta(
            w,
            s,
            r,
            K,
            sm,
            place,
            w.queue[sm, n],
            max(t + K[c.CTA_CYCLES], K[c.CTA_RATE] * (n + 0.5)),
        )


@njit
def simulate(
    w: Work, s: State, m: Memory, r: Result, K: Any, begin: Any, keep_events: bool
) -> float:
    """Run all CTAs; returns the time at which the last one is done (its stores included).

    ``begin`` float64[sms, resident]: when the first CTA of each place starts.
    """
    sms = w.queue.shape[0]
    at_queue = np.zeros(sms, np.int64)
    scratch = np.empty(128, np.int64)
    ready = np.zeros(tt.UNITS)
    for place in range(w.resident):
        for sm in range(sms):
            n = at_queue[sm]
            if n < w.queue.shape[1] and w.queue[sm, n] >= 0:
                at_queue[sm] += 1
                _start_cta(w, s, r, K, sm, place, w.queue[sm, n], begin[sm, place])
    subs = sms * 4
    for q in range(subs):
        choose(s, K, q, ready)
    now = 0.0
    while True:
        q, t = -1, NEVER
        for i in range(subs):
            if s.sub[i, 1] < t:
                q, t = i, s.sub[i, 1]
        if q < 0:
            break
        slot, sm = s.pick[q, 0], q // 4
        now = t
        gap = t - s.sub[q, 0]
        if gap > 0.0:
            reason = int(s.warp[slot, REASON])
            if s.warp[slot, NEXT] < t:
                unit = w.table[w.pc[s.at[slot]], tt.UNIT]
                reason = tt.QUEUE if unit == tt.MIO else tt.PIPE
            r.reasons[q, reason] += gap
        r.reasons[q, tt.ISSUED] += 1.0
        r.issued[0] += 1
        if keep_events and r.event_count[0] < r.events.shape[0]:
            n = r.event_count[0]
            r.events[n, 0], r.events[n, 1], r.events[n, 2] = q, t, w.pc[s.at[slot]]
            r.events[n, 3] = slot
            r.event_count[0] += 1
        before = s.held[sm, (slot // w.warps) % w.resident, 1]
        kind = w.table[w.pc[s.at[slot]], tt.KIND]
        _issue(w, s, m, r, K, sm, q, slot, t, scratch)
        s.pick[q, 1] = slot
        late = s.sub[q, 2] - t - K[c.BANK_SLACK]
        s.sub[q, 0] = t + 1.0 + max(0.0, np.floor(late))
        if s.at[slot] >= s.end[slot] and s.warp[slot, ARRIVED] == 0.0:
            _retire(w, s, r, K, sm, slot, t, at_queue)
        if kind == tt.BARRIER or s.held[sm, (slot // w.warps) % w.resident, 1] != before:
            for k in range(sm * 4, sm * 4 + 4):
                choose(s, K, k, ready)
        elif kind == tt.CLUSTER_ARRIVE:
            for k in range(subs):
                choose(s, K, k, ready)
        else:
            choose(s, K, q, ready)
    return now
