"""The matrix engine's arithmetic as a Numba CUDA kernel: integer product, bias, requantisation.

Plain CUDA without inline PTX: the same kernel runs on a GPU and, with NUMBA_ENABLE_CUDASIM=1 set
before the import, in the CUDA simulator. It shares no code with ``archsim.functional``.
"""

from __future__ import annotations

from typing import Any

from numba import cuda, int64

TILE = 16
"""Rows and columns of the result per block; also the depth of a shared tile."""

LOW = 0xFFFFFFFF


def requantised_product(
    a: Any,
    b: Any,
    bias: Any,
    multiplier: Any,
    shift: Any,
    table: Any,
    rounding: int,
    activation: int,
    out_bits: int,
    out: Any,
) -> None:
    """``out = act(round((a @ b + bias) * multiplier / 2**shift))``, saturated to ``out_bits``.

    One thread per result. ``a`` is [m, k] and ``b`` [k, n] of up to 32 and 16 bits, with sums that
    fit int64; ``bias`` int64, ``multiplier`` (up to 15 bits) and ``shift`` (up to 63) int32, all
    [n]; ``table`` int32 by raw result; ``out`` int32 [m, n]. ``rounding``: 0 floor, 1 half up,
    2 half even, 3 half away from zero; ``activation``: 0 none, 1 relu, 2 the table.

    A sum with its bias takes 65 bits and its product with the multiplier 80: two words,
    ``high * 2**32 + low`` with ``low`` from 0 to 2**32 - 1, so that no step passes 64 bits.
    """
    left = cuda.shared.array((TILE, TILE), int64)
    right = cuda.shared.array((TILE, TILE), int64)
    x = cuda.threadIdx.x
    y = cuda.threadIdx.y
    row = cuda.blockIdx.y * TILE + y
    column = cuda.blockIdx.x * TILE + x
    depth = a.shape[1]
    total = int64(0)
    for base in range(0, depth, TILE):
        left[y, x] = 0
        right[y, x] = 0
        if row < a.shape[0] and base + x < depth:
            left[y, x] = a[row, base + x]
        if column < b.shape[1] and base + y < depth:
            right[y, x] = b[base + y, column]
        cuda.syncthreads()
        for i in range(TILE):
            total += left[y, i] * right[i, x]
        cuda.syncthreads()
    if row < a.shape[0] and column < b.shape[1]:
        offset = bias[column]
        low = (total & LOW) + (offset & LOW)
        high = (total >> 32) + (offset >> 32) + (low >> 32)
        low &= LOW
        if activation == 1 and high < 0:
            high = int64(0)
            low = int64(0)
        factor = int64(multiplier[column])
        low *= factor
        high = high * factor + (low >> 32)
        low &= LOW
        amount = int64(shift[column])
        if rounding > 0 and amount > 0:
            down = int64(0)  # what is taken off the half
            if rounding == 2:
                digit = low >> amount if amount < 32 else high >> (amount - 32)
                down = 1 - (digit & 1)
            if rounding == 3 and high < 0:
                down = int64(1)
            if amount <= 32:
                low += (int64(1) << (amount - 1)) - down
            else:
                high += int64(1) << (amount - 33)
                low -= down
            high += low >> 32
            low &= LOW
        most = (int64(1) << (out_bits - 1)) - 1
        if amount >= 32:
            value = high >> (amount - 32)
        else:  # beyond 32 bits `high` saturates the result whatever the shift
            high = min(max(high, -(int64(1) << 31)), (int64(1) << 31) - 1)
            value = (high << (32 - amount)) + (low >> amount)
        value = min(max(value, -most - 1), most)
        if activation == 2:
            value = int64(table[value & ((int64(1) << out_bits) - 1)])
        out[row, column] = value
