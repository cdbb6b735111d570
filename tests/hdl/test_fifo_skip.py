"""A FIFO that skips against a list."""

from __future__ import annotations

import random
from collections import deque

import pytest
from amaranth.sim import Simulator

from hdl.lib.fifo import StreamFifo


@pytest.mark.parametrize("depth", [2, 5, 8])
def test_skipped_beats_are_gone_and_the_others_come_in_order(depth):
    unit, rng = StreamFifo(width=16, depth=depth, skip_bits=32), random.Random(depth)
    held: deque[int] = deque()
    seen = {"skipped at once": 0, "taken": 0}

    async def bench(ctx):
        number, skip, level = 0, 0, 0
        for cycle in range(3000):
            if not skip and rng.random() < 0.1:
                skip = rng.randrange(1, 3 * depth)
            offered = rng.random() < 0.7
            ready = not skip and rng.random() < 0.5
            ctx.set(unit.i.valid, offered)
            ctx.set(unit.i.payload, number & 0xFFFF)
            ctx.set(unit.o.ready, ready)
            ctx.set(unit.skip, skip)
            gone = ctx.get(unit.skipped)
            assert gone <= min(skip, len(held))
            assert ctx.get(unit.level) <= depth
            if ctx.get(unit.o.valid):
                assert ctx.get(unit.o.payload) == held[0]
                if ready:
                    held.popleft()
                    seen["taken"] += 1
            for _ in range(gone):
                held.popleft()
            skip -= gone
            seen["skipped at once"] = max(seen["skipped at once"], gone)
            if offered and ctx.get(unit.i.ready):
                held.append(number & 0xFFFF)
                number += 1
            level = max(level, len(held))
            await ctx.tick()
            assert cycle < 50 or number > cycle // 20  # it moves
        assert level >= depth

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen["taken"] > 300
    assert seen["skipped at once"] > 1


def test_a_full_memory_goes_in_a_few_cycles():
    unit = StreamFifo(width=8, depth=64, skip_bits=32)

    async def bench(ctx):
        ctx.set(unit.i.valid, 1)
        await ctx.tick().repeat(80)  # full
        ctx.set(unit.i.valid, 0)
        left, cycles = 66, 0
        while left:
            ctx.set(unit.skip, left)
            left -= ctx.get(unit.skipped)
            cycles += 1
            await ctx.tick()
        assert cycles <= 5
        ctx.set(unit.skip, 0)
        assert not ctx.get(unit.o.valid)

    simulator = Simulator(unit)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
