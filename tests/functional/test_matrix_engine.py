"""The functional matrix engine against a scalar re-statement in Python integers."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from archsim.config.matrix import FORMATS, MatrixParams
from archsim.functional import ColumnParams, MatrixEngine
from archsim.numeric.drawing import draw_product

BASE = MatrixParams(rows=4, columns=4)


def scalar(p, drawn, row, column):
    total = sum(int(x) * int(y) for x, y in zip(drawn.a[row], drawn.b[:, column], strict=True))
    if p.bias:
        total += int(drawn.bias[column])
    if p.activation == "relu" and total < 0:
        total = 0
    if p.requantise:
        x = Fraction(total * int(drawn.multiplier[column]), 1 << int(drawn.shift[column]))
        total = (x + Fraction(1, 2)).__floor__() if p.rounding == "half_up" else round(x)
    half = 1 << p.out_bits - 1
    total = max(-half, min(half - 1, total))
    if p.activation == "gelu":
        from math import erf, sqrt

        y = total / 16
        return round(16 * 0.5 * y * (1 + erf(y / sqrt(2))))
    return total


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("rounding", ["half_up", "half_even"])
@pytest.mark.parametrize("requantise", [True, False])
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_equals_scalar(fmt, rounding, requantise, activation):
    p = replace(BASE, format=fmt, rounding=rounding, requantise=requantise, activation=activation)
    drawn = draw_product(5, 9, 6, 3, bits=FORMATS[fmt])
    out = MatrixEngine(p)(drawn.a, drawn.b, ColumnParams(*drawn[2:]))
    assert out.tolist() == [[scalar(p, drawn, r, c) for c in range(6)] for r in range(5)]


def test_gelu():
    p = replace(BASE, activation="gelu")
    drawn = draw_product(7, 9, 6, 3, bits=FORMATS["int8"])
    out = MatrixEngine(p)(drawn.a, drawn.b, ColumnParams(*drawn[2:]))
    assert out.tolist() == [[scalar(p, drawn, r, c) for c in range(6)] for r in range(7)]


def test_extremes_do_not_wrap():
    p = replace(BASE, format="w16a32", requantise=False, bias=False)
    a = np.full((1, 3), -(1 << 31))
    b = np.full((3, 1), -(1 << 15))
    assert MatrixEngine(p)(a, b)[0, 0] == 3 << 46


def test_drawing_is_pinned():
    drawn = draw_product(3, 4, 2, 7, bits=FORMATS["int8"])
    assert drawn.a.tolist() == draw_product(3, 4, 2, 7, bits=FORMATS["int8"]).a.tolist()
    other = draw_product(3, 4, 2, 8, bits=FORMATS["int8"])
    assert drawn.a.tolist() != other.a.tolist()


@pytest.mark.parametrize(
    ("a", "b", "error", "sentence"),
    [
        (np.ones((2, 2)), np.ones((2, 2), int), TypeError, "a must hold integers, not float64"),
        (np.full((2, 2), 128), np.ones((2, 2), int), ValueError, "a must be -128 to 127"),
        (np.ones((2, 3), int), np.ones((2, 3), int), ValueError, r"\[m, k\] and \[k, n\]"),
    ],
)
def test_refuses(a, b, error, sentence):
    columns = ColumnParams(np.zeros(3, int), np.ones(3, int), np.zeros(3, int))
    with pytest.raises(error, match=sentence):
        MatrixEngine(BASE)(a, b, columns)


def test_refuses_missing_or_wide_columns():
    with pytest.raises(ValueError, match="columns must be given"):
        MatrixEngine(BASE)(np.ones((1, 1), int), np.ones((1, 1), int))
    with pytest.raises(ValueError, match="multiplier must be 0 to 32767"):
        ColumnParams(np.zeros(1, int), np.full(1, 1 << 15), np.zeros(1, int))
