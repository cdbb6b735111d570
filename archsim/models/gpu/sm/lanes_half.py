"""Packed half-precision and bfloat16 instructions over the lanes of a warp (compiled)."""

from __future__ import annotations

import math
from typing import Any

from numba import float64, int64, uint32

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.bits import (
    RN,
    bfloat_to_float,
    f32,
    float_to_bfloat,
    float_to_half,
    half_to_float,
    narrow,
    narrow32,
    odd,
    power_of_two,
    sum_error,
)
from archsim.models.gpu.sm.lanes_float import compared, float_flip, float_keep
from archsim.models.gpu.sm.lanes_integer import combine, combined, place, predicate_mask

_D, _A, _B, _C, _MODS, _SUB, _IMM = col.D, col.A, col.B, col.C, col.MODS, col.SUB, col.IMM


@inner
def _half_of(word: Any, half: Any, swizzle: Any, mods: Any, bfloat: Any) -> float:
    """Half 0 or 1 of an operand as the instruction sees it (swizzle 3: the word is fp32)."""
    if swizzle == 3:
        return float(f32((word & float_keep(mods)) ^ float_flip(mods)))
    top = (half == 1 and swizzle == 0) or swizzle == 2
    bits = (word >> uint32(16)) if top else word & uint32(0xFFFF)
    if mods & int64(2):
        bits &= uint32(0x7FFF)
    if mods & int64(1):
        bits ^= uint32(0x8000)
    return bfloat_to_float(bits) if bfloat else half_to_float(bits)


@inner
def _rounded(value: Any, sub: Any) -> Any:
    if sub & int64(16):
        value = min(max(value, 0.0), 1.0) if value == value else 0.0
    if sub & int64(32) and not value > 0.0 and value == value:
        value = 0.0
    bits = float_to_bfloat(value, RN) if sub & int64(4) else float_to_half(value, RN)
    if sub & int64(8) and not bits & uint32(0x7C00):
        bits &= uint32(0x8000)
    return bits


@inner
def _one(kind: Any, x: Any, y: Any, z: Any) -> float:
    """Exact result of one half, rounded to odd in fp64."""
    if kind == 0:
        total = x + y
        return odd(total, sum_error(x, y, total))
    product = x * y  # exact: at most 24 bits
    if kind == 1:
        return float(product)
    total = product + z
    return odd(total, sum_error(product, z, total))


@inner
def harith(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``HADD2``, ``HMUL2``, ``HFMA2`` and ``HADD2.F32`` (which converts to fp32)."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods, swizzle = code[pc, _SUB], code[pc, _MODS], code[pc, _IMM]
    kind, bfloat = sub & int64(3), sub & int64(4)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        v = uint32(0)
        for half in range(2):
            x = _half_of(R[a + lane], half, swizzle & int64(3), mods, bfloat)
            y = _half_of(R[b + lane], half, (swizzle >> 2) & int64(3), mods >> 4, bfloat)
            z = _half_of(R[c + lane], half, (swizzle >> 4) & int64(3), mods >> 8, bfloat)
            value = _one(kind, x, y, z)
            if sub & int64(64):
                v = narrow32(value, RN) if half == 0 else v
            else:
                v |= _rounded(value, sub) << uint32(16 * half)
        R[d + lane] = v


@inner
def _compare_half(R: Any, a: Any, b: Any, half: Any, sub: Any, mods: Any, swizzle: Any) -> Any:
    less, equal, unordered = uint32(0), uint32(0), uint32(0)
    bfloat = sub & int64(64)
    for lane in range(32):
        x = _half_of(R[a + lane], half, swizzle & int64(3), mods, bfloat)
        y = _half_of(R[b + lane], half, (swizzle >> 2) & int64(3), mods >> 4, bfloat)
        less |= uint32(x < y) << uint32(lane)
        equal |= uint32(x == y) << uint32(lane)
        unordered |= uint32(x != x or y != y) << uint32(lane)
    return compared(sub & int64(15), less, equal, unordered)


@inner
def hsetp(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``HSETP2`` (a predicate for each half, or for both) and ``HSET2`` (a word)."""
    a, b, sub, mods = place(code[pc, _A], wb), place(code[pc, _B], wb), code[pc, _SUB], code[pc, _MODS]  # fmt: skip # noqa: E501
    swizzle = code[pc, _IMM]
    first = _compare_half(R, a, b, 0, sub, mods, swizzle)
    second = _compare_half(R, a, b, 1, sub, mods, swizzle)
    if sub & int64(256):
        d = place(code[pc, _D], wb)
        other = predicate_mask(P, pb, code[pc, col.PS0])
        kind = (sub >> 4) & int64(3)
        first, second = combined(kind, first, other), combined(kind, second, other)
        one = uint32(0x3C00) if sub & int64(512) else uint32(0xFFFF)
        one = uint32(0x3F80) if sub & int64(512) and sub & int64(64) else one
        for lane in range(32):
            v = one * ((first >> uint32(lane)) & uint32(1))
            v |= (one * ((second >> uint32(lane)) & uint32(1))) << uint32(16)
            R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]
    elif sub & int64(128):
        combine(P, pb, code, pc, first & second, mask)
    else:
        other = predicate_mask(P, pb, code[pc, col.PS0])
        kind = (sub >> 4) & int64(3)
        first, second = combined(kind, first, other), combined(kind, second, other)
        p, q = pb + code[pc, col.PD0], pb + code[pc, col.PD1]
        P[p] = (P[p] & ~mask) | (first & mask)
        P[q] = (P[q] & ~mask) | (second & mask)


@inner
def hmnmx(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``HMNMX2``: minima where PS0 is true, else maxima."""
    d, a, b = place(code[pc, _D], wb), place(code[pc, _A], wb), place(code[pc, _B], wb)
    sub, mods, swizzle = code[pc, _SUB], code[pc, _MODS], code[pc, _IMM]
    bfloat = sub & int64(1)
    least = predicate_mask(P, pb, code[pc, col.PS0])
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        small = ((least >> uint32(lane)) & uint32(1)) != 0
        v = uint32(0)
        for half in range(2):
            x = _half_of(R[a + lane], half, swizzle & int64(3), mods, bfloat)
            y = _half_of(R[b + lane], half, (swizzle >> 2) & int64(3), mods >> 4, bfloat)
            if x != x or y != y:
                value = math.nan if sub & int64(2) or (x != x and y != y) else y if x != x else x
            elif x == y:
                value = x if (math.copysign(1.0, x) < 0.0) == small else y
            else:
                value = x if (x < y) == small else y
            bits = float_to_bfloat(value, RN) if bfloat else float_to_half(value, RN)
            v |= bits << uint32(16 * half)
        R[d + lane] = v


@inner
def float_to_byte(x: Any, five_bits: bool) -> Any:
    """Fp8 bits (e5m2 when ``five_bits``, else e4m3), to nearest even, saturated to finite."""
    sign = uint32(0x80) if math.copysign(1.0, x) < 0.0 else uint32(0)
    if x != x:
        return uint32(0x7F)
    largest = uint32(0x7B) if five_bits else uint32(0x7E)
    if math.isinf(x):
        return sign | largest
    code = narrow(x, 2, 15, largest, RN) if five_bits else narrow(x, 3, 7, largest, RN)
    return sign | min(code, largest)


@inner
def byte_to_float(bits: Any, five_bits: bool) -> float:
    """The value of fp8 bits."""
    sign = -1.0 if bits & uint32(0x80) else 1.0
    if five_bits:
        return half_to_float((bits & uint32(0xFF)) << uint32(8))
    exponent, fraction = int((bits >> uint32(3)) & uint32(15)), float(bits & uint32(7))
    if bits & uint32(0x7F) == uint32(0x7F):
        return math.nan
    if exponent == 0:
        return float(sign * fraction * 2.0**-9)
    return float(sign * (8.0 + fraction) * power_of_two(exponent - 10))


@inner
def _packed(value: Any, kind: Any, mode: Any, relu: Any) -> Any:
    if relu and not value > 0.0 and value == value:
        value = 0.0
    if kind == 0:
        return float_to_half(value, mode)
    if kind == 1:
        return float_to_bfloat(value, mode)
    return float_to_byte(value, kind == 3)


@inner
def pack(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``F2FP``: two fp32 values as a packed pair, or two fp8 values as two fp16 ones."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    kind, mode = sub & int64(7), (sub >> 4) & int64(3)
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        if kind >= 4:
            word = R[a + lane] >> uint32(code[pc, _IMM])
            low = float_to_half(byte_to_float(word & uint32(255), kind == 5), RN)
            high = float_to_half(byte_to_float((word >> uint32(8)) & uint32(255), kind == 5), RN)
            R[d + lane] = low | (high << uint32(16))
            continue
        x = float64(f32((R[a + lane] & float_keep(mods)) ^ float_flip(mods)))
        y = float64(f32((R[b + lane] & float_keep(mods >> 4)) ^ float_flip(mods >> 4)))
        first, second = _packed(x, kind, mode, sub & int64(64)), _packed(y, kind, mode, sub & int64(64))  # fmt: skip # noqa: E501
        if kind < 2:
            R[d + lane] = (first << uint32(16)) | second
        else:
            R[d + lane] = (first << uint32(8)) | second | (R[c + lane] << uint32(16))
