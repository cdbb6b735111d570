"""What the matrix engine computes, exactly, in integer NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.matrix import MULTIPLIER_BITS, SHIFT_BITS, MatrixParams
from archsim.numeric import gelu_table, round_shift, saturate

Ints = NDArray[Any]


@dataclass(frozen=True)
class ColumnParams:
    """Per column of the result: ``bias``, and ``multiplier`` and ``shift`` of the requantisation.

    Integer arrays of length n. Where the engine has no bias or no requantisation the arrays are
    ignored.
    """

    bias: Ints
    multiplier: Ints
    shift: Ints

    def __post_init__(self) -> None:
        for name, array, high in (
            ("multiplier", self.multiplier, 1 << MULTIPLIER_BITS),
            ("shift", self.shift, 1 << SHIFT_BITS),
        ):
            if array.size and not (int(array.min()) >= 0 and int(array.max()) < high):
                raise ValueError(f"{name} must be 0 to {high - 1}, not {array!r}")


class MatrixEngine:
    """``out = act(requantise(a @ b + bias))`` with the engine's widths and rounding."""

    def __init__(self, params: MatrixParams) -> None:
        self.params = params

    def __call__(self, a: Ints, b: Ints, columns: ColumnParams | None = None) -> Ints:
        """Return the result ``[m, n]`` as int64 of ``a[m, k]`` and ``b[k, n]``.

        Raises ``ValueError`` for operands out of range, shapes that do not fit, or missing
        ``columns`` where the engine needs them.
        """
        p = self.params
        self._check("a", a, p.a_bits)
        self._check("b", b, p.b_bits)
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
            raise ValueError(f"shapes must be [m, k] and [k, n], not {a.shape} and {b.shape}")
        if p.has_params and columns is None:
            raise ValueError("columns must be given for this engine, not None")
        # Python integers where a product of sum and multiplier passes 63 bits
        wide = p.acc_bits + 1 + MULTIPLIER_BITS > 63
        total = _product(a, b, wide)
        if wide:
            total = total.astype(object)
        if p.bias and columns is not None:
            total = total + columns.bias.astype(total.dtype)
        if p.activation == "relu":
            total = np.maximum(total, 0)
        if p.requantise and columns is not None:
            scaled = total * columns.multiplier.astype(total.dtype)
            total = round_shift(scaled, columns.shift.astype(total.dtype), p.rounding)
        result = np.asarray(saturate(total, p.out_bits), dtype=np.int64)
        if p.activation == "gelu":
            table = np.array(gelu_table(p.out_bits, p.table_fraction_bits), dtype=np.int64)
            result = table[result & ((1 << p.out_bits) - 1)]
        return result

    @staticmethod
    def _check(name: str, array: Ints, bits: int) -> None:
        if not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"{name} must hold integers, not {array.dtype}")
        half = 1 << (bits - 1)
        if array.size and not (-half <= int(array.min()) and int(array.max()) < half):
            raise ValueError(f"{name} must be {-half} to {half - 1}, not beyond")


def _product(a: Ints, b: Ints, wide: bool) -> Ints:
    """Return ``a @ b`` exactly; int64 sums do not wrap for the formats' accumulators.

    BLAS in float64 is exact while every sum stays below 2**53; it is used where that is certain.
    """
    if a.size and b.size:
        bound = a.shape[1] * float(np.abs(a.astype(np.int64)).max())
        bound *= float(np.abs(b.astype(np.int64)).max())
        if bound < 2.0**53:
            return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)
    if wide:
        return np.asarray(a.astype(object) @ b.astype(object))
    return np.asarray(a.astype(np.int64) @ b.astype(np.int64))
