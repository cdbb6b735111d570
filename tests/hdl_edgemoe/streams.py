"""Runs a unit in Amaranth's simulator: words in, words out, with idle and stalled cycles."""

from __future__ import annotations

import random

from amaranth.hdl import Value
from amaranth.sim import Simulator


def field(shape, **values):
    """A word of a ``StructLayout`` from its fields."""
    word = 0
    for name, f in shape:
        word |= (values[name] & ((1 << f.width) - 1)) << f.offset
    return word


def part(shape, word, name, signed=False):
    """A field of a word."""
    f = shape[name]
    value = word >> f.offset & ((1 << f.width) - 1)
    return value - (1 << f.width) if signed and value >> (f.width - 1) else value


def run(unit, words, counts, seed=None, limit=200_000):
    """Return the words of each output, and the cycle in which the last came.

    ``words``: list for each input port; ``counts``: how many words each output port gives. With a
    ``seed`` inputs idle and outputs stall at random.
    """
    rng = random.Random(seed)
    found = {name: [] for name in counts}
    ended = []

    def value(port):
        return Value.cast(port.payload).as_unsigned()

    async def bench(ctx):
        left = {name: list(reversed(w)) for name, w in words.items()}
        offered = dict.fromkeys(words, False)
        for cycle in range(limit):
            for name in words:
                port = getattr(unit, name)
                go = offered[name] or (left[name] and (seed is None or rng.random() < 0.6))
                offered[name] = bool(go and left[name])
                ctx.set(port.valid, int(offered[name]))
                if offered[name]:
                    ctx.set(value(port), left[name][-1])
            for name in counts:
                ctx.set(getattr(unit, name).ready, int(seed is None or rng.random() < 0.6))
            for name in counts:
                port = getattr(unit, name)
                if ctx.get(port.valid) and ctx.get(port.ready):
                    found[name].append(ctx.get(value(port)))
            for name in words:
                if offered[name] and ctx.get(getattr(unit, name).ready):
                    left[name].pop()
                    offered[name] = False
            if all(len(found[name]) >= n for name, n in counts.items()):
                ended.append(cycle)
                return
            await ctx.tick()
        raise AssertionError(f"hung: { ({n: len(w) for n, w in found.items()}) } of {counts}")

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found, ended[0]
