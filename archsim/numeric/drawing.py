"""Seeded integer operands: the same seed gives the same numbers on every machine."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]


class Product(NamedTuple):
    """Inputs of a requantised product ``[m, k] x [k, n]`` as int64 arrays."""

    a: Ints
    b: Ints
    bias: Ints
    multiplier: Ints
    shift: Ints


def draw_product(m: int, k: int, n: int, seed: int, *, bits: tuple[int, int, int, int]) -> Product:
    """Return operands over their whole range, and column parameters that use the output's range.

    ``bits`` are the widths of a, b, the accumulator and the output. A few results saturate, and
    one operand in fifty is an extreme of its range.
    """
    a_bits, b_bits, acc_bits, out_bits = bits
    rng = np.random.Generator(np.random.PCG64([seed, m, k, n]))
    a = _signed(rng, a_bits, (m, k))
    b = _signed(rng, b_bits, (k, n))
    spread = a_bits + b_bits - 3 + k.bit_length() / 2
    gain = rng.integers(-1024, 1025, n) / 1024
    multiplier = rng.integers(1 << 14, 1 << 15, n)
    shift = np.round(spread + 14.5 - (out_bits - 1.5) + gain).astype(np.int64)
    limit = 1 << min(acc_bits - 2, round(spread))
    bias = rng.integers(-limit, limit, n)
    return Product(a, b, bias, multiplier, np.clip(shift, 0, 63))


def _signed(rng: np.random.Generator, bits: int, shape: tuple[int, int]) -> Ints:
    half = 1 << (bits - 1)
    values = rng.integers(-half, half, shape)
    extreme = rng.integers(0, 50, shape) == 0
    return np.where(extreme, np.where(values < 0, -half, half - 1), values)
