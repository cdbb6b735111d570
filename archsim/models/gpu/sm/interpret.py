"""The compiled interpreter: runs the warps of a gang of CTAs until they end, fault or need room."""

from __future__ import annotations

from typing import Any

from numba import int64, uint32

from archsim.engine.jit import inlined, lean
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import control, dispatch
from archsim.models.gpu.sm import lanes_bits as bit
from archsim.models.gpu.sm import lanes_integer as integer
from archsim.models.gpu.sm import lanes_memory as mem
from archsim.models.gpu.sm import lanes_warp as warp
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.dispatch import FAILED, FALLS, JUMPED, WAITED
from archsim.models.gpu.sm.gang import Gang, Log

SLICE = 4096  # instructions of one warp before the next one runs


@inlined
def _branch(g: Any, pc: Any, wb: Any, pb: Any, w: Any, n: Any, mask: Any, active: Any) -> int:
    code, S, W = g.code, g.S, g.W
    taken = mask & integer.predicate_mask(g.P, pb, code[pc, col.PS0])
    how = code[pc, col.SUB]
    if how == 1 and taken:
        taken = active
    elif how == 2 or how == 3:
        apart = active != uint32(W[w, st.ALIVE])
        taken = mask if apart == (how == 2) else uint32(0)
    if taken == uint32(0):
        return FALLS
    if taken != active:
        S[w, n, st.LANES] = int64(active & ~taken)
        S[w, n, st.PC] = pc + 1
        control.new_split(S, W, w, code[pc, col.IMM], taken)
    else:
        S[w, n, st.PC] = code[pc, col.IMM]
    return JUMPED


@inlined
def _synchronise(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any, n: Any, mask: Any,
                 active: Any) -> int:  # fmt: skip
    """``BSSY``, ``BSYNC``, ``BREAK``, ``WARPSYNC``, ``BMOV``."""
    code, S, W, Y = g.code, g.S, g.W, g.Y
    number = code[pc, col.SUB]
    if op == col.BSSY:
        Y[w, number] |= active  # lanes join: splits may enter a region one after another
    elif op == col.BREAK:
        Y[w, number] &= ~(mask & integer.predicate_mask(g.P, pb, code[pc, col.PS0]))
        control.release_convergence(S, W, w, Y, number, uint32(0))
    elif op == col.BMOV:
        a, d = integer.place(code[pc, col.A], wb), integer.place(code[pc, col.D], wb)
        if code[pc, col.EXTRA]:
            saved = g.R[a + warp.lowest_lane(mask)]
            Y[w, number] = (Y[w, number] & ~mask) | (saved & mask)
        else:
            warp.broadcast(g.R, d, Y[w, number], mask)
            if code[pc, col.IMM]:
                Y[w, number] &= ~mask
    else:
        S[w, n, st.PC] = pc
        if op == col.BSYNC:
            if Y[w, number] & active == uint32(0):
                return FALLS
            S[w, n, st.STATUS_OF], S[w, n, st.ARGUMENT] = st.WAITS_CONVERGENCE, number
            control.release_convergence(S, W, w, Y, number, uint32(0))
        else:
            lanes = g.R[integer.place(code[pc, col.A], wb) + warp.lowest_lane(mask)]
            S[w, n, st.STATUS_OF], S[w, n, st.ARGUMENT] = st.WAITS_WARP, int64(lanes)
            control.release_warp(S, W, w)
        return JUMPED
    return FALLS


@inlined
def _control(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any, n: Any, mask: Any,
             active: Any) -> int:  # fmt: skip
    S, W, K = g.S, g.W, g.K
    if op == col.BRA:
        return _branch(g, pc, wb, pb, w, n, mask, active)
    if op == col.EXIT:
        S[w, n, st.LANES], S[w, n, st.PC] = int64(active & ~mask), pc + 1
        control.leave(S, W, w, g.Y, g.L, g.B, K, mask)
        return JUMPED
    if op == col.RET or op == col.BRX:
        a = integer.place(g.code[pc, col.A], wb)
        base = g.code[pc, col.IMM] if op == col.BRX else int64(0)
        good = control.jump_by_lane(S, W, w, n, g.R, a, base, mask, active & ~mask, pc,
                                    g.code.shape[0])  # fmt: skip
        if not good:
            lane = warp.lowest_lane(mask)
            mem.fail(g.F, st.BAD_JUMP, pc, w, lane, int64(g.R[a + lane]) + base, 0)
            return FAILED
        return JUMPED
    if op == col.BAR:
        goes = control.barrier(g.R, g.P, g.code, pc, wb, pb, S, W, w, g.L, g.B, mask)
        return FALLS if goes else JUMPED
    if op == col.YIELD:
        S[w, n, st.PC] = pc + 1
        control.give_way(S, W, w, g.Y, active)
        return JUMPED
    if op == col.CGA_ARRIVE:
        head = W[w, st.HEAD]
        W[w, st.CLUSTER_PHASE] = K[head, 1]
        K[head, 0] += int64(bit.popcount(mask))
        control.check_cluster(S, W, w, g.L, g.B, K)
        return FALLS
    if op == col.CGA_WAIT:
        head = W[w, st.HEAD]
        if K[head, 1] > W[w, st.CLUSTER_PHASE]:
            return FALLS
        S[w, n, st.PC], S[w, n, st.STATUS_OF] = pc, st.WAITS_CLUSTER
        return JUMPED
    return _synchronise(op, g, pc, wb, pb, w, n, mask, active)


@inlined
def _record(log: Any, w: Any, pc: Any, mask: Any, A: Any, touches: bool) -> None:
    n, row = log.used[0], log.used[1]
    log.warp[n], log.pc[n], log.mask[n], log.mem[n] = w, pc, mask, -1
    log.used[0] = n + 1
    if touches and mask:
        log.mem[n] = row
        for lane in range(32):
            log.address[row, lane] = A[lane]
        log.used[1] = row + 1


@inlined
def _execute(op: Any, g: Any, pc: Any, wb: Any, pb: Any, w: Any, n: Any, mask: Any, active: Any,
             force: Any) -> int:  # fmt: skip
    """One instruction with at least one executing lane."""
    if op >= col.BRA:
        return _control(op, g, pc, wb, pb, w, n, mask, active)
    if op >= col.SYNCS:
        return dispatch.asynchronous(op, g, pc, wb, pb, w, mask, force)
    if op >= col.HMMA:
        if op == col.WGMMA:
            a, b = integer.place(g.code[pc, col.A], wb), integer.place(g.code[pc, col.B], wb)
            g.A[:] = -1
            g.A[0] = int64(mem.descriptor_word(g.R, a)) if g.code[pc, col.EXTRA] else int64(-1)
            g.A[1] = int64(mem.descriptor_word(g.R, b))
        return FALLS if dispatch.matrices(op, g, pc, wb, pb, w) else FAILED
    if op >= col.LOAD:
        return FALLS if dispatch.memory(op, g, pc, wb, pb, w, mask) else FAILED
    if op == col.ADDRESS_SPACE:
        mem.addresses(g.R, g.code, pc, wb, mask, g.A)
        mem.address_space(g.R, g.P, g.code, pc, pb, g.A, mask)
    elif op >= col.PLOP3:
        if op == col.MATCH:
            warp.match_values(g.R, g.code, pc, wb, mask, g.A)
        dispatch.warp_wide(op, g.R, g.P, g.code, pc, wb, pb, g.W, w, g.T, mask, active)
    elif op >= col.FARITH:
        dispatch.floats(op, g.R, g.P, g.code, pc, wb, pb, mask)
    else:
        dispatch.integers(op, g.R, g.P, g.code, pc, wb, pb, mask)
    return FALLS


@inlined
def _run_warp(g: Any, log: Any, w: Any, budget: Any, force: Any) -> int:
    """Run one warp for at most ``budget`` instructions; returns how it stopped."""
    code, S, W = g.code, g.S, g.W
    wb, pb, tracing = W[w, st.REGISTERS], W[w, st.PREDICATES], g.L[st.TRACE]
    n = W[w, st.CURRENT]
    for _ in range(budget):
        if S[w, n, st.STATUS_OF] == st.WAITS_PHASE and S[w, n, st.LANES] != 0:
            S[w, n, st.STATUS_OF] = st.READY  # look at the barrier again
        elif S[w, n, st.STATUS_OF] != st.READY or S[w, n, st.LANES] == 0:
            if not control.next_split(S, W, w):
                return st.DONE
            n = W[w, st.CURRENT]
            S[w, n, st.STATUS_OF] = st.READY
        pc, active = S[w, n, st.PC], uint32(S[w, n, st.LANES])
        op = code[pc, col.OP]
        if tracing and (log.used[0] >= log.pc.shape[0] or log.used[1] >= log.address.shape[0]):
            return st.GROW
        mask = active & integer.predicate_mask(g.P, pb, code[pc, col.GUARD])
        result = FALLS
        if mask and op != col.NOP:
            lanes = uint32(integer.ALL) if code[pc, col.UNIFORM] and op < col.SYNCS else mask
            result = _execute(op, g, pc, wb, pb, w, n, lanes, active, force)
        if result == FAILED:
            return st.FAULT
        if result == WAITED:
            S[w, n, st.STATUS_OF] = st.WAITS_PHASE
            if not control.next_split(S, W, w) or W[w, st.CURRENT] == n:
                return st.DONE
            n = W[w, st.CURRENT]
            continue
        if tracing:
            touches = (op >= col.LOAD and op <= col.STSM) or (op >= col.SYNCS and op < col.BRA)
            _record(log, w, pc, mask, g.A, touches or op == col.WGMMA or op == col.MATCH)
        W[w, st.EXECUTED] += 1
        if result == FALLS:
            S[w, n, st.PC] = pc + 1
        else:
            n = W[w, st.CURRENT]
    control.next_split(S, W, w)
    return st.DONE


@lean
def run(g: Gang, log: Log, limit: int) -> int:
    """Run all warps; returns DONE, GROW (the log is full), FAULT, DEADLOCK or LIMIT.

    It can be called again after GROW. ``limit`` bounds the instructions of one warp.
    """
    W, forced = g.W, 0
    while True:
        moved, alive = False, False
        for w in range(W.shape[0]):
            if W[w, st.ALIVE] == 0:
                continue
            alive = True
            before = W[w, st.EXECUTED]
            status = _run_warp(g, log, w, SLICE, forced > 0 and not moved)
            if status != st.DONE:
                return status
            moved = moved or W[w, st.EXECUTED] != before
            if W[w, st.EXECUTED] > limit:
                g.F[2] = w
                return int(st.LIMIT)
        if not alive:
            return int(st.DONE)
        if moved:
            forced = 0
        else:
            forced += 1
            if forced > 2:
                return int(st.DEADLOCK)
