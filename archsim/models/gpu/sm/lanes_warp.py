"""Warp-wide instructions: shuffles, votes, matches, reductions, special registers (compiled)."""

from __future__ import annotations

from typing import Any

from numba import int64, uint32

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import specials as sr
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.lanes_bits import popcount
from archsim.models.gpu.sm.lanes_integer import ALL, place, predicate_mask, set_predicate

SCRATCH = 31 * 32  # the last of the rows that writes to zero registers go to
_D, _A, _B, _C, _SUB, _PD0, _PS0 = col.D, col.A, col.B, col.C, col.SUB, col.PD0, col.PS0


@inner
def lowest_lane(mask: Any) -> Any:
    """Number of the lowest set bit of a mask that is not 0."""
    return int64(popcount((mask & (~mask + uint32(1))) - uint32(1)))


@inner
def broadcast(R: Any, d: Any, value: Any, mask: Any) -> None:
    """Write one value to the lanes of ``mask``."""
    for lane in range(32):
        R[d + lane] = value if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inner
def vote(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any, active: Any) -> None:
    """``VOTE``: of the executing lanes: all, any, or all equal; the register gets the ballot.

    ``VOTEU`` writes uniform registers, for which ``mask`` has all lanes; those of ``active`` vote.
    """
    voters = active if code[pc, col.UNIFORM] else mask
    true = predicate_mask(P, pb, code[pc, _PS0]) & voters
    sub = code[pc, _SUB]
    if sub == 0:
        result = true == voters
    elif sub == 1:
        result = true != 0
    else:
        result = true == voters or true == 0
    lanes = uint32(ALL) if code[pc, col.UNIFORM] else mask
    broadcast(R, place(code[pc, _D], wb), true, lanes)
    set_predicate(P, pb, code[pc, _PD0], uint32(ALL) if result else uint32(0), lanes)


@inner
def shfl(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``SHFL``: values of other lanes; a lane out of its segment keeps its own value."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    kind = code[pc, _SUB]
    inside = uint32(0)
    for lane in range(32):  # the target may be the source
        R[SCRATCH + lane] = R[a + lane]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        step, control = int64(R[b + lane] & uint32(31)), int64(R[c + lane])
        segment, clamp = (control >> 8) & int64(31), control & int64(31)
        least = lane & segment
        most = least | (clamp & ~segment)
        if kind == 0:
            source = least | (step & ~segment)
            valid = source <= most
        elif kind == 1:
            source = lane - step
            valid = source >= most
        elif kind == 2:
            source = lane + step
            valid = source <= most
        else:
            source = lane ^ step
            valid = source <= most
        source = source if valid else int64(lane)
        inside |= uint32(valid) << uint32(lane)
        R[d + lane] = R[SCRATCH + source]
    set_predicate(P, pb, code[pc, _PD0], inside, mask)


@inner
def match(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``MATCH``: lanes with the same value; ``.ALL``: whether all have it."""
    d, a, sub = place(code[pc, _D], wb), place(code[pc, _A], wb), code[pc, _SUB]
    wide = 32 if sub & int64(2) else 0
    every = True
    first = lowest_lane(mask)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        same = uint32(0)
        for other in range(32):
            equal = R[a + lane] == R[a + other] and R[a + wide + lane] == R[a + wide + other]
            same |= uint32(equal) << uint32(other)
        every = every and ((same >> uint32(first)) & uint32(1)) != 0
        R[SCRATCH + lane] = same & mask  # the target may be the source
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            v = R[SCRATCH + lane]
            if sub & int64(1):
                v = mask if every else uint32(0)
            R[d + lane] = v
    set_predicate(P, pb, code[pc, _PD0], uint32(ALL) if every else uint32(0), mask)


@inner
def match_values(R: Any, code: Any, pc: Any, wb: Any, mask: Any, A: Any) -> None:
    """The values that ``MATCH`` compares, into ``A``: what it takes depends on how many differ."""
    a = place(code[pc, _A], wb)
    wide = 32 if code[pc, _SUB] & int64(2) else 0
    for lane in range(32):
        A[lane] = int64(-1)
        if (mask >> uint32(lane)) & uint32(1):
            high = int64(R[a + wide + lane]) & int64(0x7FFFFFFF) if wide else int64(0)
            A[lane] = int64(R[a + lane]) + (high << int64(32))


@inner
def redux(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``REDUX``: sum, extreme or bitwise reduction of the executing lanes to a uniform one."""
    a, sub = place(code[pc, _A], wb), code[pc, _SUB]
    kind = sub & int64(7)
    flip = uint32(0x80000000) if sub & int64(8) and (kind == 1 or kind == 2) else uint32(0)
    total = R[a + lowest_lane(mask)] ^ flip
    start = lowest_lane(mask)
    for lane in range(start + 1, 32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        v = R[a + lane] ^ flip
        if kind == 0:
            total = total + v
        elif kind == 1:
            total = min(total, v)
        elif kind == 2:
            total = max(total, v)
        elif kind == 3:
            total = total & v
        elif kind == 4:
            total = total | v
        else:
            total = total ^ v
    broadcast(R, place(code[pc, _D], wb), total ^ flip, uint32(ALL))


@inner
def r2ur(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``R2UR``: the lowest executing lane's value; the predicate marks lanes that have it."""
    a = place(code[pc, _A], wb)
    value = R[a + lowest_lane(mask)]
    same = uint32(0)
    for lane in range(32):
        same |= uint32(R[a + lane] == value) << uint32(lane)
    if code[pc, _SUB]:
        same = ~same | predicate_mask(P, pb, code[pc, _PD0])
    else:
        same = ~same
    broadcast(R, place(code[pc, _D], wb), value, uint32(ALL))
    set_predicate(P, pb, code[pc, _PD0], same, mask)


@inner
def p2r(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``P2R``: predicates as bits of a register, under a mask, over a base."""
    d, a, b = place(code[pc, _D], wb), place(code[pc, _A], wb), place(code[pc, _B], wb)
    shift, first = uint32(code[pc, _SUB]), pb + code[pc, col.EXTRA]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        bits = uint32(0)
        for n in range(7):
            bits |= ((P[first + n] >> uint32(lane)) & uint32(1)) << uint32(n)
        keep = R[b + lane]
        R[d + lane] = (R[a + lane] & ~(keep << shift)) | ((bits & keep) << shift)


@inner
def r2p(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``R2P``: predicates from bits of a register, under a mask."""
    a, b = place(code[pc, _A], wb), place(code[pc, _B], wb)
    shift, first = uint32(code[pc, _SUB]), code[pc, col.EXTRA]
    for n in range(7):
        value, written = uint32(0), uint32(0)
        for lane in range(32):
            value |= ((R[a + lane] >> (shift + uint32(n))) & uint32(1)) << uint32(lane)
            written |= ((R[b + lane] >> uint32(n)) & uint32(1)) << uint32(lane)
        set_predicate(P, pb, first + n, value, mask & written)


@inner
def elect(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``ELECT``: one lane of the executing ones, the lowest."""
    lane = lowest_lane(mask)
    set_predicate(P, pb, code[pc, _PD0], uint32(1) << uint32(lane), mask)
    broadcast(R, place(code[pc, _D], wb), uint32(lane), uint32(ALL))


@inner
def _scalar(kind: Any, W: Any, w: Any, counter: Any) -> Any:
    if kind >= sr.CTAID_X and kind <= sr.CTAID_Z:
        return W[w, st.CTAID_X + kind - sr.CTAID_X]
    if kind == sr.CGA_CTAID:
        return W[w, st.RANK]
    if kind == sr.CLOCK or kind == sr.TIMER:
        return counter
    if kind == sr.WARPID:
        return W[w, st.WARP_IN_CTA]
    if kind == sr.VIRTUAL_ID:
        return W[w, st.WARP_IN_CTA] << 8
    if kind == sr.SHARED_WINDOW_HIGH:
        return int64(st.SHARED_WINDOW)
    if kind == sr.LOCAL_WINDOW_HIGH:
        return int64(st.LOCAL_WINDOW)
    return int64(0)


@inner
def s2r(R: Any, code: Any, pc: Any, wb: Any, W: Any, w: Any, T: Any, mask: Any) -> None:
    """``S2R``, ``S2UR``, ``CS2R``; clocks count the warp's executed instructions."""
    d, kind = place(code[pc, _D], wb), code[pc, _SUB]
    value = _scalar(kind, W, w, W[w, st.EXECUTED])
    for word in range(code[pc, col.WIDTH]):
        for lane in range(32):
            v = uint32(value & int64(ALL)) if word == 0 else uint32(0)
            if kind >= sr.TID_X and kind <= sr.TID_Z:
                v = T[w, (kind - sr.TID_X) * 32 + lane]
            elif kind == sr.TID_PACKED:
                v = T[w, lane] | (T[w, 32 + lane] << uint32(16)) | (T[w, 64 + lane] << uint32(26))
            elif kind == sr.LANEID:
                v = uint32(lane)
            elif kind == sr.LANE_EQ:
                v = uint32(1) << uint32(lane)
            elif kind == sr.LANE_LT:
                v = (uint32(1) << uint32(lane)) - uint32(1)
            elif kind == sr.LANE_LE:
                v = (uint32(2) << uint32(lane)) - uint32(1)
            elif kind == sr.LANE_GT:
                v = ~((uint32(2) << uint32(lane)) - uint32(1))
            elif kind == sr.LANE_GE:
                v = ~((uint32(1) << uint32(lane)) - uint32(1))
            if (mask >> uint32(lane)) & uint32(1):
                R[d + 32 * word + lane] = v
