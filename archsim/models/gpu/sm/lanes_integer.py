"""Integer instructions over the 32 lanes of a warp (compiled).

Every function takes the flat registers ``R`` (uint32), the predicates ``P`` (uint32 masks), the
code matrix, the instruction ``pc``, the warp's first register word ``wb`` and predicate word ``pb``
and the mask of executing lanes. All arithmetic is modulo 2 ** 32 as in the hardware; Numba's sums
of 32-bit words have 64 bits, so that they are cut before they are compared or widened.
"""

from __future__ import annotations

from typing import Any

from numba import int32, int64, uint32, uint64

from archsim.engine.jit import inlined, inner
from archsim.models.gpu.sm import columns as col

ALL = 0xFFFFFFFF
_D, _A, _B, _C, _MODS, _SUB, _IMM = col.D, col.A, col.B, col.C, col.MODS, col.SUB, col.IMM
_PD0, _PD1, _PS0, _PS1 = col.PD0, col.PD1, col.PS0, col.PS1
_EXTRA, _WIDTH = col.EXTRA, col.WIDTH


@inlined
def place(value: Any, wb: Any) -> Any:
    """Offset in the register array of a coded row (see `columns`)."""
    return (value + wb if value >= 0 else ~value) & int64(0x7FFFFFFF)


@inner
def predicate_mask(P: Any, pb: Any, number: Any) -> Any:
    """Lanes in which the (possibly negated) predicate is true."""
    mask = P[pb + (number & int64(31))]
    return mask ^ uint32(ALL) if number & int64(32) else mask


@inner
def set_predicate(P: Any, pb: Any, number: Any, value: Any, mask: Any) -> None:
    """Write the lanes of ``mask``."""
    n = pb + number
    P[n] = (P[n] & ~mask) | (value & mask)


@inlined
def inverter(mods: Any) -> Any:
    """Word to exclusive-or with an integer operand that is negated or inverted."""
    return uint32(ALL) if mods & int64(5) else uint32(0)


@inlined
def increment(mods: Any) -> Any:
    """1 for a negated operand: -x = ~x + 1."""
    return uint32(mods & int64(1))


@inner
def mov(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``MOV`` and its kin: one or more whole words."""
    for word in range(code[pc, _WIDTH]):
        d = place(code[pc, _D], wb) + 32 * word
        a = place(code[pc, _A], wb) + 32 * word
        mods = code[pc, _MODS]
        x, n = inverter(mods), increment(mods)
        for lane in range(32):
            v = (R[a + lane] ^ x) + n
            R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inlined
def _addend(R: Any, at: Any, lane: Any, mods: Any) -> Any:
    """A register pair as a 64-bit operand of a sum, negated where the modifiers say so."""
    value = uint64(R[at + lane]) | (uint64(R[at + 32 + lane]) << uint64(32))
    return ~value + uint64(1) if mods & int64(1) else value


@inner
def iadd3(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``IADD3``: three-input addition with carries in and out, or of 64-bit pairs."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    mods = code[pc, _MODS]
    if code[pc, _SUB]:
        for lane in range(32):
            if (mask >> uint32(lane)) & uint32(1):
                long = _addend(R, a, lane, mods) + _addend(R, b, lane, mods >> 4)
                long += _addend(R, c, lane, mods >> 8)
                R[d + lane] = uint32(long & uint64(ALL))
                R[d + 32 + lane] = uint32(long >> uint64(32))
        return
    xa, xb, xc = inverter(mods), inverter(mods >> 4), inverter(mods >> 8)
    extra = uint64(increment(mods)) + uint64(increment(mods >> 4)) + uint64(increment(mods >> 8))
    plain = code[pc, _PD0] == col.PRED_JUNK
    if plain and code[pc, _PS0] == col.PRED_FALSE and code[pc, _PS1] == col.PRED_FALSE:
        small = uint32(extra)
        for lane in range(32):
            v = (R[a + lane] ^ xa) + (R[b + lane] ^ xb) + (R[c + lane] ^ xc) + small
            R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
        return
    in0 = predicate_mask(P, pb, code[pc, _PS0])
    in1 = predicate_mask(P, pb, code[pc, _PS1])
    one, two = uint32(0), uint32(0)
    for lane in range(32):
        carry = ((in0 >> uint32(lane)) & uint32(1)) + ((in1 >> uint32(lane)) & uint32(1))
        total = uint64(R[a + lane] ^ xa) + uint64(R[b + lane] ^ xb) + uint64(R[c + lane] ^ xc)
        total += extra + uint64(carry)
        out = uint32(total >> uint64(32))
        one |= uint32(out >= uint32(1)) << uint32(lane)
        two |= uint32(out >= uint32(2)) << uint32(lane)
        v = uint32(total & uint64(ALL))
        R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    set_predicate(P, pb, code[pc, _PD0], one, mask)
    set_predicate(P, pb, code[pc, _PD1], two, mask)


@inner
def imad(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``IMAD``: low word of a product and a sum."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    mods = code[pc, _MODS]
    xa, xb, xc = inverter(mods), inverter(mods >> 4), inverter(mods >> 8)
    na, nb, nc = increment(mods), increment(mods >> 4), increment(mods >> 8)
    carry = predicate_mask(P, pb, code[pc, _PS0])
    for lane in range(32):
        v = ((R[a + lane] ^ xa) + na) * ((R[b + lane] ^ xb) + nb) + (R[c + lane] ^ xc) + nc
        v += (carry >> uint32(lane)) & uint32(1)
        R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inner
def imad_wide(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``IMAD.WIDE`` and ``IMAD.HI``: the 64-bit product plus a 64-bit addend."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    xa, xb = inverter(mods), inverter(mods >> 4)
    na, nb = increment(mods), increment(mods >> 4)
    xc = uint64(0xFFFFFFFFFFFFFFFF) if mods & int64(0x500) else uint64(0)
    nc = uint64((mods >> 8) & int64(1))
    carry = predicate_mask(P, pb, code[pc, _PS0])
    over = uint32(0)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        p, q = uint32((R[a + lane] ^ xa) + na), uint32((R[b + lane] ^ xb) + nb)
        if sub & int64(1):
            product = uint64(int64(int32(p)) * int64(int32(q)))
        else:
            product = uint64(p) * uint64(q)
        addend = uint64(R[c + lane]) | (uint64(R[c + 32 + lane]) << uint64(32))
        addend = (addend ^ xc) + nc
        total = product + addend
        wraps = total < product
        more = uint64((carry >> uint32(lane)) & uint32(1))
        total += more
        wraps = wraps or total < more
        over |= uint32(wraps) << uint32(lane)
        if sub & int64(2):
            R[d + lane] = uint32(total >> uint64(32))
        else:
            R[d + lane] = uint32(total & uint64(ALL))
            R[d + 32 + lane] = uint32(total >> uint64(32))
    set_predicate(P, pb, code[pc, _PD0], over, mask)


@inner
def lop3(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``LOP3``: any function of three bits by its table; a predicate says whether it is not 0."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    lut, mods = uint32(code[pc, _SUB]), code[pc, _MODS]
    xa, xb, xc = inverter(mods), inverter(mods >> 4), inverter(mods >> 8)
    t0 = uint32(ALL) * (lut & uint32(1))
    t1 = uint32(ALL) * ((lut >> uint32(1)) & uint32(1))
    t2 = uint32(ALL) * ((lut >> uint32(2)) & uint32(1))
    t3 = uint32(ALL) * ((lut >> uint32(3)) & uint32(1))
    t4 = uint32(ALL) * ((lut >> uint32(4)) & uint32(1))
    t5 = uint32(ALL) * ((lut >> uint32(5)) & uint32(1))
    t6 = uint32(ALL) * ((lut >> uint32(6)) & uint32(1))
    t7 = uint32(ALL) * ((lut >> uint32(7)) & uint32(1))
    some = uint32(0)
    for lane in range(32):
        x, y, z = R[a + lane] ^ xa, R[b + lane] ^ xb, R[c + lane] ^ xc
        # Bits of the table are picked by z, then by y, then by x.
        v0, v1 = t0 ^ ((t0 ^ t1) & z), t2 ^ ((t2 ^ t3) & z)
        v2, v3 = t4 ^ ((t4 ^ t5) & z), t6 ^ ((t6 ^ t7) & z)
        w0, w1 = v0 ^ ((v0 ^ v1) & y), v2 ^ ((v2 ^ v3) & y)
        v = w0 ^ ((w0 ^ w1) & x)
        some |= uint32(v != uint32(0)) << uint32(lane)
        R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    if code[pc, _PD0] != col.PRED_JUNK:
        other = predicate_mask(P, pb, code[pc, _PS0])
        some = some & other if code[pc, _EXTRA] else some | other
        set_predicate(P, pb, code[pc, _PD0], some, mask)


@inner
def shf(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``SHF``: shifts of {C:A} by B; clamped at the width unless it wraps."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub = code[pc, _SUB]
    right, signed, wraps = sub & int64(1), sub & int64(2), sub & int64(16)
    width = uint32(64) if sub & int64(4) else uint32(32)
    high = uint64(32) if sub & int64(8) or (sub & int64(5)) == int64(4) else uint64(0)
    for lane in range(32):
        n = R[b + lane]
        n = n & (width - uint32(1)) if wraps else min(n, width)
        v = uint64(R[a + lane]) | (uint64(R[c + lane]) << uint64(32))
        whole = n == uint32(64)
        s = uint64(n & uint32(63))
        if right:
            if signed:
                w = uint64(int64(v) >> int64(63 if whole else s))
            else:
                w = uint64(0) if whole else v >> s
        else:
            w = uint64(0) if whole else v << s
        v32 = uint32((w >> high) & uint64(ALL))
        R[d + lane] = v32 if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inner
def lea(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``LEA``: (A << shift) + B, or the upper word of {C:A} << shift plus B."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods, shift = code[pc, _SUB], code[pc, _MODS], uint64(code[pc, _IMM])
    xb, nb = inverter(mods >> 4), increment(mods >> 4)
    carry = predicate_mask(P, pb, code[pc, _PS0])
    over = uint32(0)
    for lane in range(32):
        v = uint64(R[a + lane])
        if sub & int64(2):
            v = uint64(int64(int32(R[a + lane])))
        elif sub & int64(1):
            v |= uint64(R[c + lane]) << uint64(32)
        if mods & int64(5):
            v = uint64(0) - v if mods & int64(1) else ~v
        v = v << shift
        if sub & int64(1):
            v = v >> uint64(32)
        total = (v & uint64(ALL)) + uint64(R[b + lane] ^ xb) + uint64(nb)
        total += uint64((carry >> uint32(lane)) & uint32(1))
        over |= uint32(total >> uint64(32) != uint64(0)) << uint32(lane)
        w = uint32(total & uint64(ALL))
        R[d + lane] = w if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    set_predicate(P, pb, code[pc, _PD0], over, mask)


@inner
def combined(kind: Any, true: Any, other: Any) -> Any:
    """Two masks of lanes by ``AND``, ``OR`` or ``XOR``."""
    if kind == 1:
        return true | other
    return true ^ other if kind == 2 else true & other


@inner
def combine(P: Any, pb: Any, code: Any, pc: Any, true: Any, mask: Any) -> None:
    """Write a comparison, and its opposite, combined with the predicate PS0."""
    other = predicate_mask(P, pb, code[pc, _PS0])
    kind = (code[pc, _SUB] >> 4) & int64(3)
    first, second = combined(kind, true, other), combined(kind, ~true, other)
    set_predicate(P, pb, code[pc, _PD0], first, mask)
    set_predicate(P, pb, code[pc, _PD1], second, mask)


@inner
def isetp(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``ISETP``; ``.EX`` compares upper words and takes the lower ones' result from PS1."""
    a, b = place(code[pc, _A], wb), place(code[pc, _B], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    flip = uint32(0) if sub & int64(64) else uint32(0x80000000)
    xa, xb, na, nb = inverter(mods), inverter(mods >> 4), increment(mods), increment(mods >> 4)
    less, equal = uint32(0), uint32(0)
    for lane in range(32):
        x = uint32((R[a + lane] ^ xa) + na) ^ flip
        y = uint32((R[b + lane] ^ xb) + nb) ^ flip
        less |= uint32(x < y) << uint32(lane)
        equal |= uint32(x == y) << uint32(lane)
    kind = sub & int64(15)
    greater = ~(less | equal)
    lower = predicate_mask(P, pb, code[pc, _PS1]) if sub & int64(128) else uint32(ALL)
    # With .EX an equal upper word defers to the lower result, whatever the comparison.
    if not sub & int64(128) and kind != 2 and kind != 3 and kind != 6 and kind != 5:
        lower = uint32(0)
    if kind == 1 or kind == 3:
        true = less | (equal & lower)
    elif kind == 4 or kind == 6:
        true = greater | (equal & lower)
    elif kind == 2:
        true = equal & lower
    elif kind == 5:
        true = ~equal | (lower if sub & int64(128) else uint32(0))
    elif kind == 0:
        true = uint32(0)
    else:
        true = uint32(ALL)
    combine(P, pb, code, pc, true, mask)
