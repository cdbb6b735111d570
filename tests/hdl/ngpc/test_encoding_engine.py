"""The encoding engine in Amaranth's simulator: every bit of the reference, cycles of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpFormats, NfpParams
from archsim.functional.ngpc import FixedGrid, stored_words
from archsim.models.ngpc.banks import count_cycles, words_of
from hdl.ngpc.engine import EncodingEngine

GRID = GridParams(levels=3, log2_entries=7, base=4, growth=2.0)
FORMATS = NfpFormats(position_bits=12, scale_fraction_bits=4, fraction_bits=5, feature_bits=8)


def processor(grid: GridParams, **choices) -> NfpParams:
    formats = choices.pop("formats", FORMATS)
    mlps = (MlpParams(inputs=grid.outputs, outputs=1),)
    return NfpParams(grid=grid, mlps=mlps, formats=formats, **choices)


def drawn(params: NfpParams, count: int, seed: int = 0):
    """Positions, half of them in runs along an axis, and a table."""
    rng = np.random.default_rng(seed)
    top = 1 << params.formats.position_bits
    half = 1 << (params.formats.feature_bits - 1)
    positions = rng.integers(0, top, (count, params.grid.dims))
    runs = positions[count // 2 :: 8].repeat(8, axis=0)[: count - count // 2]
    runs = (runs + np.arange(len(runs))[:, None] % 8 * (top // 64)) % top
    positions[count // 2 :] = runs
    table = rng.integers(-half, half, (params.grid.entries, params.grid.features))
    return positions, table


def packed(values, bits):
    return sum((int(v) & ((1 << bits) - 1)) << (bits * n) for n, v in enumerate(values))


def simulate(params, level, positions, table, *, idle=0.0, wait=0.0, seed=0):
    """Results, and cycles from the first position taken to the last result, less the latency."""
    engine = EncodingEngine(params, level)
    words = stored_words(params, level, table)
    rng = np.random.default_rng(seed)
    bits, width = params.formats.feature_bits, params.formats.position_bits
    results, marks = [], []

    async def source(ctx):
        ctx.set(engine.load.valid, 1)
        for address, word in enumerate(words):
            ctx.set(engine.load.payload, {"address": address, "data": word})
            await ctx.tick().until(engine.load.ready)
        ctx.set(engine.load.valid, 0)
        for n, position in enumerate(positions):
            while rng.random() < idle:
                await ctx.tick()
            ctx.set(engine.i.valid, 1)
            ctx.set(engine.i.payload, packed(position, width))
            await ctx.tick().until(engine.i.ready)
            if n == 0:
                marks.append(now[0])
            ctx.set(engine.i.valid, 0)

    now = [0]

    async def clock(ctx):
        while True:
            await ctx.tick()
            now[0] += 1

    async def sink(ctx):
        while len(results) < len(positions):
            taken = rng.random() >= wait
            ctx.set(engine.o.ready, taken)
            _, _, valid, payload = await ctx.tick().sample(engine.o.valid, engine.o.payload)
            if valid and taken:
                raw = [
                    payload >> (bits * f) & ((1 << bits) - 1) for f in range(params.grid.features)
                ]
                results.append([r - (r >> (bits - 1) << bits) for r in raw])
        marks.append(now[0])

    simulator = Simulator(engine)
    simulator.add_clock(1e-8)
    simulator.add_testbench(clock, background=True)
    simulator.add_testbench(source, background=True)
    simulator.add_testbench(sink)
    simulator.run()
    return np.array(results), marks[1] - marks[0] - engine.latency


CASES = {
    "hashed": (GRID, 2, {}),
    "dense": (GRID, 0, {}),
    "dense_2d": (replace(GRID, dims=2, kind="dense"), 1, {}),
    "hashed_2d": (replace(GRID, dims=2, log2_entries=5), 2, {}),
    "smooth": (replace(GRID, interpolation="smoothstep"), 2, {}),
    "one_feature": (replace(GRID, features=1), 2, {}),
    "four_features": (replace(GRID, features=4), 2, {}),
    "two_banks": (GRID, 2, {"banks": 2}),
    "one_bank": (GRID, 0, {"banks": 1}),
    "shallow": (GRID, 2, {"queue_depth": 1}),
    "wide": (GRID, 2, {"formats": NfpFormats(position_bits=18)}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_bits_with_idle_cycles_and_back_pressure(name):
    grid, level, choices = CASES[name]
    params = processor(grid, **choices)
    positions, table = drawn(params, 40)
    columns = slice(level * grid.features, (level + 1) * grid.features)
    wanted = FixedGrid(params)(positions, table)[:, columns]
    found, _ = simulate(params, level, positions, table, idle=0.3, wait=0.3, seed=1)
    assert (found == wanted).all()


@pytest.mark.parametrize("name", ["hashed", "dense", "dense_2d", "two_banks", "shallow"])
def test_cycles_are_the_models(name):
    grid, level, choices = CASES[name]
    params = processor(grid, **choices)
    positions, table = drawn(params, 100)
    found, cycles = simulate(params, level, positions, table)
    columns = slice(level * grid.features, (level + 1) * grid.features)
    assert (found == FixedGrid(params)(positions, table)[:, columns]).all()
    cells, _ = FixedGrid(params).cells(grid.tables[level], positions)
    words = words_of(grid, grid.tables[level], cells)
    predicted, _ = count_cycles(words, params.banks, params.queue_depth)
    assert cycles == predicted
    if name.startswith("dense"):
        assert predicted <= len(positions) + 1
