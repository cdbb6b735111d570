"""The matrix engine's arithmetic as a Numba CUDA kernel: integer product, bias, requantisation.

Plain CUDA without inline PTX: the same kernel runs on a GPU and, with NUMBA_ENABLE_CUDASIM=1 set
before the import, in the CUDA simulator. It shares no code with ``archsim.functional``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, int64

TILE = 16
"""Rows and columns of the result per block; also the depth of a shared tile."""

ROUNDING_CODES = {"floor": 0, "half_up": 1, "half_even": 2, "half_away": 3}
ACTIVATION_CODES = {"none": 0, "relu": 1, "gelu": 2}


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

    One thread per result, sums in int64. ``a`` is [m, k] and ``b`` [k, n], both int16 or int8;
    ``bias`` int64, ``multiplier`` and ``shift`` int32, all [n]; ``table`` int32 by raw result;
    ``out`` int32 [m, n].
    """  # fmt: skip
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
        value = total + bias[column]
        if activation == 1 and value < 0:
            value = int64(0)
        value *= multiplier[column]
        amount = shift[column]
        if rounding > 0 and amount > 0:
            half = int64(1) << (amount - 1)
            if rounding == 2 and ((value >> amount) & 1) == 0:
                half -= 1
            if rounding == 3 and value < 0:
                half -= 1
            value += half
        value >>= amount
        high = (int64(1) << (out_bits - 1)) - 1
        if value > high:
            value = high
        if value < -high - 1:
            value = -high - 1
        if activation == 2:
            value = int64(table[value & ((int64(1) << out_bits) - 1)])
        out[row, column] = value


SIGNATURES = {
    "int8": "void(int8[:,::1], int8[:,::1], int64[::1], int32[::1], int32[::1], int32[::1], "
    "int32, int32, int32, int32[:,::1])",
    "int16": "void(int16[:,::1], int16[:,::1], int64[::1], int32[::1], int32[::1], int32[::1], "
    "int32, int32, int32, int32[:,::1])",
}
"""Types of the kernel by engine format. W16A32 needs products beyond 64 bits: no kernel."""

OUT_BITS = {"int8": 8, "int16": 16}


def run(
    product: Any, engine_format: str, rounding: str, activation: str, table: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """Return the result of ``product`` (an ``archsim.numeric.drawing.Product``) as int32.

    ``table`` is the activation's table by raw result, any one entry where there is none.
    """
    if engine_format not in SIGNATURES:
        raise ValueError(f"format must be one of {', '.join(SIGNATURES)}, not {engine_format!r}")
    kernel = cuda.jit(requantised_product)
    m, n = product.a.shape[0], product.b.shape[1]
    out = cuda.to_device(np.zeros((m, n), dtype=np.int32))
    grid = (-(-n // TILE), -(-m // TILE))
    kernel[grid, (TILE, TILE)](
        *(cuda.to_device(x) for x in arrays(product, engine_format)),
        cuda.to_device(np.array(table, dtype=np.int32)),
        np.int32(ROUNDING_CODES[rounding]),
        np.int32(ACTIVATION_CODES[activation]),
        np.int32(OUT_BITS[engine_format]),
        out,
    )
    return np.asarray(out.copy_to_host())


def arrays(product: Any, engine_format: str) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the kernel's array arguments in its types."""
    operand = np.dtype(engine_format)
    return (
        np.ascontiguousarray(product.a.astype(operand)),
        np.ascontiguousarray(product.b.astype(operand)),
        product.bias.astype(np.int64),
        product.multiplier.astype(np.int32),
        product.shift.astype(np.int32),
    )


def ptx(engine_format: str, cc: tuple[int, int] = (9, 0)) -> str:
    """Return the kernel's PTX for compute capability ``cc``; needs no GPU, but no simulator."""
    text, _ = cuda.compile(
        requantised_product, SIGNATURES[engine_format], cc=cc, device=False, abi="numba",
        output="ptx",
    )  # fmt: skip
    return str(text)
