"""Warp-group matrix products (compiled): each warp computes its 16 of the 64 rows.

A matrix in shared memory is found through its descriptor: address, leading and stride byte offset
(14 bits each, 16-byte units), swizzle (bits 62-63: 0 none, 1 128 bytes, 2 64 bytes, 3 32 bytes).
Rows of K-major matrices lie in groups of 8: without swizzle in cores of 8 rows of 16 bytes, the
leading offset between cores along K and the stride offset between groups; with swizzle a row has
the swizzle's width. Transposed (MN-major, 16-bit) matrices exchange the roles. The swizzle
exclusive-ors address bits 4 to 6 with bits 7 to 9. The product is done when it is issued: the
waits that a correct program has make that indistinguishable.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int64, uint32, uint64

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.bits import RN, f32, float_to_half, narrow32
from archsim.models.gpu.sm.lanes_half import byte_to_float
from archsim.models.gpu.sm.lanes_integer import place, predicate_mask
from archsim.models.gpu.sm.lanes_memory import descriptor_word, fail
from archsim.models.gpu.sm.lanes_tensor import (
    BFLOAT,
    E4M3,
    E5M2,
    HALF,
    SIGNED,
    SPARSE_PLACE,
    TF32,
    UNSIGNED,
    element,
    expand,
)

_D, _A, _B, _C, _SUB, _IMM = col.D, col.A, col.B, col.C, col.SUB, col.IMM
_B_PLACE = 1024  # of matrix B in the scratch: A has at most 16 x 64 elements


@inner
def _bytes_of(kind: Any) -> Any:
    if kind == TF32:
        return int64(4)
    return int64(2) if kind in (HALF, BFLOAT) else int64(1)


@inner
def matrix_place(descriptor: Any, row: Any, k: Any, size: Any, transposed: Any) -> Any:
    """Shared-memory offset of element (row, k) of ``size`` bytes; ``row`` counts M or N."""
    base = int64(descriptor & uint64(0x3FFF)) << 4
    leading = int64((descriptor >> uint64(16)) & uint64(0x3FFF)) << 4
    stride = int64((descriptor >> uint64(32)) & uint64(0x3FFF)) << 4
    mode = int64(descriptor >> uint64(62))
    width = int64(16) if mode == 0 else int64(256) >> mode  # 128, 64, 32 bytes
    if transposed:
        unit, inside = row * size // width, row * size % width
        if mode == 0:
            at = unit * stride + (k >> 3) * leading + (k & int64(7)) * 16 + inside
        else:
            at = unit * leading + (k >> 3) * stride + (k & int64(7)) * width + inside
    elif mode == 0:
        unit, inside = k * size // 16, k * size % 16
        at = (row >> 3) * stride + unit * leading + (row & int64(7)) * 16 + inside
    else:
        at = (row >> 3) * stride + (row & int64(7)) * width + k * size
    at += base
    if mode:
        keep = (width >> 4) - int64(1)
        at ^= ((at >> 7) & keep) << 4
    return at


@inner
def _value(M8: Any, at: Any, kind: Any) -> float:
    if kind in (E4M3, E5M2):
        return byte_to_float(uint32(M8[at]), kind == E5M2)
    word = uint32(0)
    for byte in range(_bytes_of(kind)):
        word |= uint32(M8[at + byte]) << uint32(8 * byte)
    return element(word, kind, 0)


@inner
def _from_shared(M8: Any, L: Any, cta: Any, descriptor: Any, rows: Any, first: Any, k: Any,
                 kind: Any, transposed: Any, X: Any, start: Any) -> bool:  # fmt: skip
    size, base = _bytes_of(kind), L[st.SHARED_PLACE] + cta * L[st.SHARED_BYTES]
    for row in range(rows):
        for n in range(k):
            at = matrix_place(descriptor, int64(first + row), int64(n), size, transposed)
            if at + size > L[st.SHARED_BYTES]:
                return False
            X[start + row * k + n] = _value(M8, base + at, kind)
    return True


@inner
def _from_registers(R: Any, a: Any, k: Any, kind: Any, X: Any, start: Any) -> None:
    e = int64(4) // _bytes_of(kind)
    for r in range(4):
        for lane in range(32):
            row, column = (lane >> 2) + 8 * (r & 1), 4 * e * (r >> 1) + e * (lane & 3)
            for n in range(e):
                if kind in (E4M3, E5M2):
                    byte = (R[a + 32 * r + lane] >> uint32(8 * n)) & uint32(255)
                    X[start + row * k + column + n] = byte_to_float(byte, kind == E5M2)
                else:
                    X[start + row * k + column + n] = element(R[a + 32 * r + lane], kind, n)


@inner
def _total(R: Any, at: Any, X: Any, lane: Any, r: Any, k: Any, kind: Any, wide: Any, keeps: Any,
           sign: Any) -> Any:  # fmt: skip
    row, column = (lane >> 2) + 8 * ((r >> 1) & 1), 8 * (r >> 2) + 2 * (lane & 3) + (r & 1)
    total = 0.0
    for n in range(k):
        total += X[row * k + n] * X[_B_PLACE + column * k + n]
    total *= sign
    if not keeps:
        return float(total)
    if kind in (SIGNED, UNSIGNED):
        word = int64(R[at + 32 * r + lane])
        return float(total + float64(word - (int64(1) << 32) if word >> 31 else word))
    if wide:
        return float(total + float64(f32(R[at + 32 * r + lane])))
    return float(total + element(R[at + 32 * (r >> 1) + lane], int64(HALF), r & 1))


@inner
def wgmma(R: Any, P: Any, code: Any, pc: Any, wb: Any, pb: Any, M8: Any, L: Any, W: Any, w: Any,
          X: Any, F: Any) -> bool:  # fmt: skip
    """``HGMMA``, ``IGMMA``, ``QGMMA``; False on a matrix outside shared memory."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    shape, sub, flags = code[pc, _IMM], code[pc, _SUB], code[pc, col.MODS]
    columns, k = (shape >> 8) & int64(4095), shape >> 20
    ka, kb = sub & int64(7), (sub >> 3) & int64(7)
    cta, first = W[w, st.CTA], 16 * (W[w, st.WARP_IN_CTA] & int64(3))
    sparse = code[pc, col.PD1] != 0
    stored, start = (k // 2, int64(SPARSE_PLACE)) if sparse else (k, int64(0))
    inside = True
    if code[pc, col.EXTRA]:
        left = descriptor_word(R, a)
        inside = _from_shared(M8, L, cta, left, 16, first, stored, ka, flags & int64(4), X, start)
    else:
        _from_registers(R, a, stored, ka, X, start)
    if sparse:
        metadata = place(code[pc, col.PD0], wb)
        expand(R, metadata, code[pc, col.WIDTH], X, int64(SPARSE_PLACE), k, ka == TF32)
    right = descriptor_word(R, b)
    if not (inside and _from_shared(M8, L, cta, right, columns, 0, k, kb, flags & int64(8), X,
                                    _B_PLACE)):  # fmt: skip
        return fail(F, st.BAD_DESCRIPTOR, pc, w, 0, int64(right), 0)
    keeps = (predicate_mask(P, pb, code[pc, col.PS0]) & uint32(1)) != 0
    sign = -1.0 if ((flags & int64(1)) != 0) != ((flags & int64(2)) != 0) else 1.0
    wide = sub & int64(64)
    for r in range(columns >> 1):
        for lane in range(32):
            total = _total(R, c, X, lane, r, k, ka, wide, keeps, sign)
            if ka in (SIGNED, UNSIGNED):
                R[d + 32 * r + lane] = uint32(int64(total) & int64(0xFFFFFFFF))
            elif wide:
                R[d + 32 * r + lane] = narrow32(total, RN)
            elif not r & 1:
                half = float_to_half(total, RN)
                second = _total(R, c, X, lane, r + 1, k, ka, wide, keeps, sign)
                R[d + 32 * (r >> 1) + lane] = half | (float_to_half(second, RN) << uint32(16))
    return True
