"""Seeded operands for a product: the same seed gives the same numbers everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.functional import ColumnParams
from archsim.functional.matrix import Ints


@dataclass(frozen=True)
class Operands:
    """One product's inputs."""

    a: Ints
    b: Ints
    columns: ColumnParams


def draw(params: MatrixParams, m: int, k: int, n: int, seed: int) -> Operands:
    """Return operands over their whole range, with column parameters that use the output range.

    Every tenth product or so saturates, so that clamping is exercised; extreme operands occur.
    """
    rng = np.random.default_rng([seed, m, k, n])
    a = _signed(rng, params.a_bits, (m, k))
    b = _signed(rng, params.b_bits, (k, n))
    spread = params.a_bits + params.b_bits - 2 + max(1, k).bit_length() / 2 - 1
    gain = rng.uniform(-1.0, 1.0, n)
    multiplier = rng.integers(1 << 14, 1 << 15, n)
    shift = np.round(spread + 14.5 - (params.out_bits - 1.5) + gain).astype(np.int64)
    limit = 1 << min(params.acc_bits - 2, round(spread))
    bias = rng.integers(-limit, limit, n)
    return Operands(a, b, ColumnParams(bias, multiplier, np.clip(shift, 0, 63)))


def _signed(rng: np.random.Generator, bits: int, shape: tuple[int, int]) -> Ints:
    half = 1 << (bits - 1)
    values = rng.integers(-half, half, shape)
    extreme = rng.random(shape) < 0.02
    return np.where(extreme, np.where(values < 0, -half, half - 1), values)
