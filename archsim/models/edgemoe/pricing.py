"""A graph's phases on a device, walked through and added up."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_layout import Layout
from archsim.engine.hot import Makers
from archsim.graph import Graph
from archsim.mapping.edgemoe import Lowering
from archsim.mapping.edgemoe_steps import StepList, step_list
from archsim.models.edgemoe import phases as stepped
from archsim.models.edgemoe import timing
from archsim.models.edgemoe.controller import Bus, Listed
from archsim.models.edgemoe.sums import CYCLES, UNITS, Columns, Sums, Walked, empty
from archsim.models.edgemoe.timing import Channels, PhaseCycles, Runs

PARTS = (None, 16, 8, 4)
"""Tiles of outputs in a part of a linear layer; None: what a buffer holds."""


@dataclass(frozen=True)
class Priced:
    """Phases of a workload as they ran on a device, and their sums."""

    make: Makers
    count: int
    walked: Walked
    columns: Columns
    sums: Sums


class ByPhases:
    """A graph on a device without RTL for it, at any bandwidth of its memory.

    Of some ways to cut linear layers into parts the fastest counts: short parts start earlier, long
    ones cost fewer starts.
    """

    rtl = False

    def __init__(self, graph: Graph, device: EdgeMoeDevice) -> None:
        self._graph = graph
        self._device = device
        self._lowering = Lowering(graph, device)
        ways: list[list[list[int]]] = []
        for tiles in PARTS:
            way = self._lowering.runs(tiles)
            if way not in ways:
                ways.append(way)
        tried = self._priced(1.0, ways)
        cycles = [float(found.sums.whole[CYCLES]) for found in tried]
        self._way = ways[cycles.index(min(cycles))]
        self._fastest = tried[cycles.index(min(cycles))]

    def at(self, bandwidth: float) -> Priced:
        """Return the phases where the memory has ``bandwidth`` times its own.

        Layers are cut as is best at its own.
        """
        return self._fastest if bandwidth == 1.0 else self._priced(bandwidth, [self._way])[0]

    def _priced(self, bandwidth: float, ways: list[list[list[int]]]) -> list[Priced]:
        """Return the phases of each of ``ways`` to cut them."""
        order = self._lowering.order
        counts = [sum(map(mul, order.times, map(len, way))) for way in ways]
        run, make = timing.PRICED.ready(sum(counts))
        channels = Channels(self._device, bandwidth)
        spent, loads = timing.columns(self._device, self._lowering.phases, channels, make)
        kinds, operator_of = make.given(order.ops), make.given(self._graph.order)
        found = []
        for way, count in zip(ways, counts, strict=True):
            starts, flat = [0], []
            for numbers in way:
                flat += numbers
                starts.append(len(flat))
            runs = Runs(kinds, make.given(starts), make.given(flat))
            walked, sums = _room(self._graph, make, count)
            ends = make.integers(count)
            run(runs, loads, channels.loader, ends, walked, spent, operator_of, sums)
            found.append(Priced(make, count, walked, spent, sums))
        return found


class BySteps:
    """A graph on a device whose controller runs it, at any bandwidth of its memory."""

    rtl = True

    def __init__(self, graph: Graph, device: EdgeMoeDevice, steps: StepList) -> None:
        self._graph = graph
        self._device = device
        self._list = Listed(device.params, [f for _, f in steps.steps], steps.routings)
        self._placed = steps.placed
        self._own = self._priced(1.0)

    def at(self, bandwidth: float) -> Priced:
        """Return the steps as phases where the memory has ``bandwidth`` times its own."""
        return self._own if bandwidth == 1.0 else self._priced(bandwidth)

    def _priced(self, bandwidth: float) -> Priced:
        device, graph = self._device, self._graph
        rate = bandwidth * float(device.memory.bandwidth_bytes_per_s)
        beats = min(1.0, rate / float(device.clock.frequency_hz) / Layout(device.params).port_bytes)
        bus = Bus(round(float(device.memory.latency_clk)), beats)
        most = len(graph.ops) + len(self._list)
        run, make = stepped.PRICED.ready(most)
        fields, state = self._list.started(bus, make)
        steps = stepped.Placed(*map(make.given, self._placed))
        walked, sums = _room(graph, make, most)
        real, whole = make.floats, make.integers
        columns = Columns(
            whole(most), real(most), real(most), real(most), real(most), real(most), whole(most),
            whole(most),
        )  # fmt: skip
        operator_of = make.given(graph.order)
        count = run(fields, state, steps, walked, columns, operator_of, sums)
        return Priced(make, count, walked, columns, sums)


def _room(graph: Graph, make: Makers, phases: int) -> tuple[Walked, Sums]:
    walked = Walked(make.integers(phases), make.integers(phases), make.floats(phases))
    return walked, empty(make, len(graph.counts))


def pricing(graph: Graph, device: EdgeMoeDevice) -> ByPhases | BySteps:
    """Return ``graph`` on ``device``."""
    steps = step_list(graph, device)
    return ByPhases(graph, device) if steps is None else BySteps(graph, device, steps)


@dataclass(frozen=True, slots=True)
class TimedPhase:
    """A phase as it ran: which operator's, on which unit, its cycles, and its products."""

    op: int
    unit: str
    cycles: PhaseCycles
    narrow: int
    wide: int


def timed(found: Priced) -> list[TimedPhase]:
    """Return the phases in order."""
    plain, columns = found.make.plain, found.columns
    names = [UNITS[unit] for unit in plain(columns.unit)]
    compute, stream, latency, fill, moved = (
        plain(x)
        for x in (columns.compute, columns.stream, columns.latency, columns.fill, columns.bytes)
    )
    narrow, wide = plain(columns.narrow), plain(columns.wide)
    ops, numbers, waits = (plain(x)[: found.count] for x in found.walked)
    return [
        TimedPhase(
            op, names[n], PhaseCycles(compute[n], stream[n], wait, latency[n], fill[n], moved[n]),
            narrow[n], wide[n],
        )
        for op, n, wait in zip(ops, numbers, waits, strict=True)
    ]  # fmt: skip
