"""The linear unit's feed: biases, activations and weights of every width, in the engine's order."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from amaranth.sim import Simulator

from archsim.config.edgemoe_layout import Layout
from archsim.config.edgemoe_params import SMALL, EdgeMoeFormats, engine_params
from archsim.formats import FixedFormat
from archsim.mapping.edgemoe_program import layer_payload
from hdl.edgemoe.feed import LinearFeed


def of_width(bits, tile_out=4):
    return replace(
        SMALL, tile_out=tile_out, formats=EdgeMoeFormats(weight=FixedFormat(bits, bits - 1))
    )


def split(data, bits, count):
    """Signed fields of ``bits`` bits of the integer ``data``."""
    fields = [data >> (bits * n) & ((1 << bits) - 1) for n in range(count)]
    return [f - (1 << bits) if f >> (bits - 1) else f for f in fields]


def fed(params, weight, bias, wide, seed):
    """Words that the engine gets for a layer on one row tile; activations count from 1."""
    feed, rng = LinearFeed(params), random.Random(seed)
    data = layer_payload(params, weight, bias, wide)
    size = 2 * params.tile_out
    words = [int.from_bytes(data[n : n + size], "little") for n in range(0, len(data), size)]
    outputs, k = weight.shape
    tiles = -(-outputs // params.tile_out)
    assert len(words) == Layout(params).layer_words(k, tiles, wide)
    wanted, found = tiles * (k + 1) + k, []

    async def bench(ctx):
        ctx.set(feed.k, k)
        ctx.set(feed.columns, tiles)
        ctx.set(feed.tiles, 1)
        if feed.packed > 1:
            ctx.set(feed.wide_weight, wide)
        ctx.set(feed.start, 1)
        await ctx.tick()
        ctx.set(feed.start, 0)
        streams = {feed.w: iter(words), feed.a: iter(range(1, k + 1))}
        offered = {port: next(items) for port, items in streams.items()}
        for _ in range(40 * wanted):
            for port, word in offered.items():
                ctx.set(port.valid, word is not None and rng.random() < 0.8)
                ctx.set(port.payload, word or 0)
            ctx.set(feed.o.ready, rng.random() < 0.8)
            if ctx.get(feed.o.valid) and ctx.get(feed.o.ready):
                found.append(ctx.get(feed.o.payload))
            for port, items in streams.items():
                if ctx.get(port.valid) and ctx.get(port.ready):
                    offered[port] = next(items, None)
            await ctx.tick()
            if len(found) == wanted:
                assert offered == {feed.w: None, feed.a: None}  # not a word is left
                return

    simulator = Simulator(feed)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize(
    ("bits", "wide", "k", "tile_out"),
    [(16, False, 5, 4), (12, False, 4, 4), (8, False, 7, 4), (8, True, 3, 4), (5, False, 6, 2),
     (4, False, 9, 2), (3, False, 8, 8), (4, True, 5, 2)],
)  # fmt: skip
def test_every_width_arrives_in_the_order_of_the_engine(bits, wide, k, tile_out):
    params = of_width(bits, tile_out)
    rng = np.random.default_rng(bits + k)
    limit = 1 << (15 if wide else bits - 1)
    weight = rng.integers(-limit, limit, (2 * tile_out - 1, k))
    bias = rng.integers(-(1 << 15), 1 << 15, 2 * tile_out - 1)
    found = fed(params, weight, bias, wide, seed=k)
    full = np.zeros((2 * tile_out, k), dtype=np.int64)
    full[:-1] = weight
    shift = params.formats.activation.fraction_bits + params.formats.weight.fraction_bits
    shift -= params.formats.bias.fraction_bits
    acc = engine_params(params).acc_bits
    for tile in range(2):
        of_tile = full[tile * tile_out : (tile + 1) * tile_out]
        biases = split(found.pop(0), acc, tile_out)
        padded = [*bias, 0][tile * tile_out : (tile + 1) * tile_out]
        assert biases == [int(b) << shift for b in padded]
        for n in range(k):
            if tile == 0:
                assert found.pop(0) == n + 1
            assert split(found.pop(0), 16, tile_out) == of_tile[:, n].tolist()


def test_narrow_weights_take_fewer_words():
    words = [Layout(of_width(bits)).layer_words(192, 8) for bits in (16, 8, 4)]
    assert words == [8 * 193, 8 * 97, 8 * 49]
    assert Layout(of_width(4)).layer_words(192, 8, wide=True) == words[0]
