"""A unit test of hardware: seeded inputs for every cycle, and what each output must then be.

A unit gives a component, a naive model of it in Python, and the words for its streams. The trace
made from the model alone (never from the component) runs in Amaranth's simulator here, and in a
compiled simulation of every mutant in ``scripts/mutate.py``.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from amaranth.hdl import ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from hdl.formal.mutants import WARM_CYCLES

Step = tuple[dict[str, int], dict[str, int | None]]
MODES = ("full", "pressed", "starved", "mixed")
QUICK = ["full", "mixed"]
SLOW = [pytest.param(mode, marks=pytest.mark.slow) for mode in ("pressed", "starved")]
_RATES = {"full": (1.0, 1.0), "pressed": (1.0, 0.4), "starved": (0.4, 1.0), "mixed": (0.6, 0.6)}


def ports_of(component: wiring.Component) -> dict[str, tuple[str, Value]]:
    """Flat port name -> (direction, value): ``i__payload`` -> ("in", ...)."""
    found = {}
    for path, member, value in component.signature.flatten(component):
        name = "__".join(str(part) for part in path)
        found[name] = ("in" if member.flow is wiring.In else "out", Value.cast(value))
    return found


class Model:
    """Naive behaviour: ``outputs`` of this cycle (None: not checked), then ``step``.

    ``offered`` and ``taken``: how often the trace's sources offer a word and its sinks take one.
    """

    offered = taken = 1.0

    def outputs(self, x: dict[str, int]) -> dict[str, int | None]:
        raise NotImplementedError

    def step(self, x: dict[str, int]) -> None:
        raise NotImplementedError


class Pipeline(Model):
    """An operator: words enter while the output is free, leave ``latency`` cycles later.

    ``feed(word)`` returns the result to emit, or None while there is none.
    """

    def __init__(self, latency, feed):
        self.stages = deque([None] * latency)
        self.feed = feed

    def outputs(self, x):
        last = self.stages[-1]
        ready = last is None or x["o__ready"]
        return {"i__ready": int(ready), "o__valid": int(last is not None), "o__payload": last}

    def step(self, x):
        if self.outputs(x)["i__ready"]:
            self.stages.pop()
            word = self.feed(x["i__payload"]) if x["i__valid"] else None
            self.stages.appendleft(word)


@dataclass
class Source:
    """Offers words on a stream, each until it is taken; garbage while idle."""

    port: str
    words: deque
    bits: int
    offering: bool = False

    def drive(self, x, rng, rate):
        if not self.offering and self.words and rng.random() < rate:
            self.offering = True
        x[f"{self.port}__valid"] = int(self.offering)
        idle = rng.getrandbits(self.bits) if self.bits else 0
        x[f"{self.port}__payload"] = self.words[0] if self.offering else idle

    def after(self, x, y):
        if self.offering and y[f"{self.port}__ready"]:
            self.words.popleft()
            self.offering = False


@dataclass
class Unit:
    """One tested configuration. ``words(rng)`` gives each source's words."""

    name: str
    make: object
    model: object
    sources: dict = field(default_factory=dict)  # port -> (bits, function of rng -> words)
    sinks: tuple = ("o",)
    extra: object = None  # function (rng, model) -> further inputs of a cycle
    cycles: int = 400
    block: str = ""

    def trace(self, seed: int, mode: str) -> list[Step]:
        """Return inputs and expected outputs of every cycle."""
        rng = random.Random(f"{self.name} {seed} {mode}")
        offer, take = _RATES[mode]
        model = self.model()
        model.offered, model.taken = offer, take
        sources = [Source(p, deque(w(rng)), b) for p, (b, w) in self.sources.items()]
        steps = []
        for _ in range(self.cycles):
            x: dict[str, int] = {}
            for source in sources:
                source.drive(x, rng, offer)
            for sink in self.sinks:
                x[f"{sink}__ready"] = int(rng.random() < take)
            if self.extra:
                x |= self.extra(rng, model)
            y = model.outputs(x)
            steps.append((x, y))
            model.step(x)
            for source in sources:
                source.after(x, y)
        return steps


def mismatches(component: wiring.Component, steps: list[Step]) -> Iterator[str]:
    """Run the trace in Amaranth's simulator and yield what differs.

    Before it come a few of its cycles, unchecked, and a reset that must undo them.
    """
    ports = ports_of(component)
    found: list[str] = []
    reset = Signal()

    def drive(ctx, x):
        for name, value in x.items():
            ctx.set(ports[name][1].as_unsigned(), value & ((1 << len(ports[name][1])) - 1))

    async def bench(ctx):
        for x, _ in steps[:WARM_CYCLES]:
            drive(ctx, x)
            await ctx.tick()
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        for cycle, (x, y) in enumerate(steps):
            drive(ctx, x)
            for name, value in y.items():
                if value is None:
                    continue
                signal = ports[name][1]
                got = ctx.get(signal.as_unsigned())
                if got != value & ((1 << len(signal)) - 1):
                    found.append(f"cycle {cycle}: {name} is {got}, not {value}")
                    return
            await ctx.tick()

    simulator = Simulator(ResetInserter(reset)(component))
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    yield from found
