"""The trainer: its compiled encoding, its gradients, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archsim.config.ngpc_applications import APPLICATIONS
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import FloatGrid, FloatNetwork
from workloads.neural.encode import GridBatch
from workloads.neural.learn import Trainable
from workloads.neural.train import Schedule, _Rays, train

GRID = GridParams(dims=3, levels=4, log2_entries=8, base=4, growth=1.6)


def params_of(application: str, grid: GridParams = GRID) -> NfpParams:
    app = APPLICATIONS[application]
    grid = replace(grid, dims=app.dims)
    return NfpParams(grid=grid, mlps=app.mlps(grid, 16))


def directions(rng, count):
    d = rng.normal(size=(count, 3))
    return (d / np.linalg.norm(d, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("interpolation", ["linear", "smoothstep"])
@pytest.mark.parametrize("kind", ["hash", "dense", "tiled"])
@pytest.mark.parametrize("dims", [2, 3])
def test_compiled_encoding_is_the_reference(dims, kind, interpolation):
    grid = replace(GRID, dims=dims, kind=kind, interpolation=interpolation)
    rng = np.random.default_rng(0)
    table = rng.normal(size=(grid.entries, 2)).astype(np.float32)
    positions = rng.random((300, dims), np.float32)
    found = GridBatch(grid, positions).encode(table)
    np.testing.assert_allclose(found, FloatGrid(grid)(positions, table), atol=3e-5)


def test_gradient_of_the_encoding_is_its_transpose():
    rng = np.random.default_rng(1)
    batch = GridBatch(GRID, rng.random((50, 3), np.float32))
    table = rng.normal(size=(GRID.entries, 2)).astype(np.float32)
    upstream = rng.normal(size=(50, GRID.outputs)).astype(np.float32)
    assert np.isclose((batch.encode(table) * upstream).sum(), (batch.gradient(upstream) * table).sum(), rtol=1e-4)  # fmt: skip  # noqa: E501


@pytest.mark.parametrize("application", list(APPLICATIONS))
def test_forward_is_the_network_and_backward_its_gradient(application):
    params = params_of(application)
    model = Trainable(params, 3)
    rng = np.random.default_rng(4)
    model.table[...] = rng.normal(size=model.table.shape) * 0.5
    positions = rng.random((40, params.grid.dims), np.float32)
    seen = directions(rng, 40) if params.directions else None
    upstream = rng.normal(size=(40, params.outputs)).astype(np.float32)
    out = model.forward(positions, seen)
    np.testing.assert_allclose(
        out, FloatNetwork(params)(model.network(), positions, seen), rtol=1e-3, atol=1e-4
    )
    gradients = model.backward(upstream)
    step = 2e-4  # few units cross their kink
    for parameter, gradient in zip(model.parameters, gradients, strict=True):
        way = rng.normal(size=parameter.shape).astype(np.float32)
        kept = parameter.copy()
        values = []
        for sign in (1, -1):
            parameter[...] = kept + sign * step * way
            values.append(
                float((model.forward(positions, seen).astype(np.float64) * upstream).sum())
            )
        parameter[...] = kept
        slope = (values[0] - values[1]) / (2 * step)
        assert np.isclose(slope, (gradient.astype(np.float64) * way).sum(), rtol=0.05, atol=0.08)


def test_gradient_through_the_compositing():
    step_of = _Rays(Trainable(params_of("nerf"), 5))
    rng = np.random.default_rng(6)
    shape, background = (3, 7), rng.random((3, 3))
    rows = np.array([0, 1, 2, 5, 9, 10, 11, 20])
    raw = rng.normal(size=(len(rows), 4)) + np.array([3, 0, 0, 0])
    wanted = rng.random((3, 3))
    heard = []
    step_of.model.backward = heard.append  # type: ignore[method-assign]
    step_of._loss(raw, rows, shape, background, wanted, 1.0)
    for row in range(len(rows)):
        for column in range(4):
            losses = []
            for sign in (1, -1):
                moved = raw.copy()
                moved[row, column] += sign * 1e-4
                losses.append(step_of._loss(moved, rows, shape, background, wanted, 1.0)[0])
            slope = (losses[0] - losses[1]) / 2e-4
            assert np.isclose(slope, heard[0][row, column], rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("application", list(APPLICATIONS))
def test_training_learns(application):
    grid = replace(GRID, log2_entries=10, base=8)
    losses = []
    rays = application == "nerf"
    schedule = Schedule(steps=101, batch=64 if rays else 1024)
    train(
        application, params_of(application, grid), schedule, 0, lambda _, loss: losses.append(loss)
    )
    assert losses[-1] < losses[0] * (0.8 if rays else 0.35)


def test_training_twice_gives_the_same_numbers():
    params = params_of("gia")
    first, second = (train("gia", params, Schedule(steps=5, batch=256)) for _ in range(2))
    assert (first.table == second.table).all()
