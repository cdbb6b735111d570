"""tiny-cuda-nn's encoding of 2022 as machine code, against its rounding written out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda

from archsim.config.ngpc_grid import GridParams
from archsim.functional.ngpc import FloatGrid, corner_indices
from archsim.models.gpu.sm.execute import run
from workloads.kernels import ngpc_tcnn
from workloads.kernels.ngpc_grid import THREADS

GRIDS = {
    "hashed": GridParams(dims=3, levels=2, features=2, log2_entries=8, base=6, growth=2.0),
    "tiled": GridParams(dims=3, levels=2, features=8, base=7, growth=1.0, kind="tiled"),
    "plane": GridParams(dims=2, levels=2, features=8, base=9, growth=1.5, kind="dense"),
}


def reference(grid: GridParams, positions, table):
    """Each product rounded to single precision, then to half, then added in half."""
    out = np.zeros((grid.levels, len(positions), grid.features), np.float16)
    for level in grid.tables:
        cells, within = FloatGrid(grid).cells(level, positions)
        indices = corner_indices(level, cells) + level.offset
        for corner in range(grid.corners):
            weight = np.ones(len(positions), np.float32)
            for axis in range(grid.dims):
                part = within[:, axis]
                weight = weight * (part if corner >> axis & 1 else np.float32(1) - part)
            products = weight[:, None] * table[indices[:, corner]].astype(np.float32)
            out[level.number] += products.astype(np.float16)
    return out


@pytest.mark.parametrize("name", GRIDS)
def test_machine_code_rounds_as_the_release_did(name):
    grid = GRIDS[name]
    rng = np.random.default_rng(5)
    positions = rng.random((60, grid.dims), np.float32)
    table = rng.normal(size=(grid.entries, grid.features)).astype(np.float16)
    out = np.zeros((grid.levels, len(positions), grid.features // 2), np.uint32)
    kernel = ngpc_tcnn.grid_kernel(grid.dims, grid.features, False, grid.kind == "hash")
    scales = np.array([t.scale for t in grid.tables], np.float32)
    arguments = (
        np.ascontiguousarray(positions.T), np.ascontiguousarray(table).view(np.uint32),
        scales, ngpc_tcnn.level_rows(grid), np.float32(0), out,
    )  # fmt: skip
    run(cuda.jit(kernel), (1, grid.levels), THREADS, arguments, check=True)
    np.testing.assert_array_equal(out.view(np.float16), reference(grid, positions, table))


def test_other_counts_of_features_are_refused():
    with pytest.raises(ValueError, match="features must be 2 or 8, not 4"):
        ngpc_tcnn.grid_kernel(3, 4, False, True)
