"""Softmax with a running maximum: one pass over the numbers, one exponential each."""

from __future__ import annotations

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.exp import Exp
from archsim.functional.reciprocal import Reciprocal
from archsim.numeric.edgemoe import exp_params, reciprocal_params


class Softmax:
    """The two numbers that a row's softmax needs, and its entries from them.

    In one pass: ``sum = sum * exp(bias - x) + 1, bias = x`` where x is above the bias, else
    ``sum += exp(x - bias)``. Otherwise a pass for the maximum, another for the sum. Differences
    have their full width (the published code wraps those beyond half the range).
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self._fraction = params.formats.activation.fraction_bits
        self._exp = Exp(exp_params(params))
        self._reciprocal = Reciprocal(reciprocal_params(params))

    def reduce(self, x: Ints, start: Ints | None = None) -> tuple[Ints, Ints]:
        """Return the reciprocal of the sum, and the maximum, of each row of ``x`` ``[..., n]``.

        Row r of the last but one axis is read from ``start[r]`` on and around; by default all
        from the first number.
        """
        if not self.params.techniques.single_pass_softmax:
            bias = x.max(axis=-1)
            total = self._exp(bias[..., None] - x).sum(axis=-1)
            return self._reciprocal(total), bias
        if start is not None:
            order = (np.arange(x.shape[-1]) + start[:, None]) % x.shape[-1]
            x = np.take_along_axis(x, np.broadcast_to(order, x.shape), axis=-1)
        bias = x[..., 0]
        total = np.full(bias.shape, 1 << self._fraction, dtype=np.int64)
        for step in range(1, x.shape[-1]):
            total, bias = self.update(total, bias, x[..., step])
        return self._reciprocal(total), bias

    def update(self, total: Ints, bias: Ints, x: Ints) -> tuple[Ints, Ints]:
        """Return sum and maximum with one more number."""
        above = x > bias
        power = self._exp(np.abs(x - bias))
        rescaled = ((total * power) >> self._fraction) + (1 << self._fraction)
        return np.where(above, rescaled, total + power), np.maximum(x, bias)

    def weights(self, x: Ints, reciprocal: Ints, bias: Ints) -> Ints:
        """Return the softmax of ``x`` ``[..., n]`` from what ``reduce`` gave for its rows."""
        power = self._exp(bias[..., None] - x)
        return np.asarray((power * reciprocal[..., None]) >> self._fraction)
