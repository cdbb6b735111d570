"""GELU by a table of its distance to ReLU, exactly as the hardware computes it."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.functional.arrays import Ints, checked
from archsim.numeric.curves import gelu_delta_table, interpolate
from archsim.numeric.operators import GeluParams
from archsim.numeric.rounding import round_shift


class Gelu:
    """``GELU(x) = ReLU(x) - delta(|x|)`` with 177 entries of delta, linear between them.

    Absolute error below ``1e-4 + 2**-(value_bits - 1) + 2**-(fraction_bits + 1)``.
    """

    def __init__(self, params: GeluParams) -> None:
        self.params = params
        table = gelu_delta_table(params.value_bits)
        self._last = len(table) - 1
        self._table = np.array([*table, 0])

    def __call__(self, x: Any) -> Ints:
        """Return int64 results of signed ``x`` of any shape; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.bits, signed=True)
        size = np.abs(x)
        index = np.minimum(size >> p.position_bits, self._last)
        position = size & ((1 << p.position_bits) - 1)
        delta = interpolate(self._table[index], self._table[index + 1], position, p.position_bits)
        delta = np.where(index == self._last, 0, delta)
        result: Ints = np.maximum(x, 0) - round_shift(
            delta, p.value_bits - p.fraction_bits, "half_up"
        )
        return result
