"""Double-precision instructions and conversions over the lanes of a warp (compiled)."""

from __future__ import annotations

import math
from typing import Any

from numba import float64, int64, uint32, uint64

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.bits import (
    NAN32,
    NAN64,
    RM,
    RN,
    RP,
    RZ,
    add64,
    bfloat_to_float,
    directed,
    f32,
    f64,
    float_to_bfloat,
    float_to_half,
    fused64,
    half_to_float,
    high,
    low,
    mul64,
    narrow32,
    next_away,
    pair,
    u64,
)
from archsim.models.gpu.sm.lanes_float import compared, float_flip, float_keep, flushed
from archsim.models.gpu.sm.lanes_integer import combine, place, set_predicate

_D, _A, _B, _C, _MODS, _SUB, _IMM = col.D, col.A, col.B, col.C, col.MODS, col.SUB, col.IMM


@inner
def double_at(R: Any, a: Any, lane: Any, mods: Any) -> float:
    """The double in two rows, with sign and absolute value applied."""
    top = (R[a + 32 + lane] & float_keep(mods)) ^ float_flip(mods)
    return float(f64(pair(R[a + lane], top)))


@inner
def put_double(R: Any, d: Any, lane: Any, value: Any) -> None:
    """Write a double to two rows; every NaN is the canonical one."""
    bits = u64(value) if value == value else uint64(NAN64)
    R[d + lane] = low(bits)
    R[d + 32 + lane] = high(bits)


@inner
def darith(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``DADD``, ``DMUL``, ``DFMA``."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    kind, mode = sub & int64(3), sub >> 2
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        x, y = double_at(R, a, lane, mods), double_at(R, b, lane, mods >> 4)
        if kind == 0:
            put_double(R, d, lane, add64(x, y, mode))
        elif kind == 1:
            put_double(R, d, lane, mul64(x, y, mode))
        else:
            put_double(R, d, lane, fused64(x, y, double_at(R, c, lane, mods >> 8), mode))


@inner
def dsetp(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``DSETP``; ``.MAX`` and ``.MIN`` say whether A is the extreme and whether both are NaN."""
    a, b, sub, mods = place(code[pc, _A], wb), place(code[pc, _B], wb), code[pc, _SUB], code[pc, _MODS]  # fmt: skip # noqa: E501
    less, equal, unordered = uint32(0), uint32(0), uint32(0)
    first, neither = uint32(0), uint32(0)
    for lane in range(32):
        x, y = double_at(R, a, lane, mods), double_at(R, b, lane, mods >> 4)
        less |= uint32(x < y) << uint32(lane)
        equal |= uint32(x == y) << uint32(lane)
        unordered |= uint32(x != x or y != y) << uint32(lane)
        positive = math.copysign(1.0, x) > 0.0
        if sub & int64(1):
            picked = x < y or y != y or (x == y and not positive)
        else:
            picked = x > y or y != y or (x == y and positive)
        first |= uint32(picked) << uint32(lane)
        neither |= uint32(x != x and y != y) << uint32(lane)
    if sub & int64(128):
        set_predicate(P, pb, code[pc, col.PD0], first, mask)
        set_predicate(P, pb, code[pc, col.PD1], neither, mask)
        return
    combine(P, pb, code, pc, compared(sub & int64(15), less, equal, unordered), mask)


@inner
def rounded(x: Any, mode: Any) -> Any:
    """A double as a whole number."""
    if mode == RZ:
        return float(math.trunc(x)) if abs(x) < 2.0**52 else float(x)
    if mode == RM:
        return float(math.floor(x)) if abs(x) < 2.0**52 else float(x)
    if mode == RP:
        return float(math.ceil(x)) if abs(x) < 2.0**52 else float(x)
    if not abs(x) < 2.0**52:
        return float(x)
    magic = math.copysign(2.0**52, x)
    return float(math.copysign((x + magic) - magic, x))


@inner
def _to_integer(x: Any, kind: Any, mode: Any) -> Any:
    """Whole number of type ``kind``, clamped; of NaN: 0 for 32 bits, the sign bit for 64."""
    signed = kind & int64(1)
    bits = 8 << ((kind - 4) >> 1)
    if x != x:
        return uint64(1) << uint64(63) if bits == 64 else uint64(0)
    v = rounded(x, mode)
    top = 2.0 ** (bits - 1) if signed else 2.0**bits
    least = -(2.0 ** (bits - 1)) if signed else 0.0
    if v >= top:
        return (uint64(1) << uint64(bits - 1)) - uint64(1) if signed else (
            uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - bits))  # fmt: skip
    if v <= least:
        return uint64(int64(-1) << int64(bits - 1)) if signed else uint64(0)
    if v >= 2.0**63:
        return uint64(v - 2.0**63) + (uint64(1) << uint64(63))
    return uint64(int64(v))


@inner
def _integer_at(R: Any, a: Any, lane: Any, kind: Any, shift: Any, mods: Any) -> Any:
    """The integer of type ``kind`` as (magnitude bits, negative)."""
    word = uint64(R[a + lane])
    if kind >= 10:
        word |= uint64(R[a + 32 + lane]) << uint64(32)
    bits = uint64(8 << ((kind - 4) >> 1))
    word = word >> uint64(shift)
    word = (word << (uint64(64) - bits)) >> (uint64(64) - bits)
    negative = (kind & int64(1)) != 0 and (word >> (bits - uint64(1))) & uint64(1) != 0
    if negative:
        word = uint64(0) - (word | (uint64(0xFFFFFFFFFFFFFFFF) << (bits - uint64(1))))
    if mods & int64(1):
        negative = not negative
    return word, negative


@inner
def _integer_as_double(word: Any, negative: bool, mode: Any) -> Any:
    """Nearest-or-directed double and the exact rest (for a later, narrower rounding)."""
    top, bottom = float64(word >> uint64(32)) * 4294967296.0, float64(word & uint64(0xFFFFFFFF))
    total = top + bottom
    error = bottom - (total - top)
    return (-total, -error) if negative else (total, error)


@inner
def _put_float(R: Any, d: Any, lane: Any, kind: Any, x: Any, error: Any, sub: Any) -> None:
    """Write ``x + error`` as a float of type ``kind``."""
    mode = (sub >> 8) & int64(3)
    if kind == 2:
        put_double(R, d, lane, directed(x, error, mode))
        return
    if error != 0.0 and not u64(x) & uint64(1):
        x = next_away(x, error > 0.0)
    if sub & int64(2048):
        x = min(max(x, 0.0), 1.0) if x == x else 0.0
    if kind == 1:
        v = narrow32(x, mode)
        R[d + lane] = flushed(v) if sub & int64(1024) else v
    elif kind == 0:
        R[d + lane] = float_to_half(x, mode)
    else:
        R[d + lane] = float_to_bfloat(x, mode)


@inner
def _float_at(R: Any, a: Any, lane: Any, kind: Any, shift: Any, mods: Any, ftz: Any) -> float:
    if kind == 2:
        return double_at(R, a, lane, mods)
    word = R[a + lane] >> uint32(shift)
    if kind == 1:
        word = (word & float_keep(mods)) ^ float_flip(mods)
        return float(f32(flushed(word) if ftz else word))
    word = (word & (float_keep(mods) >> uint32(16))) ^ (float_flip(mods) >> uint32(16))
    return half_to_float(word) if kind == 0 else bfloat_to_float(word)


@inner
def _convert(R: Any, d: Any, a: Any, lane: Any, sub: Any, shift: Any, mods: Any) -> None:
    source, target, mode = sub & int64(15), (sub >> 4) & int64(15), (sub >> 8) & int64(3)
    if source >= 4:
        word, negative = _integer_at(R, a, lane, source, shift, mods)
        if target >= 4:
            value = _integer_as_double(word, negative, RN)[0]
            R[d + lane] = low(_to_integer(value, target, RZ))
            return
        x, error = _integer_as_double(word, negative, mode)
        _put_float(R, d, lane, target, x, error, sub)
        return
    x = _float_at(R, a, lane, source, shift, mods, sub & int64(1024))
    if target >= 4:
        whole = _to_integer(x, target, mode)
        R[d + lane] = low(whole)
        if target >= 10:
            R[d + 32 + lane] = high(whole)
        return
    if sub & int64(4096):
        x = rounded(x, mode)
    if x != x and target == 1:
        R[d + lane] = uint32(NAN32)
    else:
        _put_float(R, d, lane, target, x, 0.0, sub)


@inner
def conv(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``F2F``, ``F2I``, ``I2F``, ``I2FP``, ``I2I``, ``FRND``."""
    d, a, sub, mods = place(code[pc, _D], wb), place(code[pc, _A], wb), code[pc, _SUB], code[pc, _MODS]  # fmt: skip # noqa: E501
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            _convert(R, d, a, lane, sub, code[pc, _IMM], mods)
