"""Exponential, reciprocal, root and GELU of fixed-point numbers on the device.

``TABLES`` is one array: the tables of ``archsim.numeric.curves`` one behind the other, at the
places ``EXP``, ``RECIPROCAL``, ``RSQRT`` and ``GELU``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, int64

from archsim.numeric.curves import (
    exp2_table,
    gelu_delta_table,
    log2e,
    reciprocal_table,
    rsqrt_table,
)

F = 22
"""Fraction bits of activations; ``ONE`` is 1."""

ONE = 1 << F
VALUE, INDEX = 26, 10
"""Fraction bits of table entries, and bits that choose a segment."""

LOG2E = log2e(VALUE)
SEGMENTS = 1 << INDEX
EXP = 0
RECIPROCAL = SEGMENTS + 1
RSQRT = RECIPROCAL + SEGMENTS + 1
GELU = RSQRT + 2 * SEGMENTS + 1
GELU_LAST = 176
GELU_STEP = F - 5
VARIANCE = 40
"""Bits of a variance."""

TABLES = np.array(
    [
        *exp2_table(INDEX, VALUE),
        *reciprocal_table(INDEX, VALUE),
        *rsqrt_table(INDEX, VALUE),
        *gelu_delta_table(F),
    ],
    dtype=np.int32,
)


@cuda.jit(device=True)
def narrow(value: Any, shift: int) -> Any:
    """Drop ``shift`` bits and keep the lowest 32 of the rest, signed, as int64."""
    value = value >> shift
    value = value & int64(0xFFFFFFFF)
    return value - ((value >> 31) << 32)


@cuda.jit(device=True)
def between(tables: Any, at: int, position: Any, bits: int) -> Any:
    """Interpolate from entry ``at`` to the next, half up."""
    low = int64(tables[at])
    rise = int64(tables[at + 1]) - low
    return low + ((rise * position + (int64(1) << (bits - 1))) >> bits)


@cuda.jit(device=True)
def exp_minus(tables: Any, x: Any) -> Any:
    """``exp(-x)`` of x from 0 to 2**32 - 1."""
    power = x * int64(LOG2E)
    whole = power >> (F + VALUE)
    if whole > F + 2:
        whole = int64(F + 2)
    within = (power & ((int64(1) << (F + VALUE)) - 1)) >> (F - INDEX)
    at = within >> VALUE
    value = between(tables, EXP + at, within & ((int64(1) << VALUE) - 1), VALUE)
    shift = whole + VALUE - F
    return (value + (int64(1) << (shift - 1))) >> shift


@cuda.jit(device=True)
def top_bit(x: Any) -> Any:
    """Place of the highest bit of x above 0."""
    place = int64(0)
    step = int64(32)
    while step > 0:
        if x >> step > 0:
            place += step
            x = x >> step
        step = step >> 1
    return place


@cuda.jit(device=True)
def reciprocal(tables: Any, x: Any) -> Any:
    """``1 / x`` of x from 1 (``ONE``) to 2**32 - 1."""
    top = top_bit(x)
    mantissa = (x << (31 - top)) & int64(0x7FFFFFFF)
    bits = 31 - INDEX
    at = mantissa >> bits
    value = between(tables, RECIPROCAL + at, mantissa & ((int64(1) << bits) - 1), bits)
    value = value << (F + F - VALUE)  # so that no shift is to the left
    if top > 0:
        value = (value + (int64(1) << (top - 1))) >> top
    high = (int64(1) << (F + 1)) - 1
    return value if value < high else high


@cuda.jit(device=True)
def rsqrt(tables: Any, x: Any) -> Any:
    """``1 / sqrt(x)`` of x from 1 to ``2**VARIANCE - 1``."""
    top = top_bit(x)
    mantissa = (x << (VARIANCE - 1 - top)) & ((int64(1) << (VARIANCE - 1)) - 1)
    bits = VARIANCE - 1 - INDEX
    half = top >> 1  # F is even: odd places have odd exponents
    at = (mantissa >> bits) + ((top & 1) << INDEX)
    value = between(tables, RSQRT + at, mantissa & ((int64(1) << bits) - 1), bits)
    # value * 2**-(exponent / 2), the exponent being top - F
    value = value << (F - VALUE + F // 2)
    if half > 0:
        value = (value + (int64(1) << (half - 1))) >> half
    high = (int64(1) << 32) - 1
    return value if value < high else high


@cuda.jit(device=True)
def gelu(tables: Any, x: Any) -> Any:
    """``ReLU(x)`` minus the table of ``abs(x)``."""
    size = x if x >= 0 else -x
    at = size >> GELU_STEP
    positive = x if x > 0 else int64(0)
    if at >= GELU_LAST:
        return positive
    position = size & ((int64(1) << GELU_STEP) - 1)
    return positive - between(tables, GELU + at, position, GELU_STEP)
