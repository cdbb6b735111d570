"""Selections, bit manipulation, minima and packed integer instructions over a warp (compiled)."""

from __future__ import annotations

from typing import Any

from numba import int32, int64, uint32, uint64

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.lanes_integer import (
    ALL,
    increment,
    inverter,
    place,
    predicate_mask,
    set_predicate,
)

_D, _A, _B, _C, _MODS, _SUB, _IMM = col.D, col.A, col.B, col.C, col.MODS, col.SUB, col.IMM
_PD0, _PD1, _PS0, _PS1 = col.PD0, col.PD1, col.PS0, col.PS1


@inner
def sel(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``SEL`` and ``FSEL`` (SUB 1: signs and absolute values are those of fp32)."""
    d, a, b = place(code[pc, _D], wb), place(code[pc, _A], wb), place(code[pc, _B], wb)
    mods = code[pc, _MODS]
    choose = predicate_mask(P, pb, code[pc, _PS0])
    if code[pc, _SUB]:
        keep_a = uint32(0x7FFFFFFF) if mods & int64(2) else uint32(ALL)
        keep_b = uint32(0x7FFFFFFF) if mods & int64(0x20) else uint32(ALL)
        xa = uint32((mods & int64(1)) << 31)
        xb = uint32(((mods >> 4) & int64(1)) << 31)
        na = nb = uint32(0)
    else:
        keep_a = keep_b = uint32(ALL)
        xa, xb, na, nb = inverter(mods), inverter(mods >> 4), increment(mods), increment(mods >> 4)
    for lane in range(32):
        x, y = ((R[a + lane] & keep_a) ^ xa) + na, ((R[b + lane] & keep_b) ^ xb) + nb
        v = x if (choose >> uint32(lane)) & uint32(1) else y
        R[d + lane] = v if (mask >> uint32(lane)) & uint32(1) else R[d + lane]


@inner
def _extreme(x: Any, y: Any, least: bool, unsigned: bool) -> Any:
    flip = uint32(0) if unsigned else uint32(0x80000000)
    first = (x ^ flip) < (y ^ flip)
    return x if first == least else y


@inner
def _extreme_halves(x: Any, y: Any, least: bool, unsigned: bool) -> Any:
    first, second = uint32(x << uint32(16)), uint32(y << uint32(16))
    low = _extreme(first, second, least, unsigned) >> uint32(16)
    top = uint32(0xFFFF0000)
    return (_extreme(x & top, y & top, least, unsigned) & top) | low


@inner
def _relu(x: Any, packed: bool) -> Any:
    if packed:
        low = uint32(0) if x & uint32(0x8000) else x & uint32(0xFFFF)
        return low | (uint32(0) if x & uint32(0x80000000) else x & uint32(0xFFFF0000))
    return uint32(0) if x & uint32(0x80000000) else x


@inner
def vmnmx(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``VIMNMX``, ``VIMNMX3`` and ``VIADDMNMX``: minima where PS0 is true, else maxima."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    packed, unsigned = (sub & int64(2)) != 0, (sub & int64(1)) != 0
    kind = sub >> 3
    xa, xb, xc = inverter(mods), inverter(mods >> 4), inverter(mods >> 8)
    na, nb, nc = increment(mods), increment(mods >> 4), increment(mods >> 8)
    least = predicate_mask(P, pb, code[pc, _PS0])
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        small = ((least >> uint32(lane)) & uint32(1)) != 0
        x, y = uint32((R[a + lane] ^ xa) + na), uint32((R[b + lane] ^ xb) + nb)
        z = uint32((R[c + lane] ^ xc) + nc)
        if kind == 1:
            if packed:
                top = (x & uint32(0xFFFF0000)) + (y & uint32(0xFFFF0000))
                x = uint32(top) | uint32((x + y) & uint32(0xFFFF))
            else:
                x = uint32(x + y)
            y = z
        if packed:
            v = _extreme_halves(x, y, small, unsigned)
            v = _extreme_halves(v, z, small, unsigned) if kind == 2 else v
        else:
            v = _extreme(x, y, small, unsigned)
            v = _extreme(v, z, small, unsigned) if kind == 2 else v
        R[d + lane] = _relu(v, packed) if sub & int64(4) else v


@inner
def _picked(word: Any, selector: Any) -> Any:
    byte = uint32((word >> (uint64(8) * uint64(selector & uint32(7)))) & uint64(255))
    if selector & uint32(8):
        return uint32(255) if byte & uint32(128) else uint32(0)
    return byte


@inner
def prmt(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``PRMT``: bytes of {C:A} picked by the selectors in B."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    mode = code[pc, _SUB]
    for lane in range(32):
        if not (mask >> uint32(lane)) & uint32(1):
            continue
        word = uint64(R[a + lane]) | (uint64(R[c + lane]) << uint64(32))
        s = R[b + lane]
        v = uint32(0)
        for byte in range(4):
            k = uint32(byte)
            if mode == 0:
                pick = (s >> uint32(4 * byte)) & uint32(15)
            elif mode == 1:
                pick = ((s & uint32(3)) + k) & uint32(7)
            elif mode == 2:
                pick = ((s & uint32(3)) - k) & uint32(7)
            elif mode == 3:
                pick = s & uint32(3)
            elif mode == 4:
                pick = max(s & uint32(3), k)
            elif mode == 5:
                pick = min(s & uint32(3), k)
            else:
                pick = uint32(2) * (s & uint32(1)) + (k & uint32(1))
            v |= _picked(word, pick) << uint32(8 * byte)
        R[d + lane] = v


@inner
def popcount(x: Any) -> Any:
    """Number of ones."""
    x = x - ((x >> uint32(1)) & uint32(0x55555555))
    x = (x & uint32(0x33333333)) + ((x >> uint32(2)) & uint32(0x33333333))
    x = (x + (x >> uint32(4))) & uint32(0x0F0F0F0F)
    return uint32((x * uint32(0x01010101)) & uint32(ALL)) >> uint32(24)


@inner
def highest(x: Any) -> Any:
    """Place of the highest one, or all ones when there is none."""
    n = uint32(ALL)
    while x:
        n += uint32(1)
        x = x >> uint32(1)
    return n


@inner
def _reversed(x: Any) -> Any:
    v = uint32(0)
    for bit in range(32):
        v |= ((x >> uint32(bit)) & uint32(1)) << uint32(31 - bit)
    return v


@inner
def _extended(x: Any, width: Any, signed: bool) -> Any:
    if width >= uint32(32):
        return x
    if width == uint32(0):
        return uint32(0)
    keep = (uint32(1) << width) - uint32(1)
    if signed and (x >> (width - uint32(1))) & uint32(1):
        return x | ~keep
    return x & keep


@inner
def _ones(start: Any, count: Any) -> Any:
    if start >= uint32(32):
        return uint32(0)
    keep = uint32(ALL) if count >= uint32(32) else (uint32(1) << count) - uint32(1)
    return keep << start


@inner
def _one_bitop(kind: Any, x: Any, y: Any, sub: Any) -> Any:
    if kind == 0:
        return popcount(x)
    if kind == 1 or kind == 2:
        v = highest(~x if kind == 2 and x & uint32(0x80000000) else x)
        return uint32(31) - v if sub & int64(16) and v != uint32(ALL) else v
    if kind == 3:
        return _reversed(x)
    if kind == 4:
        return uint32(0) - x if x & uint32(0x80000000) else x
    if kind == 7:
        wraps = (sub & int64(32)) != 0
        return _ones(x & uint32(31) if wraps else x, y & uint32(31) if wraps else y)
    return _extended(x, y & uint32(31) if sub & int64(32) else y, kind == 6)


@inner
def bitop(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``POPC``, ``FLO``, ``BREV``, ``IABS``, ``SGXT``, ``BMSK``."""
    d, a, b = place(code[pc, _D], wb), place(code[pc, _A], wb), place(code[pc, _B], wb)
    sub, mods = code[pc, _SUB], code[pc, _MODS]
    kind, xa, na = sub & int64(7), inverter(mods), increment(mods)
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            x = uint32((R[a + lane] ^ xa) + na)
            R[d + lane] = _one_bitop(kind, x, R[b + lane], sub)


@inner
def _field(x: Any, place_bits: Any, width: Any, signed: bool) -> Any:
    v = _extended(x >> uint32(place_bits), uint32(width), signed)
    return int64(int32(v)) if signed else int64(v)


@inner
def _one_dot(kind: Any, x: Any, y: Any, z: Any, first: bool, second: bool) -> Any:
    total = int64(z)
    if kind == 0:
        for k in range(4):
            total += _field(x, 8 * k, 8, first) * _field(y, 8 * k, 8, second)
    elif kind < 3:
        for k in range(2):
            shift = 8 * k + (16 if kind == 2 else 0)
            total += _field(x, 16 * k, 16, first) * _field(y, shift, 8, second)
    elif kind == 3:
        total += abs(_field(x, 0, 32, first) - _field(y, 0, 32, first))
    else:
        for k in range(4):
            total += abs(_field(x, 8 * k, 8, first) - _field(y, 8 * k, 8, first))
    return uint32(total & int64(ALL))


@inner
def dot(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``IDP`` (dot products of bytes and half words) and absolute differences."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    sub = code[pc, _SUB]
    first, second = (sub & int64(8)) != 0, (sub & int64(16)) != 0
    for lane in range(32):
        if (mask >> uint32(lane)) & uint32(1):
            R[d + lane] = _one_dot(
                sub & int64(7), R[a + lane], R[b + lane], R[c + lane], first, second
            )


@inner
def plop3(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, mask: Any) -> None:
    """``PLOP3``: two functions of three predicates by their tables."""
    x = predicate_mask(P, pb, code[pc, _PS0])
    y = predicate_mask(P, pb, code[pc, _PS1])
    z = predicate_mask(P, pb, code[pc, _A])
    first, second = uint32(0), uint32(0)
    for k in range(8):
        term = x if k & 4 else ~x
        term &= y if k & 2 else ~y
        term &= z if k & 1 else ~z
        if (code[pc, _SUB] >> k) & int64(1):
            first |= term
        if (code[pc, col.EXTRA] >> k) & int64(1):
            second |= term
    set_predicate(P, pb, code[pc, _PD0], first, mask)
    set_predicate(P, pb, code[pc, _PD1], second, mask)
