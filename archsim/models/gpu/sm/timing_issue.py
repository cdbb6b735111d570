"""What an issued instruction does to its warp, its sub-core and its CTA.

What happens seldom is a function of its own (`inner`): the core stays small and compiles sooner.
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import fused, inner
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.state import RANK_SLOTS
from archsim.models.gpu.sm.timing_access import memory
from archsim.models.gpu.sm.timing_barriers import (
    arrive,
    cluster_release,
    give,
    grid_release,
    hold,
    mbarrier,
    release,
    row_of,
    set_next,
)
from archsim.models.gpu.sm.timing_memory import NEVER, Memory
from archsim.models.gpu.sm.timing_remote import bulk
from archsim.models.gpu.sm.timing_wide import MOST


@inner
def start_cta(
    w: ts.Work, s: ts.State, r: ts.Result, K: Any, sm: int, place: int, cta: int, t: float
) -> None:
    """Put ``cta`` into place ``place`` of ``sm`` at ``t``; warps go to the sub-cores in turn."""
    s.held[sm, place, ts.ARRIVALS] = 0
    s.held[sm, place, ts.LIVE] = w.warps
    s.held[sm, place, ts.HELD_CTA] = cta
    s.held[sm, place, ts.CLUSTER_ARRIVALS] = 0
    r.start[cta] = t
    for i in range(w.warps):
        slot = s.slot_of[sm, place, i]
        s.where[slot, ts.CTA] = cta
        s.where[slot, ts.AT] = w.first[cta, i]
        s.where[slot, ts.END] = w.first[cta, i + 1]
        s.where[slot, ts.ROWS] = w.own[cta]
        s.where[slot, ts.COPY_GROUPS] = 0
        s.where[slot, ts.TENSOR_GROUPS] = 0
        for k in range(ts.WARP_COLUMNS):
            s.warp[slot, k] = 0.0
        s.warp[slot, ts.READY] = t + K[c.CTA_THREAD_CYCLES] * i
        q = slot // (s.next.shape[0] // s.members.shape[0])
        s.turn[q] += 1.0
        s.age[slot], s.warp[slot, ts.BORN] = -s.turn[q], s.turn[q]
        for unit in range(2):
            s.served[q, unit] &= ~(1 << (slot - s.members[q, 0]))
        for k in range(2 * ts.RING):
            s.ring[slot, k // ts.RING, k % ts.RING] = 0.0
        set_next(w, s, K, slot)


@fused
def _occupy(
    w: ts.Work, s: ts.State, r: ts.Result, K: Any, q: int, slot: int, pc: int, t: float
) -> int:
    """Hold the unit of an instruction; returns the unit."""
    unit, busy = w.table[pc, tt.UNIT], w.table[pc, tt.INTERVAL] * 0.1
    if unit == tt.FMA_ANY:
        unit = tt.FMA_LITE if s.free[q, tt.FMA_LITE] <= s.free[q, tt.FMA_HEAVY] else tt.FMA_HEAVY
    if unit == tt.TENSOR and w.table[pc, tt.KIND] == tt.WGMMA:  # it only queues
        start = max(t, s.port[q])
        s.port[q] = start + w.table[pc, tt.PORT] * 0.1
        start = max(start + w.table[pc, tt.LOAD_A] * 0.1, s.free[q, unit])
        s.free[q, unit] = start + busy
    elif unit < tt.MIO or unit == tt.UNIFORM or unit == tt.BRANCH:
        s.free[q, unit] = max(s.free[q, unit], t) + busy if unit == tt.TENSOR else t + busy
    else:
        return unit
    r.units[unit] += busy
    return unit


@fused
def queue_up(w: ts.Work, s: ts.State, K: Any, q: int, slot: int, pc: int) -> None:
    """Whether the warp keeps its place in the sub-core's queue after an instruction.

    It goes to the end after an instruction that yields or that waited for a scoreboard. The tensor
    core and the special functions serve every waiting warp once before one of them again. The
    youngest goes to the front instead once in `lead_turns`; once in `round_turns` its turn does not
    count.
    """
    row, first = w.table[pc], s.members[q, 0]
    yields = row[tt.FLAGS] & tt.FLAG_YIELD
    s.warp[slot, ts.YIELDED] = yields
    goes_round = row[tt.KIND] == tt.PLAIN and (row[tt.UNIT] == tt.TENSOR or row[tt.UNIT] == tt.XU)
    if not goes_round and not yields and row[tt.WAIT] == 0:
        return
    s.turn[q] += 1.0
    s.age[slot] = s.turn[q]
    counter = ts.ROUNDS if goes_round else ts.TURNS
    s.warp[slot, counter] += 1.0
    leads = s.warp[slot, counter] >= (K[c.ROUND_TURNS] if goes_round else K[c.LEAD_TURNS])
    if leads:
        s.warp[slot, counter] = 0.0
        for other in range(first, first + s.members[q, 1]):
            if s.where[other, ts.CTA] >= 0 and s.warp[other, ts.BORN] > s.warp[slot, ts.BORN]:
                leads = False
    if goes_round:
        unit, bit = row[tt.UNIT] - tt.XU, 1 << (slot - first)
        served = bit if s.served[q, unit] & bit else s.served[q, unit] | bit
        s.served[q, unit] = served & ~bit if leads else served
    elif leads:
        s.age[slot] = -s.turn[q]


@fused
def _plain(w: ts.Work, s: ts.State, K: Any, q: int, slot: int, pc: int, t: float) -> None:
    """Register banks, and what a taken branch, a call or a slow issue costs the warp."""
    row = w.table[pc]
    same = s.pick[q, 1] == slot
    even = row[tt.EVEN_REUSED] if same else row[tt.EVEN]
    odd = row[tt.ODD_REUSED] if same else row[tt.ODD]
    s.bank[q] = max(t, s.bank[q]) + max(1, even, odd)
    if row[tt.UNIT] == tt.FP64:  # it takes its operands as they are read
        s.free[q, tt.FP64] = max(s.free[q, tt.FP64], t + max(even, odd))
    if row[tt.FLAGS] & tt.FLAG_WIDE:
        wides = int(s.warp[slot, ts.WIDES])
        s.warp[slot, ts.WIDE_DONE + wides % MOST] = t + K[c.WIDE_RESULT_CYCLES]
        s.warp[slot, ts.WIDES] += 1.0
    if row[tt.UNIT] == tt.TENSOR:  # only the warp's next matrix instruction waits
        s.warp[slot, ts.TENSOR_LAST] = t + row[tt.COUNT]
    elif row[tt.COUNT] > 0:
        s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], t + row[tt.COUNT])
    if row[tt.UNIT] == tt.BRANCH:
        at = s.where[slot, ts.AT]
        if at < s.where[slot, ts.END] and w.pc[at] != pc + 1:
            far = row[tt.FLAGS] & tt.FLAG_CALL
            s.warp[slot, ts.READY] += K[c.CALL_CYCLES] if far else K[c.BRANCH_CYCLES]


@inner
def _different(row: Any, mask: int) -> int:
    """Different values among the lanes of ``mask``."""
    count = 0
    for lane in range(32):
        fresh = (mask >> lane) & 1 == 1
        for other in range(lane):
            fresh = fresh and not ((mask >> other) & 1 and row[other] == row[lane])
        count += fresh
    return max(1, count)


@inner
def _asynchronous(
    w: ts.Work, s: ts.State, m: Memory, K: Any, q: int, slot: int, pc: int, t: float
) -> float:
    """Cluster barriers, mbarriers, bulk copies, commit groups, matches; returns the result's
    time."""
    sm, place = s.where[slot, ts.SM], s.where[slot, ts.PLACE]
    record = s.where[slot, ts.AT] - 1
    kind, latency = w.table[pc, tt.KIND], w.table[pc, tt.LATENCY]
    ready = s.warp[slot, ts.READY]
    done = t + latency
    if kind == tt.CLUSTER_ARRIVE:
        s.held[sm, place, ts.CLUSTER_ARRIVALS] += 1
        s.warp[slot, ts.WAITS] = max(t, s.warp[slot, ts.STORES_DONE])
        if w.grid:
            grid_release(w, s, K)
        else:
            cluster_release(w, s, K, sm)
    elif kind == tt.CLUSTER_WAIT:
        if s.held[sm, place, ts.CLUSTER_ARRIVALS] > 0:
            s.warp[slot, ts.ARRIVED] = 2.0
        else:
            s.warp[slot, ts.READY] = max(ready, s.warp[slot, ts.WAITS])
    elif kind == tt.BULK:
        at = row_of(w, s, slot, record)
        if w.mask[record] != 0 and at >= 0:
            row, end = w.address[at], bulk(w, s, m, K, sm, w.address[at], t)
            for n in range(RANK_SLOTS, 32):
                if row[n] >= 0:
                    give(w, s, K, sm, row[n], end)
            if row[3] < 0:
                s.warp[slot, ts.STORES_DONE] = max(s.warp[slot, ts.STORES_DONE], end)
    elif kind == tt.MBAR_ARRIVE or kind == tt.MBAR_WAIT:
        done = mbarrier(w, s, K, slot, pc, record, t, latency)
    elif kind == tt.WGMMA:
        s.warp[slot, ts.TENSOR_DONE] = s.free[q, tt.TENSOR] + latency
        if w.table[pc, tt.FLAGS] & tt.FLAG_COMMIT:
            n = s.where[slot, ts.TENSOR_GROUPS]
            s.ring[slot, 1, n % ts.RING] = s.warp[slot, ts.TENSOR_DONE]
            s.where[slot, ts.TENSOR_GROUPS] += 1
    elif kind == tt.WGMMA_WAIT:
        n = s.where[slot, ts.TENSOR_GROUPS] - w.table[pc, tt.COUNT]
        if n > 0:
            s.warp[slot, ts.READY] = max(ready, s.ring[slot, 1, (n - 1) % ts.RING])
    elif kind == tt.COPY_COMMIT:
        n = s.where[slot, ts.COPY_GROUPS]
        s.ring[slot, 0, n % ts.RING] = s.warp[slot, ts.COPY_DONE]
        s.where[slot, ts.COPY_GROUPS] += 1
        done = max(t, s.warp[slot, ts.COPY_DONE])
    elif kind == tt.SCOREBOARD_WAIT:
        n = s.where[slot, ts.COPY_GROUPS] - w.table[pc, tt.COUNT]
        if n > 0:
            ready_at = s.ring[slot, 0, (n - 1) % ts.RING] + K[c.COPY_CYCLES]
            s.warp[slot, ts.READY] = max(ready, ready_at)
    elif kind == tt.MATCH:
        at, values = row_of(w, s, slot, record), 1
        if at >= 0 and w.table[pc, tt.COUNT] == 0:
            values = _different(w.address[at], int(w.mask[record]))
        s.match[sm] = max(t, s.match[sm]) + K[c.MATCH_PASS_CYCLES] * values
        done = max(done + K[c.MATCH_VALUE_CYCLES] * values, s.match[sm] + latency)
    elif kind == tt.FENCE:
        s.warp[slot, ts.READY] = max(t + K[c.FENCE_CYCLES], ready)
    return done


@fused
def issue(
    w: ts.Work, s: ts.State, m: Memory, r: ts.Result, K: Any, q: int, slot: int, t: float
) -> None:
    """Issue the next record of the warp in ``slot`` at ``t`` and set when its next one may go."""
    record = s.where[slot, ts.AT]
    pc = w.pc[record]
    kind = w.table[pc, tt.KIND]
    s.where[slot, ts.AT] += 1
    s.warp[slot, ts.READY] = t + max(1.0, float(w.table[pc, tt.STALL]))
    done, marks = t + w.table[pc, tt.LATENCY], 0.0
    unit = _occupy(w, s, r, K, q, slot, pc, t)
    queue_up(w, s, K, q, slot, pc)
    if kind == tt.PLAIN:
        _plain(w, s, K, q, slot, pc, t)
        marks = 2.0 if unit == tt.TENSOR else 0.0
    elif unit == tt.MIO and kind < tt.BULK:
        done = memory(w, s, m, K, q, slot, record, t)
        marks = 1.0 if kind in (tt.LOAD, tt.ATOMIC, tt.COPY_ASYNC) else 0.0
        if kind == tt.COPY_ASYNC:
            s.warp[slot, ts.COPY_DONE] = max(done, s.warp[slot, ts.COPY_DONE])
        if kind in (tt.STORE, tt.REDUCE, tt.ATOMIC):
            s.warp[slot, ts.STORES_DONE] = max(s.warp[slot, ts.STORES_DONE], done)
    elif kind == tt.CLOCK:
        n, at = r.clock_count[0], t
        if record > 0 and w.table[w.pc[record - 1], tt.KIND] == tt.BARRIER:
            at = s.warp[slot, ts.CAME] + 1.0  # a barrier blocks from the next instruction on
            for i in range(6):
                if (w.table[pc, tt.WAIT] >> i) & 1:
                    at = max(at, s.warp[slot, ts.SB0 + i])
        if n < r.clocks.shape[0]:
            r.clocks[n, 0], r.clocks[n, 1] = s.where[slot, ts.INDEX], at
            r.clocks[n, 2] = s.where[slot, ts.CTA]
            r.clock_count[0] += 1
    elif kind == tt.BARRIER:
        s.warp[slot, ts.CAME] = t
        arrive(w, s, K, slot, pc, t)
    else:
        done = _asynchronous(w, s, m, K, q, slot, pc, t)
    barrier = w.table[pc, tt.WRITE]
    if barrier < 6:
        hold(s, slot, barrier, done, marks)
    if s.warp[slot, ts.ARRIVED] > 0.0:
        s.next[slot] = NEVER
    else:
        set_next(w, s, K, slot)


@inner
def retire(w: ts.Work, s: ts.State, r: ts.Result, K: Any, slot: int, t: float) -> None:
    """The warp has issued its last record: when its CTA is done, the SM's next CTA starts."""
    sm, place, cta = s.where[slot, ts.SM], s.where[slot, ts.PLACE], s.where[slot, ts.CTA]
    last = max(t, s.warp[slot, ts.STORES_DONE])
    r.finish[cta] = max(r.finish[cta], last)
    s.where[slot, ts.CTA] = -1
    s.next[slot] = NEVER
    s.held[sm, place, ts.LIVE] -= 1
    live = s.held[sm, place, ts.LIVE]
    if live > 0:
        if s.held[sm, place, ts.ARRIVALS] >= live:
            release(w, s, K, sm, place, t + K[c.BARRIER_CYCLES])
        return
    first = sm - sm % w.cluster
    last_sm = min(first + w.cluster, s.held.shape[0])
    for other in range(first, last_sm):  # the next cluster starts when all its places are free
        if s.held[other, place, ts.LIVE] > 0:
            return
    for other in range(first, last_sm):
        n = s.at_queue[other]
        if n < w.queue.shape[1] and w.queue[other, n] >= 0:
            s.at_queue[other] += 1
            begin = max(t + K[c.CTA_CYCLES], K[c.CTA_RATE] * (n + 0.5))
            start_cta(w, s, r, K, other, place, w.queue[other, n], begin)
