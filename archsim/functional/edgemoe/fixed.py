"""Exact integer products, and truncation to the activation's format.

Sums of 32 x 32-bit products pass 64 bits. As results are truncated and wrap, only bits
``shift`` to ``shift + 31`` of a sum count, and those are right in arithmetic modulo ``2**64``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.functional.arrays import Ints
from archsim.numeric.rounding import wrap

_HALF = 16
_EXACT = 2.0**53


def narrow(value: Ints, shift: int) -> Ints:
    """Return ``value / 2**shift`` toward minus infinity, wrapped to 32 bits, as int64."""
    return np.asarray(wrap(value >> shift, 32))


def product(a: Ints, b: Ints) -> Ints:
    """Return ``a @ b`` modulo ``2**64`` as int64, of int64 arrays ``[..., m, k]``, ``[..., k, n]``.

    Elements have at most 32 signed bits. Each is split into halves of 16 bits, whose products
    float64 adds exactly.
    """
    total = np.zeros((), dtype=np.int64)
    for shift_a, part_a in _halves(a):
        for shift_b, part_b in _halves(b):
            total = total + (_blas(part_a, part_b) << (shift_a + shift_b))
    return np.asarray(total)


def _halves(x: Ints) -> list[tuple[int, Ints]]:
    """Return the parts of ``x`` and their places: one where 16 signed bits hold it."""
    if x.size == 0 or (int(x.min()) >= -(1 << (_HALF - 1)) and int(x.max()) < 1 << (_HALF - 1)):
        return [(0, x)]
    return [(0, x & ((1 << _HALF) - 1)), (_HALF, x >> _HALF)]


def _blas(a: Any, b: Any) -> Ints:
    if a.shape[-1] * 2.0 ** (2 * _HALF) >= _EXACT:
        raise ValueError(f"a must have fewer than 2**21 columns, not {a.shape[-1]}")
    return np.asarray(np.matmul(a.astype(np.float64), b.astype(np.float64))).astype(np.int64)
