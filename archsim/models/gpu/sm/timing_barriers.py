"""When warps may go on: scoreboards, barriers of CTAs, clusters and grids, mbarriers."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import fused, inner
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.timing_memory import NEVER
from archsim.models.gpu.sm.timing_wide import MOST


@fused
def hold(s: ts.State, slot: int, barrier: int, t: float, mark: float) -> None:
    """A scoreboard is released when the last of the instructions that hold it is done."""
    if t >= s.warp[slot, ts.SB0 + barrier]:
        s.warp[slot, ts.SB0 + barrier] = t
        s.warp[slot, ts.MARK0 + barrier] = mark


@fused
def row_of(w: ts.Work, s: ts.State, slot: int, record: int) -> int:
    """Address row of a record of the warp in ``slot``; -1: none."""
    n = w.nth[record]
    return int(w.rows[s.where[slot, ts.ROWS] + n]) if n >= 0 else -1


@fused
def set_next(w: ts.Work, s: ts.State, K: Any, slot: int) -> None:
    """Earliest issue of the warp's next record from its stall and its scoreboards; its reason."""
    at = s.where[slot, ts.AT]
    if at >= s.where[slot, ts.END]:
        s.next[slot] = NEVER
        return
    t, reason = s.warp[slot, ts.READY], tt.FIXED
    pc = w.pc[at]
    s.unit[slot] = w.table[pc, tt.QUEUED_UNIT]
    if s.unit[slot] == tt.TENSOR:
        t = max(t, s.warp[slot, ts.TENSOR_LAST])
    back = w.table[pc, tt.FLAGS] >> tt.READS_WIDE_SHIFT & 7
    if back:
        t = max(t, s.warp[slot, ts.WIDE_DONE + (int(s.warp[slot, ts.WIDES]) - back) % MOST])
    if w.table[pc, tt.FLAGS] & tt.FLAG_WIDE:
        t += K[c.WIDE_NEXT_CYCLES]
    wait = w.table[pc, tt.WAIT]
    b = 0
    while wait:
        if wait & 1 and s.warp[slot, ts.SB0 + b] > t:
            t = s.warp[slot, ts.SB0 + b]
            kind = int(s.warp[slot, ts.MARK0 + b])
            reason = tt.LONG if kind == 1 else tt.TENSOR_WAIT if kind == 2 else tt.SHORT
        wait >>= 1
        b += 1
    s.next[slot] = t
    s.warp[slot, ts.REASON] = reason


@inner
def release(w: ts.Work, s: ts.State, K: Any, sm: int, place: int, t: float) -> None:
    """All warps of the CTA have arrived at its barrier: they go on at ``t``."""
    s.held[sm, place, ts.ARRIVALS] = 0
    for i in range(w.warps):
        slot = s.slot_of[sm, place, i]
        if s.where[slot, ts.CTA] >= 0 and s.warp[slot, ts.ARRIVED] == 1.0:
            s.warp[slot, ts.ARRIVED] = 0.0
            s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], t)
            set_next(w, s, K, slot)
            s.warp[slot, ts.REASON] = tt.BARRIER_WAIT


@inner
def grid_release(w: ts.Work, s: ts.State, K: Any) -> None:
    """All CTAs have arrived at the grid's barrier: they go on after its atomics and polls."""
    arrived, live, fullest, latest = 0, 0, 0, 0.0
    for sm in range(s.held.shape[0]):
        here = 0
        for place in range(w.resident):
            arrived += s.held[sm, place, ts.CLUSTER_ARRIVALS]
            here += s.held[sm, place, ts.LIVE]
        live, fullest = live + here, max(fullest, here)
    if arrived < live:
        return
    for slot in range(s.next.shape[0]):
        if s.where[slot, ts.CTA] >= 0:
            latest = max(latest, s.warp[slot, ts.WAITS])
    latest += K[c.GRID_BARRIER_CYCLES] + K[c.ATOMIC_WORD_CYCLES] * live / w.warps / K[c.SHARE]
    latest += K[c.GRID_BARRIER_WARP_CYCLES] * fullest
    latest += K[c.GRID_BARRIER_CTA_CYCLES] * (fullest / w.warps - 1.0)
    for slot in range(s.next.shape[0]):
        if s.where[slot, ts.CTA] < 0:
            continue
        s.held[s.where[slot, ts.SM], s.where[slot, ts.PLACE], ts.CLUSTER_ARRIVALS] = 0
        s.warp[slot, ts.WAITS] = latest
        if s.warp[slot, ts.ARRIVED] == 2.0:
            s.warp[slot, ts.ARRIVED] = 0.0
            s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], latest)
            set_next(w, s, K, slot)
            s.warp[slot, ts.REASON] = tt.BARRIER_WAIT


@inner
def cluster_release(w: ts.Work, s: ts.State, K: Any, sm: int) -> None:
    """Let the waiting warps of the clusters whose CTAs have all arrived go on."""
    sms = s.held.shape[0]
    base = (sm // w.cluster) * w.cluster
    end = min(base + w.cluster, sms)
    for place in range(w.resident):
        arrived, live, latest = 0, 0, 0.0
        for other in range(base, end):
            arrived += s.held[other, place, ts.CLUSTER_ARRIVALS]
            live += s.held[other, place, ts.LIVE]
        if live == 0 or arrived < live:
            continue
        for other in range(base, end):
            s.held[other, place, ts.CLUSTER_ARRIVALS] = 0
            for i in range(w.warps):
                slot = s.slot_of[other, place, i]
                if s.where[slot, ts.CTA] >= 0:
                    latest = max(latest, s.warp[slot, ts.WAITS])
        few = K[c.CLUSTER_BARRIER_CYCLES] + K[c.CLUSTER_BARRIER_WARP_CYCLES] * (w.warps - 1)
        many = K[c.CLUSTER_BARRIER_MANY_CYCLES] + K[c.CLUSTER_BARRIER_QUEUE_CYCLES] * w.warps
        extra = max(few, many) + K[c.CLUSTER_BARRIER_SIZE_CYCLES] * np.log2(w.cluster)
        for other in range(base, end):
            for i in range(w.warps):
                slot = s.slot_of[other, place, i]
                if s.where[slot, ts.CTA] < 0:
                    continue
                s.warp[slot, ts.WAITS] = latest + extra
                if s.warp[slot, ts.ARRIVED] == 2.0:
                    s.warp[slot, ts.ARRIVED] = 0.0
                    s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], s.warp[slot, ts.WAITS])
                    set_next(w, s, K, slot)
                    s.warp[slot, ts.REASON] = tt.BARRIER_WAIT


@inner
def arrive(w: ts.Work, s: ts.State, K: Any, slot: int, pc: int, t: float) -> None:
    """An arrival at the CTA's barrier."""
    sm, place = s.where[slot, ts.SM], s.where[slot, ts.PLACE]
    s.held[sm, place, ts.ARRIVALS] += 1
    if w.table[pc, tt.FLAGS] & tt.FLAG_COMMIT == 0:
        s.warp[slot, ts.ARRIVED] = 1.0
    live = s.held[sm, place, ts.LIVE]
    if s.held[sm, place, ts.ARRIVALS] >= live:
        wait = K[c.BARRIER_CYCLES] + K[c.BARRIER_WARP_CYCLES] * live
        release(w, s, K, sm, place, t + wait)


@fused
def give(w: ts.Work, s: ts.State, K: Any, sm: int, event: int, t: float) -> None:
    """A contribution to a phase of an mbarrier at ``t``; the last one lets its waiters go on."""
    w.done[event] = max(w.done[event], t)
    w.pending[event] -= 1
    if w.pending[event] > 0:
        return
    base = sm - sm % w.cluster
    for other in range(base, min(base + w.cluster, s.held.shape[0])):
        for place in range(w.resident):
            for i in range(w.warps):
                slot = s.slot_of[other, place, i]
                waits = s.where[slot, ts.CTA] >= 0 and s.warp[slot, ts.ARRIVED] == 3.0
                if waits and s.warp[slot, ts.EVENT] == event:
                    pc = w.pc[s.where[slot, ts.AT] - 1]
                    barrier = w.table[pc, tt.WRITE]
                    if barrier < 6:
                        s.warp[slot, ts.SB0 + barrier] = w.done[event] + w.table[pc, tt.LATENCY]
                    s.warp[slot, ts.ARRIVED] = 0.0
                    s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], w.done[event])
                    set_next(w, s, K, slot)
                    s.warp[slot, ts.REASON] = tt.BARRIER_WAIT


@fused
def mbarrier(
    w: ts.Work, s: ts.State, K: Any, slot: int, pc: int, record: int, t: float, latency: float
) -> float:
    """Arrivals at mbarriers and waits for their phases; returns the result's time."""
    sm, done = s.where[slot, ts.SM], t + latency
    place, mask = row_of(w, s, slot, record), int(w.mask[record])
    if place < 0 or mask == 0:
        return done
    row = w.address[place]
    if w.table[pc, tt.KIND] == tt.MBAR_ARRIVE:
        at = done
        if w.table[pc, tt.FLAGS] & tt.FLAG_COMMIT:
            at = max(at, s.warp[slot, ts.COPY_DONE] + K[c.COPY_CYCLES])
        for lane in range(32):
            if row[lane] >= 0 and (mask >> lane) & 1:
                give(w, s, K, sm, row[lane], at)
        return done
    for lane in range(32):
        if row[lane] < 0 or not (mask >> lane) & 1:
            continue
        if w.pending[row[lane]] > 0:
            s.warp[slot, ts.ARRIVED], s.warp[slot, ts.EVENT] = 3.0, row[lane]
            return NEVER
        done = max(done, w.done[row[lane]] + latency)
        s.warp[slot, ts.READY] = max(s.warp[slot, ts.READY], w.done[row[lane]])
    return done
