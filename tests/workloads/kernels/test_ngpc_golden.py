"""Neural-graphics kernels: what an H200 computed, and the kernels in the CUDA simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archsim.config.ngpc_params import NfpFormats
from archsim.functional.ngpc import FixedGrid, FloatGrid, fixed_perceptron
from workloads.kernels.ngpc_golden import (
    GRIDS,
    HALVES,
    KEPT,
    MLPS,
    SAMPLES,
    digest,
    draw_grid,
    draw_mlp,
    half_inputs,
    params_of,
)

GOLDEN = Path(__file__).parents[3] / "cosim" / "golden"
META = json.loads((GOLDEN / "ngpc.json").read_text())

SIMULATED = """
import warnings
warnings.simplefilter("ignore")  # integers wrap
import numpy as np
from archsim.config.ngpc_params import NfpFormats
from archsim.functional.ngpc import FixedGrid, fixed_perceptron
from workloads.kernels import ngpc_golden as golden, ngpc_grid, ngpc_mlp
for name in golden.GRIDS:
    if name in ("wide", "paper_nerf"):
        continue  # many levels, nothing new
    positions, table = golden.draw_grid(name, 3)
    params = golden.params_of(name)
    found = ngpc_grid.encode_fixed(params, positions, table)
    assert (found == FixedGrid(params)(positions, table)).all(), name
x, weights, shifts = golden.draw_mlp("narrow")
mlp = golden.MLPS["narrow"]
found = ngpc_mlp.perceptron_fixed(mlp, NfpFormats(), x[:17], weights, shifts)
assert (found == fixed_perceptron(mlp, NfpFormats(), x[:17], weights, shifts)).all()
"""


@pytest.fixture(scope="module")
def stored():
    with np.load(GOLDEN / "ngpc.npz") as file:
        return {name: file[name] for name in file.files}


def test_recorded_on_an_h200():
    assert META["_meta"]["device"] == "NVIDIA H200"
    assert len(META["cases"]) == len(GRIDS) + len(MLPS) + len(HALVES)
    for name in GRIDS:
        assert META["cases"][f"grid_{name}"]["results"][0] == SAMPLES >= 1_000_000


@pytest.mark.parametrize("name", GRIDS)
def test_first_encodings_equal_the_gpu(stored, name):
    positions, table = draw_grid(name)
    found = FixedGrid(params_of(name))(positions[:KEPT], table)
    assert (found == stored[f"grid_{name}"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_a_million_encodings_equal_the_gpu(name):
    found = FixedGrid(params_of(name))(*draw_grid(name))
    assert digest(found) == META["cases"][f"grid_{name}"]["sha256"]


@pytest.mark.parametrize("name", MLPS)
def test_perceptrons_equal_the_gpu(stored, name):
    x, weights, shifts = draw_mlp(name)
    found = fixed_perceptron(MLPS[name], NfpFormats(), x, weights, shifts)
    assert (found[:KEPT] == stored[f"mlp_{name}"]).all()
    assert digest(found) == META["cases"][f"mlp_{name}"]["sha256"]


@pytest.mark.parametrize("name", HALVES)
def test_half_encodings_equal_the_gpu(stored, name):
    found = FloatGrid(GRIDS[name][0], np.float16)(*half_inputs(name))
    assert (found.view(np.int16) == stored[f"half_{name}"]).all()


def test_kernels_in_the_simulator():
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SIMULATED],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
