"""The whole neural field processor under Verilator: bits of the reference, cycles of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archsim.config import load_device
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpParams
from archsim.config.ngpc_schedule import schedule
from archsim.errors import ConfigError
from archsim.functional.ngpc import FixedNetwork
from cosim.compiled import Stimulus
from cosim.errors import CosimError
from cosim.ngpc import ProcessorBench, ProcessorCase, check, pack_samples
from cosim.ngpc_draw import draw_data, draw_samples
from cosim.ngpc_recorded import matching, probe, reference_wrong
from hdl.ngpc.design import check as check_design

GRID = GridParams(levels=3, log2_entries=6, base=3, growth=2.0)


def processor(grid: GridParams, **choices) -> NfpParams:
    mlp = MlpParams(inputs=grid.outputs, outputs=3, width=16, **choices.pop("mlp", {}))
    array = {"mlp_rows": 2, "mlp_columns": 16, "mlp_lanes": 4, "banks": 1, "levels_per_engine": 3}
    return NfpParams(grid=grid, mlps=(mlp,), **{**array, **choices})


def radiance(grid: GridParams) -> NfpParams:
    density = MlpParams(inputs=grid.outputs, outputs=16, width=32, hidden=1)
    return NfpParams(
        grid=grid, mlps=(density, MlpParams(inputs=32, outputs=3, width=32, hidden=1)), banks=1,
        levels_per_engine=1, mlp_rows=3, mlp_columns=16, mlp_lanes=8,
    )  # fmt: skip


def run(params: NfpParams, count: int, percent: int = 0, seed: int = 1) -> ProcessorCase:
    data = draw_data(params, seed)
    positions, directions = draw_samples(params, count, seed + percent)
    expected = FixedNetwork(params).raw(data, positions, directions)
    bench = ProcessorBench(params, data, Stimulus(seed=seed, idle=percent, stall=percent))
    return check(bench, "random", expected, positions, directions)


QUICK = {
    "slow_drain": processor(GRID, mlp_lanes=1, mlp={"hidden": 1, "output_activation": "relu"}),
}
ALL = {
    "two_processors": processor(GRID, processors=2),
    "plain": processor(GRID),
    "flat": processor(replace(GRID, dims=2)),
    "smooth": processor(replace(GRID, interpolation="smoothstep")),
    "parts": processor(GRID, mlp={"hidden": 3}, mlp_rows=1, mlp_columns=16, mlp_lanes=16),
    "banked": processor(GRID, banks=4, levels_per_engine=1),
    "radiance": radiance(GRID),
    "four_features": processor(replace(GRID, features=4), mlp_rows=5),
}


def agrees(params: NfpParams, count: int) -> ProcessorCase:
    """Check quiet runs and one with pauses; return the latter."""
    for samples in (1, count):
        quiet = run(params, samples)
        assert quiet.mismatches == 0
        assert abs(quiet.model_cycles - quiet.rtl_cycles) <= max(2, 0.01 * quiet.rtl_cycles)
        assert quiet.bound_cycles <= quiet.rtl_cycles
    waiting = run(params, count, percent=40)
    assert waiting.mismatches == 0
    return waiting


@pytest.mark.parametrize("name", QUICK)
def test_bits_and_cycles(name):
    assert agrees(QUICK[name], 101).counters["stall_output"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_bits_and_cycles_of_other_shapes(name):
    agrees(ALL[name], 501)


@pytest.mark.slow
@pytest.mark.parametrize("application", ["nsdf", "nerf", "gia", "nvr"])
def test_the_shipped_processor(application):
    agrees(load_device("ngpc/small").params_for(application), 2000)


@pytest.mark.slow
def test_features_are_those_of_a_gpu():
    params = load_device("ngpc/small").params
    golden = matching(params)[0]
    assert reference_wrong(params, golden) == 0
    for feature in (0, 15):
        bench = ProcessorBench(params, probe(params, golden.table, feature), Stimulus(seed=2))
        found = bench.run(golden.positions).outputs
        assert (found[:, 0] == golden.features[:, feature]).all()


def test_a_probe_hands_features_on():
    params = load_device("ngpc/small").params_for("gia")
    golden = next(g for g in matching(params) if g.name == "small_2d")
    found = FixedNetwork(params).raw(probe(params, golden.table, 5), golden.positions)
    assert (found == golden.features[:, 5:8]).all()


def test_samples_are_packed_without_gaps():
    params = radiance(GRID)
    positions, directions = draw_samples(params, 50, 3)
    beats = np.frombuffer(pack_samples(params, positions, directions, 128), "<u8").reshape(50, 2)
    for row, position, direction in zip(beats.tolist(), positions, directions, strict=True):
        word = sum(int(x) << (18 * n) for n, x in enumerate(position))
        word |= sum((int(x) & 0xFFFF) << (54 + 16 * n) for n, x in enumerate(direction))
        assert row[0] | row[1] << 64 == word


def test_a_wrong_weight_is_found():
    params = QUICK["slow_drain"]
    data = draw_data(params, 1)
    positions, _ = draw_samples(params, 40, 1)
    expected = FixedNetwork(params).raw(data, positions)
    data.weights[0][1][0, 0] ^= 1 << 10
    found = check(ProcessorBench(params, data, Stimulus()), "broken", expected, positions, None)
    assert 0 < found.mismatches <= 40


def test_a_truncated_simulation_is_an_error(monkeypatch):
    params = QUICK["slow_drain"]
    bench = ProcessorBench(params, draw_data(params, 1), Stimulus())
    monkeypatch.setattr(bench, "program", "/bin/false")
    with pytest.raises(CosimError, match="ended with code 1"):
        bench.run(draw_samples(params, 4, 1)[0])


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (processor(GRID, levels_per_engine=2), "a divisor of grid.levels"),
        (processor(GRID, banks=2), "levels take turns on an engine with one bank"),
        (processor(GRID, processors=3), "a power of two up to 16"),
        (processor(GRID, mlp_columns=8), "at least the outputs, padded"),
    ],
)
def test_what_cannot_be_made_is_one_sentence(params, sentence):
    with pytest.raises(ConfigError, match=sentence):
        check_design(params)


def test_a_round_hides_every_latency():
    for params in (*QUICK.values(), *ALL.values()):
        plan = schedule(params)
        drain = params.mlp_rows * params.mlp_columns // params.mlp_lanes
        starts, ends, at = {}, {}, 0
        for tile in plan.tiles:
            for slot in range(plan.slots):
                starts.setdefault((tile.layer, slot), at + tile.cycles - tile.steps)
                at += tile.cycles
                ends[tile.layer, slot] = at + 11 + drain
        for (layer, slot), start in starts.items():
            assert start >= ends.get((layer - 1, slot), 0)
