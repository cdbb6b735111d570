"""Rounding against exact fractions, for Python integers and arrays."""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.numeric import ROUNDINGS, gelu_table, round_shift, saturate, wrap


def exact(value: int, shift: int, mode: str) -> int:
    x = Fraction(value, 1 << shift)
    if mode == "floor":
        return floor(x)
    if mode == "half_even":
        return round(x)
    if mode == "half_up":
        return floor(x + Fraction(1, 2))
    return floor(x + Fraction(1, 2)) if x >= 0 else ceil(x - Fraction(1, 2))


@pytest.mark.parametrize("mode", ROUNDINGS)
def test_every_small_value(mode):
    for shift in range(5):
        values = np.arange(-70, 71)
        want = [exact(int(v), shift, mode) for v in values]
        assert round_shift(values, shift, mode).tolist() == want
        assert round_shift(values, np.full(141, shift), mode).tolist() == want


@given(st.integers(-(1 << 90), 1 << 90), st.integers(0, 63), st.sampled_from(ROUNDINGS))
def test_wide_integers(value, shift, mode):
    assert round_shift(value, shift, mode) == exact(value, shift, mode)
    wide = np.array([value], dtype=object)
    assert round_shift(wide, np.array([shift], dtype=object), mode)[0] == exact(value, shift, mode)


def test_unknown_mode():
    with pytest.raises(ValueError, match=r"mode must be one of floor, .* not 'up'"):
        round_shift(1, 1, "up")


@given(st.integers(-1000, 1000), st.integers(2, 9))
def test_saturate_and_wrap(value, bits):
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    assert saturate(value, bits) == max(low, min(high, value))
    assert (wrap(value, bits) - value) % (1 << bits) == 0
    assert low <= wrap(value, bits) <= high
    array = np.array([value])
    assert wrap(array, bits)[0] == wrap(value, bits)
    assert saturate(array, bits)[0] == saturate(value, bits)
    assert saturate(value, bits, signed=False) == max(0, min((1 << bits) - 1, value))


def test_gelu_table_is_the_rounded_function():
    from math import erf, sqrt

    table = gelu_table(8, 4)
    for raw in range(256):
        x = (raw - 256 if raw > 127 else raw) / 16
        assert abs(table[raw] - 16 * 0.5 * x * (1 + erf(x / sqrt(2)))) <= 0.5
        assert -128 <= table[raw] <= 127
    assert table[0] == 0 and table[127] == 127 and table[128] == 0
