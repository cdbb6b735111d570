"""Single-precision instructions and special functions over the lanes of a warp (compiled).

Sums, products and fused products are correctly rounded in every rounding mode. Results that are
not numbers are the canonical 0x7fffffff, as in the hardware. ``MUFU`` gives the correctly rounded
value of the function (of fp64 library accuracy) instead of the hardware's undocumented table: it
differs from a real SM by at most 2 units in the last place (by absolute 2 ** -21 for sine and
cosine); sequences that refine it, as divisions and roots, do not depend on it.
"""

from __future__ import annotations

import math
from typing import Any

from numba import float32, float64, int64, uint32, uint64

from archsim.engine.jit import inlined, inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.bits import (
    NAN32,
    RN,
    f32,
    f64,
    float_to_half,
    fma32,
    fused32,
    half_to_float,
    high,
    pair,
    u32,
    u64,
)
from archsim.models.gpu.sm.lanes_integer import (
    ALL,
    combine,
    combined,
    place,
    predicate_mask,
    set_predicate,
)

_D, _A, _B, _C, _MODS, _SUB, _IMM = col.D, col.A, col.B, col.C, col.MODS, col.SUB, col.IMM
_PD0, _PS0 = col.PD0, col.PS0


@inlined
def float_keep(mods: Any) -> Any:
    """Mask that an absolute value keeps."""
    return uint32(0x7FFFFFFF) if mods & int64(2) else uint32(0xFFFFFFFF)


@inlined
def float_flip(mods: Any) -> Any:
    """Sign bit that a negation flips."""
    return uint32((mods & int64(1)) << 31)


@inner
def flushed(bits: Any) -> Any:
    """A subnormal as zero of its sign."""
    return bits & uint32(0x80000000) if not bits & uint32(0x7F800000) else bits


@inner
def _canonical(value: Any) -> Any:
    return u32(value) if value == value else uint32(NAN32)


@inner
def _saturated(bits: Any) -> Any:
    value = f32(bits)
    if not value > float32(0.0):
        return uint32(0)
    return bits if value < float32(1.0) else uint32(0x3F800000)


@inner
def _special(kind: Any, x: Any, y: Any, z: Any, mode: Any) -> Any:
    """Directed rounding through doubles."""
    a, b, c = float64(f32(x)), float64(f32(y)), float64(f32(z))
    if kind == 0:
        return fused32(1.0, a, b, mode)
    return fused32(a, b, -0.0 if kind == 1 else c, mode)


@inner
def _one(kind: Any, x: Any, y: Any, z: Any) -> Any:
    if kind == 0:
        return _canonical(f32(x) + f32(y))
    if kind == 1:
        return _canonical(f32(x) * f32(y))
    return _canonical(fma32(f32(x), f32(y), f32(z)))


@inner
def _general(R: Any, code: Any, pc: Any, wb: Any, mask: Any) -> None:
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    kind, mode, ftz = sub & int64(3), (sub >> 2) & int64(3), sub & int64(16)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        x = (R[a + lane] & float_keep(mods)) ^ float_flip(mods)
        y = (R[b + lane] & float_keep(mods >> 4)) ^ float_flip(mods >> 4)
        z = (R[c + lane] & float_keep(mods >> 8)) ^ float_flip(mods >> 8)
        if ftz:
            x, y, z = flushed(x), flushed(y), flushed(z)
        v = _one(kind, x, y, z) if mode == RN else _special(kind, x, y, z, mode)
        if ftz:
            v = flushed(v)
        R[d + lane] = _saturated(v) if sub & int64(32) else v


@inner
def farith(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``FADD``, ``FMUL``, ``FFMA``."""
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    if sub > 3:
        _general(R, code, pc, wb, mask)
        return
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    ka, kb, kc = float_keep(mods), float_keep(mods >> 4), float_keep(mods >> 8)
    xa, xb, xc = float_flip(mods), float_flip(mods >> 4), float_flip(mods >> 8)
    if sub == 0:
        for lane in range(32):
            v = f32((R[a + lane] & ka) ^ xa) + f32((R[b + lane] & kb) ^ xb)
            w = u32(v) if v == v else uint32(NAN32)
            R[d + lane] = w if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    elif sub == 1:
        for lane in range(32):
            v = f32((R[a + lane] & ka) ^ xa) * f32((R[b + lane] & kb) ^ xb)
            w = u32(v) if v == v else uint32(NAN32)
            R[d + lane] = w if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    else:
        for lane in range(32):
            x, y = f32((R[a + lane] & ka) ^ xa), f32((R[b + lane] & kb) ^ xb)
            v = fma32(x, y, f32((R[c + lane] & kc) ^ xc))
            w = u32(v) if v == v else uint32(NAN32)
            R[d + lane] = w if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inner
def compared(kind: Any, less: Any, equal: Any, unordered: Any) -> Any:
    """Lanes in which comparison ``kind`` (F LT EQ LE GT NE GE NUM NAN LTU … T) is true."""
    true = uint32(0)
    if kind == 7:
        return ~unordered
    if kind == 8:
        return unordered
    if kind == 15:
        return uint32(0xFFFFFFFF)
    if kind & int64(1):
        true |= less
    if kind & int64(2):
        true |= equal
    if kind & int64(4):
        true |= ~(less | equal | unordered)
    return true | unordered if kind & int64(8) else true


@inner
def fsetp(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``FSETP``: ordered and unordered comparisons; ``FSET`` makes a word of them."""
    a, b, sub, mods = place(code[pc, _A], wb), place(code[pc, _B], wb), code[pc, _SUB], code[pc, _MODS]  # fmt: skip # noqa: E501
    ka, kb, xa, xb = float_keep(mods), float_keep(mods >> 4), float_flip(mods), float_flip(mods >> 4)  # fmt: skip # noqa: E501
    less, equal, unordered = uint32(0), uint32(0), uint32(0)
    for lane in range(32):
        p, q = (R[a + lane] & ka) ^ xa, (R[b + lane] & kb) ^ xb
        if sub & int64(64):
            p, q = flushed(p), flushed(q)
        x, y = f32(p), f32(q)
        less |= uint32(x < y) << uint32(lane)
        equal |= uint32(x == y) << uint32(lane)
        unordered |= uint32(x != x or y != y) << uint32(lane)
    true = compared(sub & int64(15), less, equal, unordered)
    if not sub & int64(256):
        combine(P, pb, code, pc, true, mask)
        return
    d, one = place(code[pc, _D], wb), uint32(0x3F800000) if sub & int64(512) else uint32(ALL)
    true = combined((sub >> 4) & int64(3), true, predicate_mask(P, pb, code[pc, _PS0]))
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            R[d + lane] = one * ((true >> uint32(lane)) & uint32(1))


@inner
def _extreme(x: Any, y: Any, least: bool, nan_wins: bool) -> Any:
    if x != x or y != y:
        if nan_wins or (x != x and y != y):
            return uint32(NAN32)
        return u32(y) if x != x else u32(x)
    if x == y:  # of zeros the negative one is smaller
        return (u32(x) | u32(y)) if least else (u32(x) & u32(y))
    return u32(x) if (x < y) == least else u32(y)


@inner
def fmnmx(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``FMNMX``: minimum where PS0 is true, else maximum."""
    d, a, b = place(code[pc, _D], wb), place(code[pc, _A], wb), place(code[pc, _B], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    least = predicate_mask(P, pb, code[pc, _PS0])
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        p = (R[a + lane] & float_keep(mods)) ^ float_flip(mods)
        q = (R[b + lane] & float_keep(mods >> 4)) ^ float_flip(mods >> 4)
        if sub & int64(1):
            p, q = flushed(p), flushed(q)
        small = ((least >> uint32(lane)) & uint32(1)) != 0
        v = _extreme(f32(p), f32(q), small, (sub & int64(2)) != 0)
        if sub & int64(4):
            sign = (R[a + lane] ^ R[b + lane]) & uint32(0x80000000)
            v = (v & uint32(0x7FFFFFFF)) | sign
        R[d + lane] = v


@inner
def _needs_care(x: Any, y: Any) -> bool:
    """Whether x / y leaves the range in which the short division sequence is exact."""
    ex, ey = int64((x >> uint32(23)) & uint32(255)), int64((y >> uint32(23)) & uint32(255))
    if ey == 0 or ey >= 253 or ex == 255 or ex == 0:
        return True
    return not -125 < ex - ey < 126 or ex < 25


@inner
def fchk(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``FCHK``: true where a division must take the slow path."""
    a, b, mods = place(code[pc, _A], wb), place(code[pc, _B], wb), code[pc, _MODS]
    true = uint32(0)
    for lane in range(32):
        x, y = R[a + lane] & uint32(0x7FFFFFFF), R[b + lane] & uint32(0x7FFFFFFF)
        true |= uint32(_needs_care(x, y)) << uint32(lane)
    set_predicate(P, pb, code[pc, _PD0], true, mask)
    _ = mods


@inner
def _function(kind: Any, x: Any) -> Any:
    if kind == 0:
        return 1.0 / x
    if kind == 1:
        return 1.0 / math.sqrt(x) if x >= 0.0 else math.nan
    if kind == 2:
        return 2.0**x
    if kind == 3:
        return math.log2(x) if x > 0.0 else (-math.inf if x == 0.0 else math.nan)
    if kind == 4 or kind == 5:
        if math.isinf(x):
            return math.nan
        angle = x * (2.0 * math.pi)  # the hardware takes its argument in turns
        return math.sin(angle) if kind == 4 else math.cos(angle)
    if kind == 6:
        return math.sqrt(x) if x >= 0.0 else math.nan
    return math.tanh(x)


@inner
def _double_high(kind: Any, word: Any) -> Any:
    """``RCP64H`` and ``RSQ64H``: upper word of the function of the upper word's double."""
    x = f64(pair(uint32(0), word))
    if x == 0.0 or not math.isfinite(x):
        v = 1.0 / x if kind == 8 else 1.0 / math.sqrt(x)
        return high(u64(v)) if v == v else uint32(0x7FFFFFFF)
    if kind == 9 and x < 0.0:
        return uint32(0x7FFFFFFF)
    v = 1.0 / x if kind == 8 else 1.0 / math.sqrt(x)
    return high(u64(v) + uint64(0x80000000)) if math.isfinite(v) else high(u64(v))


@inner
def mufu(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``MUFU``: reciprocal, roots, exponential, logarithm, sine, cosine, hyperbolic tangent."""
    d, a, sub, mods = place(code[pc, _D], wb), place(code[pc, _A], wb), code[pc, _SUB], code[pc, _MODS]  # fmt: skip # noqa: E501
    kind = sub & int64(15)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        if kind >= 8:
            x = (R[a + lane] & float_keep(mods)) ^ float_flip(mods)
            R[d + lane] = _double_high(kind, x)
        elif sub & int64(16):
            bits = R[a + lane] >> uint32(16) if code[pc, _IMM] else R[a + lane]
            bits = (bits & (float_keep(mods) >> uint32(16))) ^ (float_flip(mods) >> uint32(16))
            R[d + lane] = float_to_half(_function(kind, half_to_float(bits)), RN)
        else:
            x = (R[a + lane] & float_keep(mods)) ^ float_flip(mods)
            # Subnormal arguments and results count as zero, but for the hyperbolic tangent.
            x = flushed(x) if kind != 7 else x
            v = _canonical(float32(_function(kind, float64(f32(x)))))
            R[d + lane] = flushed(v) if kind != 7 else v
