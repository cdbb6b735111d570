"""The unified linear unit against the reference, bits and cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from archsim.config.edgemoe_params import SMALL, engine_params
from archsim.functional.edgemoe.fixed import narrow
from archsim.functional.edgemoe.layers import Linear, add
from archsim.functional.gelu import Gelu
from archsim.functional.matrix import ColumnParams
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack
from archsim.models.array import engine_cycles
from archsim.numeric.edgemoe import gelu_params
from cosim.edgemoe_words import packed
from hdl.edgemoe.linear import EPILOGUE_CYCLES, LinearUnit
from hdl.matrix.engine import COUNTERS

WIDE = replace(SMALL, tile_in=2, tile_out=8)


def tiles(params, job, matrix):
    """Rows of a result in the order in which they leave: (row, first column)."""
    base = 0
    for held in job.group_sizes():
        for n in range(job.n_tiles):
            for row in range(base * params.tile_in, min((base + held) * params.tile_in, job.m)):
                yield row, n * params.tile_out
        base += held


def simulate(params, job, beats, scores, old, gelu, weigh, expected, seed):
    """Run one layer; return its rows, the engine's counters and the cycle of the last row."""
    unit = LinearUnit(params)
    rng = np.random.default_rng(seed)
    rows, state = [], {}

    async def bench(ctx):
        queues = {"i": list(beats), "score": list(scores), "old": list(old)}
        ctx.set(unit.gelu, gelu)
        ctx.set(unit.weigh, weigh)
        for name in ("k", "groups", "held", "last_held", "n_tiles", "last_rows", "stream_a"):
            ctx.set(unit.job[name], int(getattr(job, name)))
        ctx.set(unit.start, 1)
        await ctx.tick()
        ctx.set(unit.start, 0)
        for cycle in range(1, 20000):
            for name, queue in queues.items():
                port = getattr(unit, name)
                offer = bool(queue) and (seed is None or rng.random() < 0.7)
                ctx.set(port.valid, int(offer))
                if offer:
                    ctx.set(port.payload, queue[0])
            ctx.set(unit.o.ready, int(seed is None or rng.random() < 0.7))
            if ctx.get(unit.o.valid) and ctx.get(unit.o.ready):
                rows.append(ctx.get(unit.o.payload))
            for name, queue in queues.items():
                port = getattr(unit, name)
                if ctx.get(port.valid) and ctx.get(port.ready):
                    queue.pop(0)
            if len(rows) == expected:
                state["cycle"] = cycle
                break
            await ctx.tick()
        await ctx.tick().repeat(3)
        word = ctx.get(unit.counters)
        state["counters"] = {name: word >> 32 * n & 0xFFFFFFFF for n, name in enumerate(COUNTERS)}
        assert not ctx.get(unit.busy)

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return rows, state


@pytest.mark.parametrize(
    "params",
    [pytest.param(SMALL, id="4x4"), pytest.param(WIDE, id="2x8", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    ("m", "n", "k", "mode"),
    [(9, 32, 32, "plain"), (9, 64, 32, "gelu"), (5, 32, 32, "score"), (1, 32, 64, "score")],
)
@pytest.mark.parametrize("seed", [None, pytest.param(1, marks=pytest.mark.slow)])
def test_layers_are_those_of_the_reference(params, m, n, k, mode, seed):
    rng = np.random.default_rng(2)
    x = rng.integers(-(1 << 24), 1 << 24, (m, k))
    x[0] = np.where(np.arange(k) % 3, (1 << 31) - 1, -(1 << 31))
    weight, bias = rng.integers(-(1 << 15), 1 << 15, (n, k)), rng.integers(-(1 << 15), 1 << 15, n)
    scores, old = rng.integers(0, 1 << 22, m), rng.integers(-(1 << 31), 1 << 31, (m, n))
    formats = params.formats
    exact = Linear(params, formats.weight, formats.bias)(x, weight, bias)
    if mode == "gelu":
        exact = Gelu(gelu_params(params))(exact)
    if mode == "score":
        exact = add(old, narrow(exact * scores[:, None], formats.activation.fraction_bits))
    engine = engine_params(params)
    job = plan(engine, m, n, k)
    fraction = formats.activation.fraction_bits + formats.weight.fraction_bits
    wide = bias << (fraction - formats.bias.fraction_bits)
    beats = pack(engine, job, x, weight.T, ColumnParams(wide, np.zeros(n, int), np.zeros(n, int)))
    order = list(tiles(params, job, exact))
    rows, state = simulate(
        params, job, [int.from_bytes(b.tobytes(), "little") for b in beats],
        [int(scores[r]) for r, _ in order],
        [packed(old[r, c : c + params.tile_out]) for r, c in order],
        mode == "gelu", mode == "score", len(order), seed,
    )  # fmt: skip
    assert rows == [packed(exact[r, c : c + params.tile_out]) for r, c in order]
    if seed is None:
        model = engine_cycles(engine, job)
        counted = {name: getattr(model, name) for name in COUNTERS}
        assert state["counters"] == counted
        assert state["cycle"] == counted["cycles"] - 1 + EPILOGUE_CYCLES
