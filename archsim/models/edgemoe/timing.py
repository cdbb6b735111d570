"""Cycles of a list of phases: units, channels, and weights that are loaded ahead.

One phase runs at a time. The weights of the next ``weight_buffers - 1`` layers are loaded
meanwhile through their own channels, with the bandwidth that activations leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.mapping.edgemoe import Phase

UNIT_FILL = 32
"""Cycles from a unit's first operands to its first result, about that of hdl.edgemoe's units."""


@dataclass(frozen=True, slots=True)
class PhaseCycles:
    """Where the cycles of a phase go; they add up to ``total``.

    ``compute``: units and serial functions; ``stream``: what its activation streams need beyond;
    ``weights``: waiting for weights; ``latency``: the first word's way; ``fill``: the unit's own.
    ``bytes``: moved through the memory's channels, weights included.
    """

    start: float
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
        self.weight_port_cycles = self.word_cycles / memory.weight_channels
        self.weight_cycles = max(self.weight_port_cycles, self.word_bytes / self.bytes_per_cycle)
        """Of a word of weights while nothing else uses the memory."""

    def streams(self, phase: Phase) -> tuple[float, int]:
        """Return cycles and bytes of a phase's streams, the longest first to a free channel.

        Where activations stay on chip only the image, the embedding's first stream, moves.
        """
        words = phase.streams
        if self.resident:
            words = words[:1] if phase.unit == "embed" else ()
        loads = [0] * self.activation_channels
        for count in sorted(words, reverse=True):
            loads[loads.index(min(loads))] += count
        moved = sum(words) * self.word_bytes
        return max(max(loads) * self.word_cycles, moved / self.bytes_per_cycle), moved


def run(
    device: EdgeMoeDevice, phases: Sequence[Phase], bandwidth: float = 1.0
) -> list[PhaseCycles]:
    """Return the cycles of every phase, the first from cold buffers; ``bandwidth`` is a factor."""
    channels = Channels(device, bandwidth)
    ahead = [0 if p.awaited else p.weights for p in phases]
    # words on chip or on their way at most, up to each layer with weights
    ends = [total for total, own in zip(accumulate(ahead), ahead, strict=True) if own]
    loader = _Loader(channels, ends, device.linear.weight_buffers)
    latency = float(device.memory.latency_clk)
    calls = float(device.without.function_clk)
    now = 0.0
    results = []
    for phase in phases:
        streaming, moved = channels.streams(phase)
        body = max(phase.compute, streaming) + phase.calls * calls
        if phase.awaited:
            waits = phase.weights * channels.weight_cycles * phase.repeat
        else:
            waits = loader.wait() if phase.weights else 0.0
            loader.meanwhile(body * phase.repeat, moved * phase.repeat)
            loader.release(phase.weights)
        found = PhaseCycles(
            start=now,
            compute=(phase.compute + phase.calls * calls) * phase.repeat,
            stream=max(0.0, streaming - phase.compute) * phase.repeat,
            weights=waits,
            latency=latency * phase.repeat if streaming else 0.0,
            fill=float(UNIT_FILL if phase.compute > 1 else 0) * phase.repeat,
            bytes=float(moved + phase.weights * channels.word_bytes) * phase.repeat,
        )
        results.append(found)
        now += found.total
    return results


class _Loader:
    """The weight channels: how many words are on chip, in the order of the layers."""

    def __init__(self, channels: Channels, ends: list[int], buffers: int) -> None:
        self.channels = channels
        self.ends = ends
        self.buffers = buffers
        self.loaded = 0.0
        self.layer = 0

    def wait(self) -> float:
        """Return the cycles until the next layer's weights are there."""
        missing = max(0.0, self.ends[self.layer] - self.loaded)
        self.loaded += missing
        return missing * self.channels.weight_cycles

    def release(self, weights: int) -> None:
        """A phase ended; where it had weights, its buffer is free again."""
        self.layer += weights > 0

    def meanwhile(self, cycles: float, moved: float) -> None:
        """Load ahead for ``cycles`` beside ``moved`` bytes of activations."""
        if not self.ends or cycles <= 0:
            return
        last = min(self.layer + self.buffers, len(self.ends)) - 1
        channels = self.channels
        spare = cycles * channels.bytes_per_cycle - moved
        words = min(cycles / channels.weight_port_cycles, max(0.0, spare) / channels.word_bytes)
        self.loaded = min(self.loaded + words, max(self.loaded, float(self.ends[last])))
