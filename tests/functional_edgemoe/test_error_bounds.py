"""Error bounds of softmax, GELU and layer norm, stated here and checked exhaustively or on 10**7.

The quick run checks the same bounds on a sample.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erfc

from archsim.config.edgemoe_params import M3VIT_TINY
from archsim.functional.edgemoe.layers import LayerNorm
from archsim.functional.edgemoe.softmax import Softmax
from archsim.functional.gelu import Gelu
from archsim.numeric.edgemoe import gelu_params

ULP = 2.0**-22
TOKENS, DIM = M3VIT_TINY.tokens, M3VIT_TINY.dim

GELU_BOUND = 9.80e-5
"""Largest absolute error of GELU over all 2**32 activations (found: 9.76e-5, near |x| = 0.02)."""

EXP_BOUND = 2.0**-23 + 2.0**-24 + 2.0**-25 + math.exp(-1) * 2.0**-27
"""Of one exponential, see ``functional.Exp``."""

SOFTMAX_BOUND = 1.1 * (EXP_BOUND + TOKENS * (EXP_BOUND + ULP) + 2.0**-22 + ULP)
"""Of one weight: its exponential, the sum's additions and truncated rescalings relative to the
sum (at least 1), the reciprocal's relative error and the last truncation."""

SOFTMAX_SEEN = 3e-6
"""What 10**7 random weights stay below."""


def gelu_error(x):
    exact = 0.5 * erfc(-(x * ULP) / math.sqrt(2.0)) * (x * ULP)
    return np.abs(Gelu(gelu_params(M3VIT_TINY))(x) * ULP - exact).max()


def test_gelu_on_a_sample_and_beyond_the_table():
    edge = round(5.5 / ULP)
    inside = np.arange(-edge - 3, edge + 4, 997)
    assert 9.0e-5 < gelu_error(inside) <= GELU_BOUND
    far = np.array([edge, -edge, (1 << 31) - 1, -(1 << 31), edge + 12345, -edge - 12345])
    assert gelu_error(far) <= 1.1e-7  # 5.5 * Phi(-5.5), falling beyond


@pytest.mark.slow
def test_gelu_on_every_activation_of_the_table():
    edge = round(5.5 / ULP)
    step = 1 << 20
    worst = max(
        gelu_error(np.arange(low, min(low + step, edge + 1)))
        for low in range(-edge, edge + 1, step)
    )
    assert 9.7e-5 < worst <= GELU_BOUND


def softmax_errors(rows, seed):
    """Absolute error of each weight; rows of small, middle and large spread."""
    rng = np.random.default_rng(seed)
    spread = rng.choice([0.05, 0.5, 2.0, 6.0, 40.0], (rows, 1))
    x = np.rint(rng.standard_normal((rows, TOKENS)) * spread / ULP).astype(np.int64)
    softmax = Softmax(M3VIT_TINY)
    found = softmax.weights(x, *softmax.reduce(x, np.arange(rows) % 4)) * ULP
    real = x * ULP
    power = np.exp(real - real.max(axis=1, keepdims=True))
    return np.abs(found - power / power.sum(axis=1, keepdims=True))


def test_softmax_on_a_sample():
    worst = softmax_errors(300, 1).max()
    assert worst <= SOFTMAX_SEEN < SOFTMAX_BOUND < 1e-4


def test_softmax_of_a_rising_row_rescales_every_time():
    x = np.arange(TOKENS)[None, :] * (1 << 18)
    softmax = Softmax(M3VIT_TINY)
    found = softmax.weights(x, *softmax.reduce(x)) * ULP
    power = np.exp((x - x.max()) * ULP)
    assert np.abs(found - power / power.sum()).max() <= SOFTMAX_BOUND


@pytest.mark.slow
def test_softmax_on_ten_million_weights():
    rows = -(-(10**7) // TOKENS // 20)
    assert max(softmax_errors(rows, seed).max() for seed in range(20)) <= SOFTMAX_SEEN


def norm_errors(rows, seed):
    """Return error over ``1e-6 + |exact| * 2e-5`` of standard deviations from 0.05 to 40."""
    rng = np.random.default_rng(seed)
    deviation = 10.0 ** rng.uniform(math.log10(0.05), math.log10(40), (rows, 1))
    centre = rng.standard_normal((rows, 1)) * deviation * 0.5
    x = rng.standard_normal((rows, DIM)) * deviation + centre
    x = np.rint(x / ULP).astype(np.int64)
    one = np.full(DIM, 1 << 11)
    found = LayerNorm(M3VIT_TINY)(x, one, np.zeros(DIM, dtype=np.int64)) * ULP
    real = x * ULP
    centred = real - real.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True) + 1e-6
    exact = centred / np.sqrt(variance)
    # the variance is known to 3 units in the last place, the inverse root to one
    relative = 1.5 * ULP * 4 / variance + ULP * np.sqrt(variance) + 2.0**-22
    offset = 2 * ULP / np.sqrt(variance) + 2 * ULP
    return (np.abs(found - exact) / (np.abs(exact) * relative + offset)).max()


def test_layer_norm_stays_within_its_bound_on_a_sample():
    assert 0.05 < norm_errors(600, 2) <= 1.0


@pytest.mark.slow
def test_layer_norm_on_ten_million_numbers():
    rows = -(-(10**7) // DIM // 20)
    assert max(norm_errors(rows, seed) for seed in range(20)) <= 1.0
