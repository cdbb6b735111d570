"""Divergence, reconvergence and barriers of warps (compiled).

Lanes of a warp that run together are a *split*. A branch that only some lanes take makes a second
split; ``BSYNC`` and ``WARPSYNC`` join splits again. A split runs until it waits; then another of
its warp runs, so that threads make progress independently of each other.
"""

from __future__ import annotations

from typing import Any

from numba import int64, uint32

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.lanes_bits import popcount
from archsim.models.gpu.sm.lanes_integer import ALL, place, predicate_mask
from archsim.models.gpu.sm.lanes_warp import lowest_lane


@inner
def new_split(S: Any, W: Any, w: Any, pc: Any, lanes: Any) -> None:
    """A ready split in the first free place."""
    n = 0
    while n < W[w, st.SPLITS] and S[w, n, st.LANES] != 0:
        n += 1
    S[w, n, st.PC], S[w, n, st.LANES] = pc, int64(lanes)
    S[w, n, st.STATUS_OF], S[w, n, st.ARGUMENT] = st.READY, 0
    W[w, st.SPLITS] = max(W[w, st.SPLITS], n + 1)


@inner
def next_split(S: Any, W: Any, w: Any) -> bool:
    """Make the next ready split current, after the current one in turn; False when none is."""
    count = W[w, st.SPLITS]
    for step in range(1, count + 1):
        n = (W[w, st.CURRENT] + step) % count
        ready = S[w, n, st.STATUS_OF] == st.READY or S[w, n, st.STATUS_OF] == st.WAITS_PHASE
        if S[w, n, st.LANES] != 0 and ready:
            W[w, st.CURRENT] = n
            return True
    return False


@inner
def _waits_at(S: Any, w: Any, n: Any, barrier: Any) -> bool:
    waits = S[w, n, st.LANES] != 0 and S[w, n, st.STATUS_OF] == st.WAITS_CONVERGENCE
    return bool(waits and S[w, n, st.ARGUMENT] == barrier)


@inner
def release_convergence(S: Any, W: Any, w: Any, Y: Any, barrier: Any, exempt: Any) -> None:
    """Let splits go on that wait at a convergence barrier once all its lanes do; those at one
    place are joined.

    Lanes of ``exempt`` are not waited for.
    """
    wanted = Y[w, barrier] & uint32(W[w, st.ALIVE]) & ~exempt
    waiting = uint32(0)
    for n in range(W[w, st.SPLITS]):
        if _waits_at(S, w, n, barrier):
            waiting |= uint32(S[w, n, st.LANES])
    if waiting == uint32(0) or (wanted & ~waiting) != uint32(0):
        return
    Y[w, barrier] &= ~waiting
    for n in range(W[w, st.SPLITS]):
        if not _waits_at(S, w, n, barrier):
            continue
        for m in range(n + 1, W[w, st.SPLITS]):  # a barrier's number is used at many places
            if _waits_at(S, w, m, barrier) and S[w, m, st.PC] == S[w, n, st.PC]:
                S[w, n, st.LANES] |= S[w, m, st.LANES]
                S[w, m, st.LANES] = 0
        S[w, n, st.STATUS_OF] = st.READY
        S[w, n, st.PC] += 1


@inner
def give_way(S: Any, W: Any, w: Any, Y: Any, lanes: Any) -> None:
    """``YIELD`` of ``lanes``: splits that wait only for them go on, as a lock's owner must."""
    for n in range(16):
        if Y[w, n]:
            release_convergence(S, W, w, Y, n, lanes)
    next_split(S, W, w)


@inner
def release_warp(S: Any, W: Any, w: Any) -> None:
    """Let splits go on whose ``WARPSYNC`` lanes all wait; those at one place are joined."""
    waiting = uint32(0)
    for n in range(W[w, st.SPLITS]):
        if S[w, n, st.LANES] and S[w, n, st.STATUS_OF] == st.WAITS_WARP:
            waiting |= uint32(S[w, n, st.LANES])
    for n in range(W[w, st.SPLITS]):
        if S[w, n, st.LANES] == 0 or S[w, n, st.STATUS_OF] != st.WAITS_WARP:
            continue
        if uint32(S[w, n, st.ARGUMENT]) & uint32(W[w, st.ALIVE]) & ~waiting:
            continue
        S[w, n, st.STATUS_OF] = st.READY
        S[w, n, st.PC] += 1
        for m in range(n):
            same = S[w, m, st.LANES] != 0 and S[w, m, st.STATUS_OF] == st.READY
            if same and S[w, m, st.PC] == S[w, n, st.PC]:
                S[w, m, st.LANES] |= S[w, n, st.LANES]
                S[w, n, st.LANES] = 0
                break


@inner
def _alive_threads(W: Any, L: Any, cta: Any) -> Any:
    total = int64(0)
    first = cta * L[st.WARPS_PER_CTA]
    for w in range(first, first + L[st.WARPS_PER_CTA]):
        total += int64(popcount(uint32(W[w, st.ALIVE])))
    return total


@inner
def _release_barrier(S: Any, W: Any, L: Any, B: Any, cta: Any, number: Any) -> None:
    first = cta * L[st.WARPS_PER_CTA]
    for w in range(first, first + L[st.WARPS_PER_CTA]):
        for n in range(W[w, st.SPLITS]):
            waits = S[w, n, st.LANES] != 0 and S[w, n, st.STATUS_OF] == st.WAITS_BARRIER
            if waits and S[w, n, st.ARGUMENT] & int64(15) == number:
                S[w, n, st.STATUS_OF] = st.READY
                S[w, n, st.PC] += 1
                W[w, st.RESULT] = B[cta, number, st.REDUCTION]
    B[cta, number, st.ARRIVED] = B[cta, number, st.ARRIVED_WHOLE] = 0
    B[cta, number, st.REDUCTION] = 0
    B[cta, st.EPOCH_ROW, 0] += 1


@inner
def check_barriers(S: Any, W: Any, L: Any, B: Any, cta: Any) -> None:
    """Release barriers of all live threads after one of them has left."""
    alive = _alive_threads(W, L, cta)
    for number in range(16):
        arrived = B[cta, number, st.ARRIVED]
        if arrived and B[cta, number, 3] == 0 and arrived >= alive:
            _release_barrier(S, W, L, B, cta, number)


@inner
def barrier(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, S: Any, W: Any, w: Any, L: Any,
            B: Any, mask: Any) -> bool:  # fmt: skip
    """``BAR``: arrive, and say whether the split goes on at once; releases when complete."""
    cta, lane = W[w, st.CTA], lowest_lane(mask)
    word = int64(R[place(code[pc, col.A], wb) + lane])
    number, count = word & int64(15), int64(R[place(code[pc, col.B], wb) + lane])
    if code[pc, col.IMM]:
        count = (int64(R[place(code[pc, col.B], wb) + lane]) >> 16) & int64(0xFFF)
    threads = int64(popcount(mask))
    whole = int64(32) if mask == uint32(W[w, st.ALIVE]) else threads
    true = popcount(predicate_mask(P, pb, code[pc, col.PS0]) & mask)
    kind = code[pc, col.EXTRA]
    fresh = B[cta, number, st.ARRIVED] == 0
    B[cta, number, st.ARRIVED] += threads
    B[cta, number, st.ARRIVED_WHOLE] += whole
    B[cta, number, 3] = count if code[pc, col.C] else 0
    if kind == 1:
        B[cta, number, st.REDUCTION] += int64(true)
    elif kind == 2:
        old = int64(ALL) if fresh else B[cta, number, st.REDUCTION]
        B[cta, number, st.REDUCTION] = old if int64(true) == threads else int64(0)
    elif kind == 3:
        B[cta, number, st.REDUCTION] |= int64(ALL) if true else int64(0)
    waits = code[pc, col.SUB] == 0
    if waits:
        n = W[w, st.CURRENT]
        S[w, n, st.STATUS_OF], S[w, n, st.ARGUMENT], S[w, n, st.PC] = st.WAITS_BARRIER, number, pc
    if code[pc, col.C]:
        complete = B[cta, number, st.ARRIVED_WHOLE] >= count
    else:
        complete = B[cta, number, st.ARRIVED] >= _alive_threads(W, L, cta)
    if complete:
        _release_barrier(S, W, L, B, cta, number)
    return not waits


@inner
def barrier_result(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, W: Any, w: Any,
                   mask: Any) -> None:  # fmt: skip
    """``B2R.RESULT``: the count or truth of the last barrier reduction."""
    d, value = place(code[pc, col.D], wb), uint32(W[w, st.RESULT] & int64(ALL))
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            R[d + lane] = value
    n = pb + code[pc, col.PD0]
    P[n] = (P[n] & ~mask) | (mask if value else uint32(0))


@inner
def _cluster_threads(W: Any, L: Any, first_cta: Any) -> Any:
    total = int64(0)
    for cta in range(first_cta, first_cta + L[st.TOGETHER]):
        total += _alive_threads(W, L, cta)
    return total


@inner
def check_cluster(S: Any, W: Any, w: Any, L: Any, B: Any, K: Any) -> None:
    """Complete the barrier of a cluster, or of the grid, when all its live threads are there."""
    head = W[w, st.HEAD]
    if K[head, 0] == 0 or K[head, 0] < _cluster_threads(W, L, head):
        return
    K[head, 0] = 0
    K[head, 1] += 1
    for v in range(head * L[st.WARPS_PER_CTA], (head + L[st.TOGETHER]) * L[st.WARPS_PER_CTA]):
        B[W[v, st.CTA], st.EPOCH_ROW, 0] += 1
        for n in range(W[v, st.SPLITS]):
            if S[v, n, st.LANES] != 0 and S[v, n, st.STATUS_OF] == st.WAITS_CLUSTER:
                S[v, n, st.STATUS_OF] = st.READY
                S[v, n, st.PC] += 1


@inner
def leave(S: Any, W: Any, w: Any, Y: Any, L: Any, B: Any, K: Any, mask: Any) -> None:
    """``EXIT`` of the lanes in ``mask``: whatever waits only for them goes on."""
    W[w, st.ALIVE] &= ~int64(mask)
    for n in range(16):
        if Y[w, n]:
            release_convergence(S, W, w, Y, n, uint32(0))
    release_warp(S, W, w)
    check_barriers(S, W, L, B, W[w, st.CTA])
    check_cluster(S, W, w, L, B, K)


@inner
def jump_by_lane(S: Any, W: Any, w: Any, split: Any, R: Any, a: Any, base: Any, mask: Any,
                 rest: Any, pc: Any, size: Any) -> bool:  # fmt: skip
    """Indirect jumps: one split per target; False when a target lies outside the program."""
    S[w, split, st.LANES] = int64(rest)
    S[w, split, st.PC] = pc + 1
    left = mask
    while left:
        lane = lowest_lane(left)
        target = (int64(R[a + lane]) + base) & int64(0xFFFFFFFF)
        same = uint32(0)
        for other in range(32):
            here = (left >> uint32(other)) & uint32(1) and R[a + other] == R[a + lane]
            same |= uint32(here) << uint32(other)
        if target & int64(15) or (target >> 4) >= size:
            return False
        new_split(S, W, w, target >> 4, same)
        left &= ~same
    return True
