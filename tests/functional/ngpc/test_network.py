"""Perceptrons, harmonics and whole networks: integers against naive and float versions."""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import sph_harm_y

from archsim.config.matrix import MatrixParams
from archsim.config.ngpc_applications import APPLICATIONS
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpFormats, NfpParams
from archsim.functional import ColumnParams, MatrixEngine
from archsim.functional.ngpc import (
    FixedNetwork,
    FloatGrid,
    FloatNetwork,
    Network,
    fixed_harmonics,
    fixed_perceptron,
    float_harmonics,
    float_perceptron,
    keep_levels,
    quantise,
)

sys.path.insert(0, str(Path(__file__).parent))
import naive


def directions(count: int, seed: int):
    d = np.random.default_rng(seed).normal(size=(count, 3))
    return d / np.linalg.norm(d, axis=1, keepdims=True)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 20), st.integers(1, 20), st.sampled_from([16, 32]), st.integers(1, 3),
    st.sampled_from(["none", "relu"]), st.integers(0, 2**32),
)  # fmt: skip
def test_perceptron_equals_naive(inputs, outputs, width, hidden, activation, seed):
    mlp = MlpParams(
        inputs=inputs, outputs=outputs, width=width, hidden=hidden, output_activation=activation
    )
    rng = np.random.default_rng(seed)
    x = rng.integers(-(1 << 15), 1 << 15, (3, inputs))
    weights = [rng.integers(-(1 << 15), 1 << 15, shape) for shape in mlp.shapes]
    shifts = rng.integers(0, 30, len(weights)).tolist()
    found = fixed_perceptron(mlp, NfpFormats(), x, weights, shifts)
    relus = [True] * hidden + [activation == "relu"]
    for row, sample in zip(found, x, strict=True):
        assert row.tolist() == naive.perceptron(sample, weights, shifts, relus, 16)


def test_perceptron_is_the_matrix_engine():
    mlp = MlpParams(inputs=20, outputs=3, width=32, hidden=1)
    rng = np.random.default_rng(5)
    x = rng.integers(-(1 << 15), 1 << 15, (9, 20))
    weights = [rng.integers(-(1 << 15), 1 << 15, shape) for shape in mlp.shapes]
    shifts = (16, 21)
    y = np.pad(x, ((0, 0), (0, 12)))
    for weight, shift, activation in zip(weights, shifts, ("relu", "none"), strict=True):
        params = MatrixParams(rows=4, columns=4, format="int16", bias=False, activation=activation)
        n = weight.shape[1]
        columns = ColumnParams(np.zeros(n, int), np.full(n, 1 << 14), np.full(n, shift + 14))
        y = MatrixEngine(params)(y, weight, columns)
    assert (fixed_perceptron(mlp, NfpFormats(), x, weights, shifts) == y).all()


def test_float_perceptron_has_no_bias_and_pads():
    mlp = MlpParams(inputs=5, outputs=2, width=16, hidden=2)
    rng = np.random.default_rng(6)
    weights = [rng.normal(size=shape) for shape in mlp.shapes]
    x = rng.normal(size=(4, 5))
    y = np.maximum(np.maximum(x @ weights[0][:5], 0) @ weights[1], 0) @ weights[2]
    np.testing.assert_allclose(float_perceptron(mlp, x, weights), y, rtol=1e-4, atol=1e-4)


def test_harmonics_are_orthonormal_real_spherical_harmonics():
    d = directions(50, 7)
    theta, phi = np.arccos(d[:, 2]), np.arctan2(d[:, 1], d[:, 0])
    found = float_harmonics(d)
    column = 0
    for degree in range(4):
        for order in range(-degree, degree + 1):
            y = sph_harm_y(degree, abs(order), theta, phi)
            part = y.real if order >= 0 else y.imag
            expected = part * (math.sqrt(2) if order else 1)
            np.testing.assert_allclose(found[:, column], expected, atol=2e-6)
            column += 1


def test_fixed_harmonics():
    formats = NfpFormats(direction_bits=16)
    raw = np.rint(directions(400, 8) * 2**14).astype(np.int64)
    raw[0] = (0, 0, 1 << 14)
    found = fixed_harmonics(formats, raw, 12)
    exact = float_harmonics(raw / 2.0**14)
    assert np.abs(found / 2.0**12 - exact).max() < 2**-12 * 2
    # one term by rational arithmetic: c12 * z * (5 z**2 - 3)
    z = Fraction(int(raw[9, 2]), 2**14)
    zz = Fraction(naive.half_up(z * z * 2**14), 2**14)
    product = Fraction(naive.half_up(z * (5 * zz - 3) * 2**14), 2**14)
    c = Fraction(round(math.sqrt(7 / (16 * math.pi)) * 2**16), 2**16)
    assert found[9, 12] == naive.half_up(c * product * 2**12)


def drawn(application: str):
    app = APPLICATIONS[application]
    grid = GridParams(dims=app.dims, levels=4, log2_entries=8, base=4, growth=1.5)
    params = NfpParams(grid=grid, mlps=app.mlps(grid, 32))
    rng = np.random.default_rng(9)
    weights = tuple(
        tuple(rng.normal(size=s).astype(np.float32) / math.sqrt(s[0]) * 1.4 for s in mlp.shapes)
        for mlp in params.mlps
    )
    table = rng.uniform(-0.5, 0.5, (grid.entries, 2)).astype(np.float32)
    positions = rng.random((300, app.dims)).astype(np.float32)
    seen = directions(300, 10).astype(np.float32) if app.radiance else None
    return params, Network(table, weights), positions, seen


@pytest.mark.parametrize("application", list(APPLICATIONS))
def test_quantised_network_follows_the_float_network(application):
    params, network, positions, seen = drawn(application)
    data = quantise(params, network, positions, seen)
    exact = FloatNetwork(params)(network, positions, seen)
    fixed = FixedNetwork(params)(data, positions, seen)
    assert exact.shape == (300, params.outputs)
    error = np.sqrt(np.mean((exact - fixed) ** 2)) / np.sqrt(np.mean(exact**2))
    assert error < 0.01
    half = FloatNetwork(params, np.float16)(network, positions, seen)
    assert np.sqrt(np.mean((exact - half) ** 2)) / np.sqrt(np.mean(exact**2)) < 0.005


def test_a_network_with_directions_needs_them():
    params, network, positions, _ = drawn("nerf")
    with pytest.raises(ValueError, match="directions must be given for this network, not None"):
        FloatNetwork(params)(network, positions, None)


def test_positions_and_directions_in_integers():
    fixed = FixedNetwork(drawn("nerf")[0])
    assert fixed.raw_positions(np.array([[0.0, 0.5, 1.0]])).tolist() == [
        [0, 1 << 17, (1 << 18) - 1]
    ]
    assert fixed.raw_directions(np.array([[-1.0, 0.0, 1.0]])).tolist() == [[-(1 << 14), 0, 1 << 14]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"banks": 6}, "banks must be a power of two, not 6"),
        ({"mlps": ()}, "mlps must be one or two perceptrons, not 0"),
        ({"mlps": (MlpParams(inputs=9, outputs=1),)}, r"mlps\[0\].inputs must be the 32 features"),
    ],
)
def test_bad_processor(change, message):
    grid = GridParams()
    choices = {"grid": grid, "mlps": (MlpParams(inputs=32, outputs=1),), **change}
    with pytest.raises(ValueError, match=message):
        NfpParams(**choices)


def test_pruned_levels_are_constant_and_the_others_stay():
    params = NfpParams(
        grid=GridParams(levels=4, log2_entries=8, base=4, growth=1.5),
        mlps=(MlpParams(inputs=8, outputs=1, width=16),),
    )
    rng = np.random.default_rng(0)
    table = rng.normal(size=(params.grid.entries, 2)).astype(np.float32)
    kept = keep_levels(params, Network(table, ()), 3)
    positions = rng.random((50, 3), np.float32)
    before, after = (FloatGrid(params.grid)(positions, t) for t in (table, kept.table))
    assert (before[:, :6] == after[:, :6]).all()
    last = params.grid.tables[3]
    mean = table[last.offset : last.offset + last.entries].mean(axis=0)
    assert np.allclose(after[:, 6:], mean, atol=1e-5)
    with pytest.raises(ValueError, match="kept must be 1 to 4, not 5"):
        keep_levels(params, Network(table, ()), 5)
