"""Matrix instructions of a warp (compiled): ``HMMA``, ``IMMA``, ``DMMA``, ``MOVM``.

Products are exact and summed with the accumulator in fp64, then rounded once to the accumulator's
type (to nearest even): equal to the hardware wherever its sums are exact. The hardware's truncation
of aligned addends is not documented and not modelled. ``X`` is fp64 scratch.

Fragments are those of PTX: with g = lane / 4, t = lane mod 4 and e elements a register, register r
of A holds row g + 8 (r mod 2), columns 4 e (r / 2) + e t …; register r of B holds row
4 e r + e t … of column g; C holds columns 2 t, 2 t + 1 of row g, then of row g + 8.

Of a sparse A only the chosen elements are stored, half of all. Each group of 4 (tf32: 2) has 4 bits
of metadata, two 2-bit places. A lane's metadata word covers 16 bits of row g (lower half) and of
row g + 8 (upper half); as many lanes of a group of 4 contribute as a row needs, and the selector
says which.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int32, int64, uint32

from archsim.engine.jit import inner
from archsim.models.gpu.sm import columns as col
from archsim.models.gpu.sm.bits import (
    RN,
    bfloat_to_float,
    f32,
    float_to_half,
    fma64,
    half_to_float,
    narrow32,
)
from archsim.models.gpu.sm.lanes_double import double_at, put_double
from archsim.models.gpu.sm.lanes_integer import place
from archsim.models.gpu.sm.lanes_warp import SCRATCH

_D, _A, _B, _C, _SUB, _IMM = col.D, col.A, col.B, col.C, col.SUB, col.IMM
HALF, BFLOAT, TF32, SIGNED, UNSIGNED, E4M3, E5M2, BIT = range(8)
B_PLACE, C_PLACE, SPARSE_PLACE = 4096, 8192, 10240  # of the matrices in the scratch


@inner
def element(word: Any, kind: Any, n: Any) -> float:
    """Element ``n`` of a register of type ``kind``."""
    if kind == HALF:
        return half_to_float((word >> uint32(16 * n)) & uint32(0xFFFF))
    if kind == BFLOAT:
        return bfloat_to_float((word >> uint32(16 * n)) & uint32(0xFFFF))
    if kind == TF32:
        return float(f32(word & uint32(0xFFFFE000)))
    if kind == BIT:
        return float((word >> uint32(n)) & uint32(1))
    byte = (word >> uint32(8 * n)) & uint32(255)
    if kind == SIGNED:
        return float(int64(byte) - int64(256) if byte & uint32(128) else int64(byte))
    return float(byte)


@inner
def _gather_a(R: Any, a: Any, X: Any, start: Any, m: Any, k: Any, kind: Any, e: Any) -> None:
    """Matrix A (m x k) from its fragments."""
    for r in range(m * k // (32 * e)):
        for lane in range(32):
            row = (lane >> 2) + (8 * (r & 1) if m == 16 else 0)
            column = 4 * e * (r >> 1 if m == 16 else r) + e * (lane & 3)
            for n in range(e):
                X[start + row * k + column + n] = element(R[a + 32 * r + lane], kind, n)


@inner
def _gather_b(R: Any, b: Any, X: Any, k: Any, kind: Any, e: Any) -> None:
    """Matrix B (k x 8), column after column, from its fragments."""
    for r in range(k // (4 * e)):
        for lane in range(32):
            for n in range(e):
                at = B_PLACE + (lane >> 2) * k + 4 * e * r + e * (lane & 3) + n
                X[at] = element(R[b + 32 * r + lane], kind, n)


@inner
def expand(R: Any, metadata: Any, selector: Any, X: Any, source: Any, k: Any, pairs: Any) -> None:
    """Put the k / 2 stored elements of 16 rows at their places among k; ``pairs`` for tf32."""
    bits = 2 * k if pairs else k
    lanes = bits // 16
    for n in range(16 * k):
        X[n] = 0.0
    for row in range(16):
        for n in range(k // 2):
            field = 4 * n if pairs else 2 * n
            lane = 4 * (row & 7) + (field // 16 + lanes * selector) % 4
            word = R[metadata + lane] >> uint32(16 if row >= 8 else 0)
            place_in = int64((word >> uint32(field % 16)) & uint32(3))
            at = 2 * n + (place_in >> 1) if pairs else 4 * (n >> 1) + place_in
            X[row * k + at] = X[source + row * (k // 2) + n]


@inner
def _gather(R: Any, code: Any, pc: Any, wb: Any, X: Any, m: Any, k: Any, ka: Any, kb: Any,
            e: Any) -> None:  # fmt: skip
    """Both matrices of an instruction; a sparse A is expanded."""
    a, b = place(code[pc, _A], wb), place(code[pc, _B], wb)
    if code[pc, col.EXTRA]:
        _gather_a(R, a, X, SPARSE_PLACE, m, k // 2, ka, e)
        metadata = place(code[pc, col.MODS], wb)
        expand(R, metadata, code[pc, col.WIDTH], X, SPARSE_PLACE, k, ka == TF32)
    else:
        _gather_a(R, a, X, 0, m, k, ka, e)
    _gather_b(R, b, X, k, kb, e)


@inner
def _product(X: Any, row: Any, column: Any, k: Any) -> Any:
    total = 0.0
    for n in range(k):
        total += X[row * k + n] * X[B_PLACE + column * k + n]
    return float(total)


@inner
def hmma(R: Any, code: Any, pc: Any, wb: Any, X: Any) -> None:
    """``HMMA``: fp16, bf16 or tf32 matrices; fp32 or fp16 accumulator."""
    d, c = place(code[pc, _D], wb), place(code[pc, _C], wb)
    k, kind = code[pc, _IMM] >> 16, code[pc, _SUB] & int64(3)
    _gather(R, code, pc, wb, X, int64(16), k, kind, kind, int64(1 if kind == TF32 else 2))
    for r in range(4):
        for lane in range(32):
            row, column = (lane >> 2) + 8 * (r >> 1), 2 * (lane & 3) + (r & 1)
            total = _product(X, row, column, k)
            if code[pc, _SUB] & int64(4):
                X[C_PLACE + 32 * r + lane] = total + float64(f32(R[c + 32 * r + lane]))
            else:
                word = R[c + 32 * (r >> 1) + lane]
                X[C_PLACE + 32 * r + lane] = total + element(word, int64(HALF), r & 1)
    for r in range(4):
        for lane in range(32):
            if code[pc, _SUB] & int64(4):
                R[d + 32 * r + lane] = narrow32(X[C_PLACE + 32 * r + lane], RN)
            elif r & 1:
                low = float_to_half(X[C_PLACE + 32 * (r - 1) + lane], RN)
                high = float_to_half(X[C_PLACE + 32 * r + lane], RN)
                R[d + 32 * (r >> 1) + lane] = low | (high << uint32(16))


@inner
def imma(R: Any, code: Any, pc: Any, wb: Any, X: Any) -> None:
    """``IMMA`` (8-bit integers) and ``BMMA`` (bits): 32-bit sums that wrap or saturate."""
    d, c = place(code[pc, _D], wb), place(code[pc, _C], wb)
    m, k, sub = code[pc, _IMM] & int64(255), code[pc, _IMM] >> 16, code[pc, _SUB]
    ka = int64(SIGNED if sub & int64(1) else UNSIGNED)
    kb = int64(SIGNED if sub & int64(2) else UNSIGNED)
    if sub & int64(8):
        ka = kb = int64(BIT)
    _gather(R, code, pc, wb, X, m, k, ka, kb, int64(32 if sub & int64(8) else 4))
    registers = 4 if m == 16 else 2
    for r in range(registers):
        for lane in range(32):
            row, column = (lane >> 2) + 8 * (r >> 1), 2 * (lane & 3) + (r & 1)
            total = int64(_product(X, row, column, k))
            if sub & int64(16):  # ones of a ^ b: those of a and of b less twice those of both
                total = -2 * total
                for n in range(k):
                    total += int64(X[row * k + n]) + int64(X[B_PLACE + column * k + n])
            total += int64(int32(R[c + 32 * r + lane]))
            X[C_PLACE + 32 * r + lane] = float64(total)
    for r in range(registers):
        for lane in range(32):
            total = int64(X[C_PLACE + 32 * r + lane])
            if sub & int64(4):
                total = min(max(total, int64(-(2**31))), int64(2**31 - 1))
            R[d + 32 * r + lane] = uint32(total & int64(0xFFFFFFFF))


@inner
def dmma(R: Any, code: Any, pc: Any, wb: Any, X: Any) -> None:
    """``DMMA``: fp64, a chain of fused multiply-adds over k."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    b, c = place(code[pc, _B], wb), place(code[pc, _C], wb)
    m, k = code[pc, _IMM] & int64(255), code[pc, _IMM] >> 16
    high_rows = m == 16
    for r in range(m * k // 32):
        for lane in range(32):
            row = (lane >> 2) + (8 * (r & 1) if high_rows else 0)
            column = 4 * (r >> 1 if high_rows else r) + (lane & 3)
            X[row * k + column] = double_at(R, a + 64 * r, lane, int64(0))
    for r in range(k // 4):
        for lane in range(32):
            at = B_PLACE + (lane >> 2) * k + 4 * r + (lane & 3)
            X[at] = double_at(R, b + 64 * r, lane, int64(0))
    for r in range(m // 4):
        for lane in range(32):
            row, column = (lane >> 2) + 8 * (r >> 1), 2 * (lane & 3) + (r & 1)
            total = double_at(R, c + 64 * r, lane, int64(0))
            for n in range(k):
                total = fma64(X[row * k + n], X[B_PLACE + column * k + n], total)
            X[C_PLACE + 32 * r + lane] = total
    for r in range(m // 4):
        for lane in range(32):
            put_double(R, d + 64 * r, lane, X[C_PLACE + 32 * r + lane])


@inner
def movm(R: Any, code: Any, pc: Any, wb: Any) -> None:
    """``MOVM``: an 8 x 8 matrix of 16-bit elements transposed across the warp."""
    d, a = place(code[pc, _D], wb), place(code[pc, _A], wb)
    for lane in range(32):
        R[SCRATCH + lane] = R[a + lane]
    for lane in range(32):
        v = uint32(0)
        for k in range(2):
            row, column = 2 * (lane & 3) + k, lane >> 2
            word = R[SCRATCH + 4 * row + (column >> 1)]
            v |= ((word >> uint32(16 * (column & 1))) & uint32(0xFFFF)) << uint32(16 * k)
        R[d + lane] = v
