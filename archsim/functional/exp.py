"""The exponential of a negative number, exactly as the hardware computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.functional.arrays import Ints, checked
from archsim.numeric.curves import exp2_table, interpolate, log2e
from archsim.numeric.operators import ExpParams
from archsim.numeric.rounding import round_shift


class Exp:
    """``exp(-x) = 2**-n * 2**-f`` with ``n + f = x * log2(e)``, ``2**-f`` by an interpolated table.

    Absolute error below ``2**-(out_fraction_bits + 1) + 2**(-2 * index_bits - 4) +
    2**-(value_bits - 1) + x * 2**-(value_bits + 1) * exp(-x)``.
    """

    def __init__(self, params: ExpParams) -> None:
        self.params = params
        self._table = np.array(exp2_table(params.index_bits, params.value_bits))

    def __call__(self, x: Any) -> Ints:
        """Return int64 results of unsigned ``x`` of any shape; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.in_bits, signed=False)
        power = x * log2e(p.value_bits)
        whole = power >> p.exponent_fraction_bits
        fraction = power & ((1 << p.exponent_fraction_bits) - 1)
        within = fraction >> (p.exponent_fraction_bits - p.index_bits - p.position_bits)
        index = within >> p.position_bits
        position = within & ((1 << p.position_bits) - 1)
        value = interpolate(self._table[index], self._table[index + 1], position, p.position_bits)
        # past this the result is 0, whatever the value
        whole = np.minimum(whole, p.out_fraction_bits + 2)
        result: Ints = round_shift(value, whole + p.value_bits - p.out_fraction_bits, "half_up")
        return result
