"""Tables of smooth functions for linear interpolation between neighbouring entries.

A table of ``n`` segments has ``n + 1`` entries, each rounded half to even at ``value_bits``
fraction bits, so that a segment's two ends are neighbours and the curve has no steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from archsim.numeric.rounding import round_shift

GELU_STEP_BITS = 5
"""The GELU table's step is 1/32 (Edge-MoE, section 3.6)."""

GELU_LIMIT = 5.5
"""At and beyond this |x| GELU is taken as ReLU."""


def interpolate(low: Any, high: Any, position: Any, position_bits: int) -> Any:
    """Return the value ``position / 2**position_bits`` of the way from ``low`` to ``high``.

    Integers or integer arrays; the product is rounded half up. Exact otherwise.
    """
    return low + round_shift((high - low) * position, position_bits, "half_up")


@cache
def reciprocal_table(index_bits: int, value_bits: int) -> tuple[int, ...]:
    """Return ``1 / m`` for m from 1 to 2 in ``2**index_bits`` segments."""
    segments = 1 << index_bits
    return _table((1 + j / segments for j in range(segments + 1)), lambda m: 1 / m, value_bits)


@cache
def rsqrt_table(index_bits: int, value_bits: int) -> tuple[int, ...]:
    """Return ``1 / sqrt(m)``: ``2**index_bits`` segments from 1 to 2, then as many from 2 to 4."""
    segments = 1 << index_bits
    points = [1 + j / segments for j in range(segments)]
    points += [2 + 2 * j / segments for j in range(segments + 1)]
    return _table(points, lambda m: 1 / math.sqrt(m), value_bits)


@cache
def exp2_table(index_bits: int, value_bits: int) -> tuple[int, ...]:
    """Return ``2**-f`` for f from 0 to 1 in ``2**index_bits`` segments."""
    segments = 1 << index_bits
    return _table((j / segments for j in range(segments + 1)), lambda f: 2.0**-f, value_bits)


@cache
def gelu_delta_table(value_bits: int) -> tuple[int, ...]:
    """Return ``ReLU(x) - GELU(x)`` for x from 0 to 5.5 in steps of 1/32: 177 entries, even in x."""
    steps = range(int(GELU_LIMIT * (1 << GELU_STEP_BITS)) + 1)
    return _table(
        (j / (1 << GELU_STEP_BITS) for j in steps),
        lambda x: x * 0.5 * math.erfc(x / math.sqrt(2.0)),
        value_bits,
    )


def log2e(fraction_bits: int) -> int:
    """Return log2(e) at ``fraction_bits`` fraction bits, rounded to the nearest."""
    return round(math.log2(math.e) * (1 << fraction_bits))


def _table(points: Any, curve: Callable[[float], float], value_bits: int) -> tuple[int, ...]:
    return tuple(round(curve(point) * (1 << value_bits)) for point in points)


def smoothstep(position: Any, bits: int) -> Any:
    """Return ``3 f**2 - 2 f**3`` of ``f = position / 2**bits`` at ``bits``, rounded half up.

    From 0 to ``2**bits`` inclusive; integers or int64 arrays, ``bits`` at most 16.
    """
    return round_shift(position * position * ((3 << bits) - 2 * position), 2 * bits, "half_up")
