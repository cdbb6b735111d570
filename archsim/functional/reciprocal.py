"""Reciprocal and square-root reciprocal, exactly as the hardware computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.functional.arrays import Ints, checked, leading_one
from archsim.numeric.curves import interpolate, reciprocal_table, rsqrt_table
from archsim.numeric.operators import ReciprocalParams, RsqrtParams
from archsim.numeric.rounding import round_shift, saturate


class Reciprocal:
    """``1 / x`` by normalising, a table with interpolation, and a rounded shift.

    Error before the output's rounding and saturation: relative below
    ``2**(-2 * index_bits - 2) + 2**-(value_bits - 1)``.
    """

    def __init__(self, params: ReciprocalParams) -> None:
        self.params = params
        self._table = np.array(reciprocal_table(params.index_bits, params.value_bits))

    def __call__(self, x: Any) -> Ints:
        """Return int64 results of unsigned ``x`` of any shape; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.in_bits, signed=False)
        exponent = leading_one(x)
        value = _curve(self._table, p, x, exponent, 0)
        return _scaled(p, x, value, exponent + p.base_shift + p.lift)


class Rsqrt:
    """``1 / sqrt(x)`` by normalising to 1 to 4, a table with interpolation, and a rounded shift.

    Error before the output's rounding and saturation: relative below
    ``2**(-2 * index_bits - 3) * 0.75 + 2**-(value_bits - 1)``.
    """

    def __init__(self, params: RsqrtParams) -> None:
        self.params = params
        self._table = np.array(rsqrt_table(params.index_bits, params.value_bits))

    def __call__(self, x: Any) -> Ints:
        """Return int64 results of unsigned ``x`` of any shape; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.in_bits, signed=False)
        position = leading_one(x)
        exponent = position - p.in_fraction_bits
        value = _curve(self._table, p, x, position, (exponent & 1) << p.index_bits)
        return _scaled(p, x, value, p.value_bits - p.out_fraction_bits + (exponent >> 1) + p.lift)


def _curve(table: Ints, p: ReciprocalParams, x: Ints, exponent: Ints, first: Any) -> Ints:
    mantissa = (x << (p.in_bits - 1 - exponent)) & ((1 << (p.in_bits - 1)) - 1)
    index = first + (mantissa >> p.position_bits)
    position = mantissa & ((1 << p.position_bits) - 1)
    result: Ints = interpolate(table[index], table[index + 1], position, p.position_bits)
    return result


def _scaled(p: ReciprocalParams, x: Ints, value: Ints, shift: Ints) -> Ints:
    scaled = saturate(round_shift(value << p.lift, shift, "half_up"), p.out_bits, signed=False)
    return np.where(x == 0, (1 << p.out_bits) - 1, scaled)
