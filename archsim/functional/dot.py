"""The fixed-point dot product and reductions, exactly as the hardware computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.functional.arrays import Ints, checked
from archsim.numeric.operators import DotProductParams, ReduceParams
from archsim.numeric.rounding import round_shift, saturate, wrap


class DotProduct:
    """Multiply-accumulate in order, each partial sum wrapped or saturated, then requantised."""

    def __init__(self, params: DotProductParams) -> None:
        self.params = params

    def __call__(self, a: Any, b: Any) -> int:
        """Return the result of two vectors of one length (1 or more); ValueError out of range."""
        p = self.params
        left = checked("a", a, p.a_bits, signed=True)
        right = checked("b", b, p.b_bits, signed=True)
        if left.ndim != 1 or left.shape != right.shape or not left.size:
            raise ValueError(f"a and b must be vectors of one length, not {left.shape}")
        fit = saturate if p.overflow == "saturate" else wrap
        total = 0
        for x, y in zip(left.tolist(), right.tolist(), strict=True):
            total = fit(total + x * y, p.acc_bits)
        return int(saturate(round_shift(total, p.shift, p.rounding), p.out_bits))


class Reduce:
    """Sum, largest or smallest along the last axis."""

    def __init__(self, params: ReduceParams) -> None:
        self.params = params

    def __call__(self, x: Any) -> Ints:
        """Return the reduction of ``x`` ``[..., count]`` as int64; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.width, p.signed)
        if x.shape[-1:] != (p.count,):
            raise ValueError(f"x must have {p.count} numbers last, not shape {x.shape}")
        if p.operation == "add":
            return np.asarray(x.sum(axis=-1))
        return np.asarray(x.max(axis=-1) if p.operation == "max" else x.min(axis=-1))
