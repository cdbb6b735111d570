"""Cycles of a list of phases: units, channels, and weights that are loaded ahead.

One phase runs at a time. The weights of the next ``weight_buffers - 1`` layers are loaded
meanwhile through their own channels, with the bandwidth that activations leave.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.engine.hot import Floats, Hot, Ints, Makers
from archsim.mapping.edgemoe import Phase
from archsim.models.edgemoe.sums import UNITS, Columns, Sums, Walked, add_up

UNIT_FILL = 32
"""Cycles from a unit's first operands to its first result, about that of hdl.edgemoe's units."""

_NUMBERS = {unit: number for number, unit in enumerate(UNITS)}


@dataclass(frozen=True, slots=True)
class PhaseCycles:
    """Where the cycles of a phase go; they add up to ``total``.

    ``compute``: units and serial functions; ``stream``: what its activation streams need beyond;
    ``weights``: waiting for weights; ``latency``: the first word's way; ``fill``: the unit's own.
    ``bytes``: moved through the memory's channels, weights included.
    """

    compute: float
    stream: float
    weights: float
    latency: float
    fill: float
    bytes: float

    @property
    def total(self) -> float:
        """Cycles of the phase."""
        return self.compute + self.stream + self.weights + self.latency + self.fill


class Loads(NamedTuple):
    """Phases by number, as the weights' loader sees them.

    ``ahead``: words that can be loaded before it; ``awaited``: cycles of loading those that cannot
    (-1: there are none). ``body``: cycles of it, ``moved``: bytes of its activations meanwhile.
    """

    ahead: Ints
    awaited: Floats
    body: Floats
    moved: Ints


class Loader(NamedTuple):
    """The weight channels: layers on chip at once, cycles of a word of weights while nothing else
    uses the memory, and where activations do: its port's, and the memory's bytes a cycle."""

    buffers: int
    weight_cycles: float
    port_cycles: float
    bytes_per_cycle: float
    word_bytes: int


class Runs(NamedTuple):
    """Phases in order: the kind of each op; where its phases begin and end in ``phases``."""

    kinds: Ints
    starts: Ints
    phases: Ints


class Channels:
    """What moving words costs, in cycles."""

    def __init__(self, device: EdgeMoeDevice, bandwidth: float) -> None:
        memory = device.memory
        self.word_bytes = memory.word_bytes
        self.resident = memory.resident
        self.activation_channels = memory.channels - memory.weight_channels
        per_word = -(-memory.word_bytes // memory.port_bytes)
        self.word_cycles = per_word + float(memory.burst_overhead_clk) / memory.burst_words
        clock = float(device.clock.frequency_hz)
        self.bytes_per_cycle = bandwidth * float(memory.bandwidth_bytes_per_s) / clock
        port_cycles = self.word_cycles / memory.weight_channels
        cycles = max(port_cycles, self.word_bytes / self.bytes_per_cycle)
        self.loader = Loader(
            device.linear.weight_buffers, cycles, port_cycles, self.bytes_per_cycle, self.word_bytes
        )

    def streams(self, phase: Phase) -> tuple[float, int]:
        """Return cycles and bytes of a phase's streams, the longest first to a free channel.

        Where activations stay on chip only the image, the embedding's first stream, moves.
        """
        words = phase.streams
        if self.resident:
            words = words[:1] if phase.unit == "embed" else ()
        if not words:
            return 0.0, 0
        loads = [0] * self.activation_channels
        for count in sorted(words, reverse=True):
            loads[loads.index(min(loads))] += count
        moved = sum(words) * self.word_bytes
        return max(max(loads) * self.word_cycles, moved / self.bytes_per_cycle), moved


def columns(
    device: EdgeMoeDevice, phases: Sequence[Phase], channels: Channels, make: Makers
) -> tuple[Columns, Loads]:
    """Return ``phases`` as columns."""
    latency = float(device.memory.latency_clk)
    calls = float(device.without.function_clk)
    spent, loads = [], []
    for p in phases:
        streaming, moved = channels.streams(p)
        body = max(p.compute, streaming) + p.calls * calls
        cost = p.weights * channels.loader.weight_cycles * p.repeat if p.awaited else -1.0
        ahead = 0 if p.awaited else p.weights
        loads.append((ahead, cost, body * p.repeat, moved * p.repeat))
        spent.append((
            _NUMBERS[p.unit],
            (p.compute + p.calls * calls) * p.repeat,
            max(0.0, streaming - p.compute) * p.repeat,
            latency * p.repeat if streaming else 0.0,
            float(UNIT_FILL if p.compute > 1 else 0) * p.repeat,
            float(moved + p.weights * channels.word_bytes) * p.repeat,
            p.macs16 * p.repeat,
            p.macs32 * p.repeat,
        ))  # fmt: skip
    unit, compute, stream, first, fill, moves, narrow, wide = zip(*spent, strict=True)
    ahead_, awaited, body_, moved_ = zip(*loads, strict=True)
    real, whole = make.given_floats, make.given
    return Columns(
        whole(unit), real(compute), real(stream), real(first), real(fill), real(moves),
        whole(narrow), whole(wide),
    ), Loads(whole(ahead_), real(awaited), real(body_), whole(moved_))  # fmt: skip


def walk(runs: Runs, loads: Loads, loader: Loader, ends: Ints, walked: Walked) -> int:
    """Walk through the phases, the first from cold buffers; return how many there are.

    ``ends`` gets the words on chip or on their way at most, up to each layer with weights.
    """
    count = layers = words = 0
    for op in range(len(runs.kinds)):
        kind = runs.kinds[op]
        for place in range(runs.starts[kind], runs.starts[kind + 1]):
            phase = runs.phases[place]
            walked.op[count], walked.phase[count] = op, phase
            count += 1
            if loads.ahead[phase]:
                words += loads.ahead[phase]
                ends[layers] = words
                layers += 1
    loaded, layer = 0.0, 0
    for number in range(count):
        phase = walked.phase[number]
        if loads.awaited[phase] >= 0.0:
            walked.waits[number] = loads.awaited[phase]
            continue
        ahead, cycles = loads.ahead[phase], loads.body[phase]
        waits = 0.0
        if ahead:
            missing = max(0.0, ends[layer] - loaded)
            loaded += missing
            waits = missing * loader.weight_cycles
        walked.waits[number] = waits
        if layers and cycles > 0:
            last = min(layer + loader.buffers, layers) - 1
            spare = cycles * loader.bytes_per_cycle - loads.moved[phase]
            more = min(cycles / loader.port_cycles, max(0.0, spare) / loader.word_bytes)
            loaded = min(loaded + more, max(loaded, float(ends[last])))
        layer += 1 if ahead else 0
    return count


def priced(
    runs: Runs, loads: Loads, loader: Loader, ends: Ints, walked: Walked, spent: Columns,
    operator_of: Ints, sums: Sums,
) -> int:  # fmt: skip
    """Walk through the phases and add them up; return how many there are."""
    count = walk(runs, loads, loader, ends, walked)
    add_up(walked, count, spent, operator_of, sums)
    return count


PRICED = Hot[Callable[..., int]](priced, walk, add_up)
