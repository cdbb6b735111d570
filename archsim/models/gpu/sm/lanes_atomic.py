"""Atomic operations of a warp, lane after lane (compiled)."""

from __future__ import annotations

import math
from typing import Any

from numba import int64, uint32, uint64

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.bits import (
    NAN32,
    NAN64,
    RN,
    bfloat_to_float,
    f32,
    f64,
    float_to_bfloat,
    float_to_half,
    half_to_float,
    high,
    low,
    pair,
    u32,
    u64,
)
from archsim.models.gpu.sm.lanes_float import flushed
from archsim.models.gpu.sm.lanes_integer import place

_D, _C, _SUB, _MODS, _WIDTH = col.D, col.C, col.SUB, col.MODS, col.WIDTH
ADD, MIN, MAX, INC, DEC, AND, OR, XOR, EXCH, CAS, POPC, CAST = range(12)
SPIN = 512  # of the column SUB
_U32, _S32, _U64, _S64, _F32, _F64, _F16X2, _BF16X2, _F32X2, _F32X4 = range(10)


@inner
def _float_add(old: Any, new: Any, ftz: Any) -> Any:
    if ftz:
        old, new = flushed(old), flushed(new)
    total = f32(old) + f32(new)
    v = u32(total) if total == total else uint32(NAN32)
    return flushed(v) if ftz else v


@inner
def _halves_add(old: Any, new: Any, bfloat: bool) -> Any:
    v = uint32(0)
    for half in range(2):
        x, y = (old >> uint32(16 * half)) & uint32(0xFFFF), (new >> uint32(16 * half)) & uint32(0xFFFF)  # fmt: skip # noqa: E501
        if bfloat:
            v |= float_to_bfloat(bfloat_to_float(x) + bfloat_to_float(y), RN) << uint32(16 * half)
        else:
            v |= float_to_half(half_to_float(x) + half_to_float(y), RN) << uint32(16 * half)
    return v


@inner
def update32(kind: Any, number: Any, old: Any, new: Any, swap: Any, ftz: Any) -> Any:
    """The word that replaces ``old``."""
    if number >= _F32 and kind == ADD:
        if number in (_F16X2, _BF16X2):
            return _halves_add(old, new, number == _BF16X2)
        return _float_add(old, new, ftz)
    if kind == ADD:
        return old + new
    if kind in (MIN, MAX):
        flip = uint32(0x80000000) if number == _S32 else uint32(0)
        smaller = (new ^ flip) < (old ^ flip)
        return new if smaller == (kind == MIN) else old
    if kind == INC:
        return uint32(0) if old >= new else old + uint32(1)
    if kind == DEC:
        return new if old == uint32(0) or old > new else old - uint32(1)
    if kind == AND:
        return old & new
    if kind == OR:
        return old | new
    if kind == XOR:
        return old ^ new
    if kind == EXCH:
        return new
    if kind == POPC:
        return old + uint32(1)
    return swap if old == new else old


@inner
def update64(kind: Any, number: Any, old: Any, new: Any, swap: Any) -> Any:
    """The 64-bit word that replaces ``old``."""
    if number == _F64 and kind == ADD:
        total = f64(old) + f64(new)
        return u64(total) if not math.isnan(total) else uint64(NAN64)
    if kind == ADD:
        return old + new
    if kind in (MIN, MAX):
        flip = uint64(0x8000000000000000) if number == _S64 else uint64(0)
        smaller = (new ^ flip) < (old ^ flip)
        return new if smaller == (kind == MIN) else old
    if kind == AND:
        return old & new
    if kind == OR:
        return old | new
    if kind == XOR:
        return old ^ new
    if kind == EXCH:
        return new
    return swap if old == new else old


@inner
def _vector_add(R: Any, M32: Any, d: Any, c: Any, at: Any, lane: Any, words: Any, ftz: Any) -> None:
    for word in range(words):
        old = M32[at + word]
        M32[at + word] = _float_add(old, R[c + 32 * word + lane], ftz)
        R[d + 32 * word + lane] = old


@inner
def atomic(R: Any, code: Any, pc: Any, wb: Any, M32: Any, Q: Any, mask: Any) -> None:
    """``ATOM*`` and ``RED*``: each executing lane in turn; the register gets the old value.

    A compare-and-swap that spins fails where a lane before has taken the bank of shared memory (of
    8 bytes each half of the warp has its own turn).
    """
    d, c, s = place(code[pc, _D], wb), place(code[pc, _C], wb), place(code[pc, _MODS], wb)
    sub, width = code[pc, _SUB], code[pc, _WIDTH]
    kind, number, ftz = sub & int64(15), (sub >> 4) & int64(15), sub & int64(256)
    spins, taken = (sub & SPIN) != int64(0), uint32(0)
    for lane in range(32):
        if lane == 16 and width == 8:
            taken = uint32(0)
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        at = Q[lane] >> 2
        if spins:
            bank = uint32(1) << uint32(at & int64(31))
            if taken & bank:
                R[d + lane] = uint32(0)
                if width == 8:
                    R[d + 32 + lane] = uint32(0)
                continue
            taken |= bank
        if number >= _F32X2:
            _vector_add(R, M32, d, c, at, lane, width >> 2, ftz)
        elif width == 8:
            old = pair(M32[at], M32[at + 1])
            new, swap = pair(R[c + lane], R[c + 32 + lane]), pair(R[s + lane], R[s + 32 + lane])
            value = update64(kind, number, old, new, swap)
            M32[at], M32[at + 1] = low(value), high(value)
            if kind == CAST:
                R[d + lane], R[d + 32 + lane] = uint32(old == new), uint32(0)
            else:
                R[d + lane], R[d + 32 + lane] = low(old), high(old)
        else:
            old = M32[at]
            new = R[c + lane]
            M32[at] = update32(kind, number, old, new, R[s + lane], ftz)
            R[d + lane] = uint32(old == new) if kind == CAST else old
