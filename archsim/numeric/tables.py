"""Approximation tables. The hardware's ROMs and the functional models read these same values."""

from __future__ import annotations

import math
from functools import cache


@cache
def gelu_table(bits: int, fraction_bits: int) -> tuple[int, ...]:
    """Return GELU of every ``bits`` wide fixed-point number, indexed by its raw two's complement.

    Entry ``q & (2**bits - 1)`` is ``round_half_even(gelu(q / 2**f) * 2**f)`` with
    ``f = fraction_bits``; GELU is the exact one, by the error function. The result always fits:
    ``-0.17 < gelu(x) <= max(x, 0)`` up to rounding.
    """
    scale = 1 << fraction_bits
    half = 1 << (bits - 1)

    def entry(index: int) -> int:
        x = (index - 2 * half if index >= half else index) / scale
        return round(x * 0.5 * (1.0 + math.erf(x / math.sqrt(2.0))) * scale)

    return tuple(entry(i) for i in range(2 * half))
