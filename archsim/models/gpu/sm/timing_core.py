"""The timing core: warps of the simulated SMs issue their recorded instructions in time order.

Every sub-core issues at most one warp instruction a clock. A warp's next instruction may issue when
the compiler's stall count has passed, the scoreboards that its wait mask names are released, its
unit is free and, for memory, the queue to the memory pipe has room. Of several warps that may issue
the last one goes on unless it yielded, else the first in the sub-core's queue does; those that wait
for the tensor core or the special functions take turns, the youngest first
(`timing_issue.queue_up`), and those that wait for the memory pipe go by the age of their CTAs. Time
jumps to the next clock at which some sub-core can issue.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import fused, inlined, lean
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_fetch import LINE_SHIFT, next_line
from archsim.models.gpu.sm.timing_issue import issue, retire, start_cta
from archsim.models.gpu.sm.timing_memory import HBM_QUEUE, NEVER, Memory

UNSERVED = 1e12  # more than warps are born


@inlined
def choose(s: ts.State, K: Any, q: int) -> None:
    """Candidate of sub-core ``q``: the warp that issues next and when."""
    floor, ready = s.last[q], s.ready
    best, best_slot, best_age = NEVER, -1, NEVER
    turn_at, turn_slot, turn_born = NEVER, -1, 0.0  # of the warps for a unit that goes round
    last, last_at = s.pick[q, 1], NEVER
    mio_at, mio_slot = NEVER, -1  # of the warps for the memory pipe: oldest CTA first
    for unit in range(tt.MIO):
        ready[unit] = s.free[q, unit]
    ready[tt.UNIFORM], ready[tt.BRANCH] = s.free[q, tt.UNIFORM], s.free[q, tt.BRANCH]
    ready[tt.FMA_ANY] = min(ready[tt.FMA_HEAVY], ready[tt.FMA_LITE])
    depth = int(K[c.MIO_ENTRIES])
    at = s.mio_at[q]
    ready[tt.MIO] = s.mio[q, (at - depth) & (ts.QUEUE - 1)] if at >= depth else 0.0
    first = s.members[q, 0]
    for slot in range(first, first + s.members[q, 1]):
        t = s.next[slot]
        if t > best or t > turn_at or t > mio_at:
            continue
        unit = s.unit[slot]
        t = max(floor, t, ready[unit])
        if unit == tt.TENSOR or unit == tt.XU:
            born = s.warp[slot, ts.BORN]
            if s.served[q, unit - tt.XU] >> (slot - first) & 1 == 0:
                born += UNSERVED
            if t < turn_at or (t == turn_at and born > turn_born):
                turn_at, turn_slot, turn_born = t, slot, born
        elif unit == tt.MIO:
            if t < mio_at:
                mio_at, mio_slot = t, slot
            elif t < NEVER:
                cta, other = s.where[slot, ts.CTA], s.where[mio_slot, ts.CTA]
                if cta < other or (cta == other and s.age[slot] < s.age[mio_slot]):
                    mio_slot = slot
        elif slot == last:
            last_at = t
        elif t < best:
            best, best_slot, best_age = t, slot, s.age[slot]
        elif t == best and t < NEVER and s.age[slot] < best_age:
            best_slot, best_age = slot, s.age[slot]
    if turn_at <= best:
        best, best_slot = turn_at, turn_slot
    if mio_at <= best:
        best, best_slot = mio_at, mio_slot
    if last_at < best or (last_at == best < NEVER and s.warp[last, ts.YIELDED] == 0.0):
        best, best_slot = last_at, last
    s.best[q] = best
    s.pick[q, 0] = best_slot


@fused
def _fetch(w: ts.Work, s: ts.State, K: Any, slot: int, pc: int, t: float) -> None:
    """A warp that comes to another line of code waits until it is there."""
    at = s.where[slot, ts.AT]
    if at >= s.where[slot, ts.END] or w.pc[at] >> LINE_SHIFT == pc >> LINE_SHIFT:
        return
    here = next_line(s.code, K, s.where[slot, ts.SM], slot, w.pc[at] >> LINE_SHIFT, t)
    s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], here)
    if s.next[slot] < here:
        s.next[slot], s.warp[slot, ts.REASON] = here, tt.FETCH


@inlined
def keep(row: Any, a: float, b: float, c: float, d: float) -> None:
    """Write four numbers into ``row``."""
    row[0], row[1], row[2], row[3] = a, b, c, d


@lean
def simulate(
    w: ts.Work, s: ts.State, m: Memory, r: ts.Result, K: Any, begin: Any, keep_events: bool
) -> float:
    """Run all CTAs; returns the time of the last issue.

    ``begin`` float64[sms, resident]: when the first CTA of each place starts.
    """
    sms = w.queue.shape[0]
    for place in range(w.resident):
        for sm in range(sms):
            n = s.at_queue[sm]
            if n < w.queue.shape[1] and w.queue[sm, n] >= 0:
                s.at_queue[sm] += 1
                start_cta(w, s, r, K, sm, place, w.queue[sm, n], begin[sm, place])
    subs = sms * 4
    now, soonest, lead = 0.0, s.soonest, s.lead
    low, high = 0, subs  # sub-cores whose candidates must be chosen again
    while True:
        for k in range(low, high):
            choose(s, K, k)
        for k in range(low // 4, (high + 3) // 4):
            first = 4 * k
            a = first if s.best[first] <= s.best[first + 1] else first + 1
            b = first + 2 if s.best[first + 2] <= s.best[first + 3] else first + 3
            lead[k] = a if s.best[a] <= s.best[b] else b
            soonest[k] = s.best[lead[k]]
        sm, t = 0, soonest[0]
        for k in range(1, sms):
            if soonest[k] < t:
                sm, t = k, soonest[k]
        if t >= NEVER:
            break
        q = lead[sm]
        slot = s.pick[q, 0]
        now = t
        record = s.where[slot, ts.AT]
        pc = w.pc[record]
        idle_from = s.last[q]
        gap = t - idle_from
        reason = int(s.warp[slot, ts.REASON])
        if gap > 0.0:
            if s.next[slot] < t:
                reason = tt.QUEUE if s.unit[slot] == tt.MIO else tt.PIPE
            r.reasons[q, reason] += gap
        r.reasons[q, tt.ISSUED] += 1.0
        r.issued[0] += 1
        place = s.where[slot, ts.PLACE]
        before, was_held = s.held[sm, place, ts.LIVE], s.held[sm, place, ts.HELD_CTA]
        kind = w.table[pc, tt.KIND]
        unit = w.table[pc, tt.UNIT]
        lite, was = s.free[q, tt.FMA_LITE], s.free[q, unit]
        lsu, port, hbm = m.lsu[sm], m.port[sm], m.shared[HBM_QUEUE]
        issue(w, s, m, r, K, q, slot, t)
        s.pick[q, 1] = slot
        late = s.bank[q] - t - K[c.BANK_SLACK]
        s.last[q] = t + 1.0 + max(0.0, np.floor(late))
        if s.code.lines > 0:
            _fetch(w, s, K, slot, pc, t)
        if keep_events and r.event_count[0] < r.events.shape[0]:
            if unit == tt.FMA_ANY:
                unit = tt.FMA_LITE if s.free[q, tt.FMA_LITE] != lite else tt.FMA_HEAVY
                was = t
            keep(r.events[r.event_count[0]], q, t, pc, slot)
            keep(r.events[r.event_count[0]][4:], reason, idle_from, s.last[q], unit)
            row = r.events[r.event_count[0]]
            row[8], row[9] = max(was, t), s.free[q, unit]
            keep(row[10:], max(lsu, t), m.lsu[sm], max(port, t), m.port[sm])
            row[14], row[15] = max(hbm, t), m.shared[HBM_QUEUE]
            r.event_count[0] += 1
        if s.where[slot, ts.AT] >= s.where[slot, ts.END] and s.warp[slot, ts.ARRIVED] == 0.0:
            retire(w, s, r, K, slot, t)
        low, high = q, q + 1
        ended = s.held[sm, place, ts.LIVE] != before or s.held[sm, place, ts.HELD_CTA] != was_held
        if kind == tt.CLUSTER_ARRIVE and s.held[sm, place, ts.CLUSTER_ARRIVALS] == 0:
            low, high = 0, subs  # it was the last: all go on
        elif kind == tt.MBAR_ARRIVE or kind == tt.BULK or (w.cluster > 1 and ended):
            low = (sm - sm % w.cluster) * 4
            high = min(low + 4 * w.cluster, subs)
        elif kind == tt.BARRIER or ended:
            low, high = sm * 4, sm * 4 + 4
    return now
