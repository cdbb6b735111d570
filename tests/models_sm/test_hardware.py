"""The executed machine code against what an H200 computed from the same kernels, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda

from archsim.models.gpu.sm.execute import run
from workloads.kernels import matmul_int, ngpc_golden, ngpc_half, products
from workloads.kernels.golden import CASES
from workloads.kernels.ngpc_grid import THREADS, level_rows

GOLDEN = Path(__file__).parents[2] / "cosim" / "golden"
PRODUCTS = {case.name: case for case in CASES}


def ordinary(names, quick):
    """Parameters of which only ``quick`` run outside ``make test-full``."""
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in names]


@pytest.mark.parametrize(
    "name",
    ordinary(
        ("primes", "relu_even", "gelu", "half_away", "int16_even", "wide_even"),
        ("relu_even", "gelu", "wide_even"),
    ),
)
def test_requantised_products_are_those_of_the_gpu(name):
    case = PRODUCTS[name]
    out = np.zeros((case.m, case.n), np.int32)
    arrays, codes = products.host_arguments(
        case.product(), case.format, case.rounding, case.activation, case.table()
    )
    block = (matmul_int.TILE, matmul_int.TILE)
    run(cuda.jit(matmul_int.requantised_product), products.grid(case.product()), block,
        (*arrays, *codes, out), check=True)  # fmt: skip
    np.testing.assert_array_equal(out, np.load(GOLDEN / f"{name}.npz")["out"])


@pytest.mark.parametrize("name", ordinary(ngpc_golden.HALVES, ("small", "smooth")))
def test_half_precision_encodings_are_those_of_the_gpu(name):
    grid = ngpc_golden.GRIDS[name][0]
    positions, table = ngpc_golden.half_inputs(name)
    out = np.zeros((len(positions), grid.levels), np.uint32)
    packed = np.ascontiguousarray(table).view(np.uint32).ravel()
    levels = level_rows(grid, [0] * grid.levels)
    scales = np.array([t.scale for t in grid.tables], np.float32)
    kernel = ngpc_half.grid_kernel(grid.dims, grid.interpolation == "smoothstep")
    blocks = (-(-len(positions) // THREADS), grid.levels)
    run(cuda.jit(kernel), blocks, THREADS, (positions, packed, scales, levels, out), check=True)
    want = np.load(GOLDEN / "ngpc.npz")[f"half_{name}"]
    np.testing.assert_array_equal(out.view(np.int16), want)
