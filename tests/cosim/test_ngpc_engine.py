"""The encoding engine under Verilator: many positions, every bit, the model's cycles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archsim.config import load_device
from cosim.errors import HangError
from cosim.ngpc_campaign import KINDS, run_point
from cosim.ngpc_engine import EngineRun, run_engine
from cosim.place import build_folder
from workloads.kernels.ngpc_golden import GRIDS

SMALL = load_device("ngpc/small").params_for("nsdf")
BANKED = replace(SMALL, banks=8, levels_per_engine=1)
COUNT = 20_000


@pytest.fixture(scope="module")
def folder() -> Path:
    return build_folder()


def run(params, level, folder, **stimulus) -> EngineRun:
    rng = np.random.default_rng(level)
    half = 1 << (params.formats.feature_bits - 1)
    table = rng.integers(-half, half, (params.grid.entries, params.grid.features))
    top = 1 << params.formats.position_bits
    positions = rng.integers(0, top, (COUNT, params.grid.dims))
    return run_engine(params, level, positions, table, folder, **stimulus)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "least"), [(0, 0.99), (7, 0.95)])
def test_bits_cycles_and_rate(level, least, folder):
    quiet = run(BANKED, level, folder)
    assert quiet.mismatches == 0
    assert quiet.rtl_cycles == quiet.model_cycles
    assert quiet.samples_per_cycle >= least
    assert run(BANKED, level, folder, idle=20, stall=30, seed=3).mismatches == 0


def test_a_small_engine(folder):
    grid = replace(SMALL.grid, dims=2, levels=1, features=1, base=5)
    params = replace(
        SMALL, grid=grid, mlps=(replace(SMALL.mlps[0], inputs=1),), banks=2, queue_depth=2
    )
    quiet = run(params, 0, folder)
    assert (quiet.mismatches, quiet.rtl_cycles) == (0, quiet.model_cycles)
    assert run(params, 0, folder, idle=30, stall=30, seed=1).mismatches == 0
    with pytest.raises(HangError, match="the engine gave no result"):
        run(params, 0, folder, stall=100)


def agrees(result):
    assert result.wrong == 0
    assert abs(result.rtl_cycles - result.model_cycles) <= 0.01 * result.rtl_cycles


def test_levels_in_turn_on_one_bank():
    agrees(run_point("serial small_2d", 3000))


@pytest.mark.slow
def test_an_engine_a_level(monkeypatch):
    monkeypatch.setattr("cosim.ngpc_campaign.MOST_WORDS", 4095)  # eight_features has 4096
    result = run_point("serial eight_features", 3000)
    assert (result.wrong, result.rtl_cycles) == (0, result.model_cycles)


CASES = [f"{kind} {grid}" for kind in KINDS for grid in GRIDS]
CASES.remove("serial paper_nerf")  # no memory holds its levels: 16 engines, hours of simulation


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_million_positions(case):
    agrees(run_point(case))
