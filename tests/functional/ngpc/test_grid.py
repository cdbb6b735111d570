"""The grid encodings against a naive version, and what must hold of any grid."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpFormats, NfpParams
from archsim.functional.ngpc import FixedGrid, FloatGrid

sys.path.insert(0, str(Path(__file__).parent))
import naive

GRIDS = st.builds(
    GridParams,
    dims=st.sampled_from([2, 3]), levels=st.integers(1, 5), features=st.sampled_from([1, 2, 4, 8]),
    log2_entries=st.integers(4, 12), base=st.integers(2, 17),
    growth=st.floats(1.0, 2.0), kind=st.sampled_from(["hash", "dense", "tiled"]),
    interpolation=st.sampled_from(["linear", "smoothstep"]),
)  # fmt: skip
FORMATS = st.builds(
    NfpFormats,
    position_bits=st.integers(10, 24), scale_fraction_bits=st.integers(0, 12),
    fraction_bits=st.integers(1, 10), feature_bits=st.integers(2, 16),
)  # fmt: skip


def small(grid: GridParams) -> GridParams:
    """``grid``, with a table that a test can fill."""
    return replace(grid, levels=2) if grid.entries > 100_000 else grid


def spec(grid: GridParams):
    return naive.levels(
        grid.dims, grid.levels, grid.log2_entries, grid.base, grid.growth, grid.kind
    )


def nfp(grid: GridParams, formats: NfpFormats) -> NfpParams:
    return NfpParams(grid=grid, mlps=(MlpParams(inputs=grid.outputs, outputs=1),), formats=formats)


@settings(deadline=None)
@given(GRIDS)
def test_levels(grid):
    assert [(t.scale, t.resolution, t.entries, t.hashed) for t in grid.tables] == spec(grid)
    assert [t.offset for t in grid.tables] == [
        sum(t.entries for t in grid.tables[:n]) for n in range(grid.levels)
    ]


@settings(max_examples=40, deadline=None)
@given(GRIDS, st.integers(0, 2**32))
def test_float_equals_naive(grid, seed):
    grid = small(grid)
    rng = np.random.default_rng(seed)
    table = rng.uniform(-1, 1, (grid.entries, grid.features)).astype(np.float32)
    positions = rng.random((4, grid.dims), np.float32)
    positions[0] = rng.integers(0, 2, grid.dims)  # a corner of the unit cube
    found = FloatGrid(grid)(positions, table)
    smooth = grid.interpolation == "smoothstep"
    for row, position in zip(found, positions, strict=True):
        expected = naive.encode_float(spec(grid), grid.features, position.tolist(), table, smooth)
        np.testing.assert_allclose(row, expected, atol=3e-6)


@settings(max_examples=40, deadline=None)
@given(GRIDS, FORMATS, st.integers(0, 2**32))
def test_fixed_equals_naive(grid, formats, seed):
    grid = small(grid)
    params = nfp(grid, formats)
    rng = np.random.default_rng(seed)
    half = 1 << (formats.feature_bits - 1)
    table = rng.integers(-half, half, (grid.entries, grid.features))
    positions = rng.integers(0, 1 << formats.position_bits, (4, grid.dims))
    positions[0] = rng.choice([0, (1 << formats.position_bits) - 1], grid.dims)
    found = FixedGrid(params)(positions, table)
    smooth = grid.interpolation == "smoothstep"
    for row, position in zip(found, positions, strict=True):
        expected = naive.encode_fixed(
            spec(grid), grid.features, formats, position.tolist(), table.tolist(), smooth
        )
        assert row.tolist() == expected


def test_half_rounds_at_every_step():
    grid = GridParams(dims=2, levels=3, log2_entries=6, base=4, growth=1.7)
    rng = np.random.default_rng(1)
    table = rng.uniform(-1, 1, (grid.entries, 2)).astype(np.float16)
    positions = rng.random((200, 2), np.float32)
    found = FloatGrid(grid, np.float16)(positions, table)
    assert found.dtype == np.float16
    level = grid.tables[1]
    cells, within = FloatGrid(grid).cells(level, positions)
    for n in range(len(positions)):
        total = np.float16(0)
        for corner in naive.corners(2):
            w = np.float32(1)
            for axis, bit in enumerate(corner):
                w *= within[n, axis] if bit else np.float32(1) - within[n, axis]
            vertex = [int(c) + bit for c, bit in zip(cells[n], corner, strict=True)]
            at = level.offset + naive.index(vertex, level.resolution, level.entries, level.hashed)
            product = np.longdouble(np.float16(w)) * np.longdouble(table[at, 0])
            total = np.float16(product + np.longdouble(total))
        assert found[n, 2] == total


def test_a_fixed_grid_of_wide_numbers_follows_the_float_grid():
    grid = GridParams(levels=6, log2_entries=10, base=8, growth=1.5)
    formats = NfpFormats(position_bits=24, scale_fraction_bits=16, fraction_bits=16)
    rng = np.random.default_rng(2)
    table = rng.uniform(-1, 1, (grid.entries, 2)).astype(np.float32)
    positions = rng.integers(0, 1 << 24, (500, 3))
    raw = np.rint(table * 2.0**15).clip(-(2**15), 2**15 - 1).astype(np.int64)
    fixed = FixedGrid(nfp(grid, formats))(positions, raw) / 2.0**15
    exact = FloatGrid(grid)((positions / 2.0**24).astype(np.float32), table)
    assert np.abs(fixed - exact).max() < 5e-4


def test_interpolation_reproduces_a_linear_field_on_dense_levels():
    grid = GridParams(levels=1, base=9, features=1, kind="dense")
    z, y, x = np.meshgrid(*(np.arange(9),) * 3, indexing="ij")
    field = (x + 2 * y + 3 * z).reshape(-1, 1).astype(np.float32)
    table = np.vstack((field, np.zeros((grid.entries - len(field), 1), np.float32)))
    positions = np.random.default_rng(3).uniform(0, 0.9, (100, 3)).astype(np.float32)
    expected = (positions * 8 + 0.5) @ [1, 2, 3]
    np.testing.assert_allclose(FloatGrid(grid)(positions, table)[:, 0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("positions", "table", "message"),
    [
        (np.zeros((1, 2), int), np.zeros((512, 1), int), r"positions must have shape \[n, 3\]"),
        (np.zeros((1, 3), int), np.zeros((1, 1), int), r"table must have shape \[512, 1\]"),
        (np.full((1, 3), 1 << 18), np.zeros((512, 1), int), "positions must be 0 to 262143"),
        (np.zeros((1, 3)), np.zeros((512, 1), int), "positions must hold integers"),
        (np.zeros((1, 3), int), np.full((512, 1), 1 << 15), "table must be -32768 to 32767"),
    ],
)
def test_bad_operands(positions, table, message):
    params = nfp(GridParams(levels=1, base=8, features=1, kind="dense"), NfpFormats())
    with pytest.raises((TypeError, ValueError), match=message):
        FixedGrid(params)(positions, table)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dims": 4}, "dims must be 2 to 3, not 4"),
        ({"levels": True}, "levels must be an integer, not True"),
        ({"features": 3}, "features must be one of 1, 2, 4, 8, not 3"),
        ({"kind": "octree"}, "kind must be one of hash, dense, tiled, not 'octree'"),
        ({"growth": 9.0}, "growth must be 1 to 8, not 9.0"),
        ({"kind": "dense"}, "growth must keep a dense grid's finest level at 1024"),
    ],
)
def test_bad_choices(change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        GridParams(**change)
