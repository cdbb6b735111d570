"""Cycles of a whole descriptor list: steps one after another, their payloads read ahead."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from archsim.config.edgemoe_layout import (
    ATTENTION,
    DESCRIPTOR_BYTES,
    END,
    LINEAR,
    LOAD,
    NORM,
    PIXELS,
    READ_AHEAD,
    STORE,
    TASK,
    UNITS,
    Layout,
)
from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.models.edgemoe import steps
from archsim.models.edgemoe.steps import StepCycles

AHEAD = 16
"""Descriptors that wait for their turn."""

GROUP = READ_AHEAD // 2
"""Descriptors that are read at once."""

ARRIVE = 3
"""From a descriptor's last beat until it is looked at."""

DECODE = 2
"""From there to the request for its payload, or to the sequencer."""

IN_FLIGHT = 480
"""Beats of a transfer that are still to come, about, when the next is asked for."""

DELIVER = 4
"""From a beat of payload to its word at the unit that waits for it."""

SKIP = 4
"""Cycles in which payload leaves that nobody wants: two beats on registers, then all others."""

STORED = 5
"""Beside a store's words and the memory's answer."""

Fields = Mapping[str, int]


@dataclass(frozen=True)
class Bus:
    """External memory: cycles from an address to its first beat, and beats read a cycle."""

    latency: int = 64
    beats_per_cycle: float = 1.0


@dataclass
class Prediction:
    """Cycles of a list by name, as the RTL's counters.

    For each step but tasks: ``spans`` (start, end), ``late`` (cycles that its payload kept it), and
    ``bytes`` that it moved.
    """

    cycles: int = 0
    units: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    bounds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(UNITS, 0))
    fetch: int = 0
    compute: int = 0
    waits: int = 0
    spans: list[tuple[int, int]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)

    def counters(self) -> dict[str, int]:
        """Return all of them by the counters' names, ``weights`` as waited for."""
        return {
            "cycles": self.cycles, "fetch": self.fetch, **self.units,
            "weights": self.waits, "compute": self.compute,
        }  # fmt: skip


def step_cycles(params: EdgeMoeParams, f: Fields, rows: int) -> StepCycles:
    """Return the cycles of a step with its payload on chip; an expert has ``rows`` tokens."""
    opcode = f["opcode"]
    if opcode == NORM:
        return steps.norm(params)
    if opcode == ATTENTION:
        return steps.attention(params)
    if opcode == LOAD:
        return steps.load(params)
    if opcode == PIXELS:
        return steps.pixels(params)
    if f.get("gate"):
        return steps.gate(params)
    expert = f.get("gather") or f.get("scatter")
    found = steps.linear(
        params,
        rows if expert else f["rows"],
        f["k"],
        f["n_tiles"] * params.tile_out,
        bool(f.get("gelu")),
        bool(f.get("wide_weight")),
    )
    if not expert:
        return found
    tiles = -(-rows // params.tile_rows)
    extra = rows if f.get("gather") else -tiles  # the table is filled; the plan is kept
    moved = (found.first + extra, found.last + extra)
    return StepCycles(found.total + extra, found.bound, *moved, found.compute)


def predict(
    params: EdgeMoeParams, fields: Sequence[Fields], routings: Sequence[Sequence[int]], bus: Bus
) -> Prediction:
    """Return the cycles of a list of descriptors.

    ``routings``: for each gate in order, the tokens of every expert.
    """
    return _List(params, bus).run(fields, routings)


class _List:
    """The state of channel, payload FIFO and sequencer between two descriptors."""

    def __init__(self, params: EdgeMoeParams, bus: Bus) -> None:
        self.params = params
        self.layout = Layout(params)
        self.bus = bus
        self.capacity = self.layout.payload_beats * self.layout.port_bytes
        self.descriptor = max(1, DESCRIPTOR_BYTES // self.layout.port_bytes) / bus.beats_per_cycle
        self.channel = 0.0  # when it is free again
        self.accepts = 0.0  # when the reader takes another transfer
        self.arrivals: list[float] = []  # of descriptors on their way or waiting
        self.free = 0.0  # when the fetcher may take the next descriptor
        self.decoded = 0.0  # when that at hand is
        self.now = 0  # when the sequencer is free again
        self.loaded = 0  # bytes of payload asked for so far
        self.taken: list[tuple[float, float, int]] = []  # intervals in which bytes left the FIFO
        self.left: list[int] = []  # bytes that have left after each of them
        self.result = Prediction()
        self.chosen = 0  # choices of the last gate that were taken

    def run(self, fields: Sequence[Fields], routings: Sequence[Sequence[int]]) -> Prediction:
        """Walk through the list."""
        found = self.result
        pending = list(routings)
        counts: Sequence[int] = ()
        known = 0  # when the last gate's routing is
        self._group(2.0)
        self._group(3.0)
        for f in fields:
            taken = max(self.free, self.arrivals.pop(0) + ARRIVE)
            if len(self.arrivals) <= GROUP:
                self._group(taken + 1)
            self.decoded = taken + DECODE
            self.free = self.decoded
            if f["opcode"] == TASK:
                continue
            if len(found.spans) > AHEAD:  # room for one more
                self.decoded = max(self.decoded, float(found.spans[-AHEAD - 1][1]))
            if f["opcode"] == END:
                break
            if f.get("gate"):
                counts = pending.pop(0)
            expert = bool(f.get("gather") or f.get("scatter"))
            if expert and not self.params.techniques.expert_by_expert:
                rows = 1
                self._choose(f, known)
            else:
                rows = counts[f["expert"]] if expert else f.get("rows", 0)
            absent = expert and rows == 0
            asked = max(self.decoded, self.accepts)
            begin, end = self._payload(f, absent and known <= asked)
            self._step(f, rows, absent, begin, end)
            if f.get("gate"):
                known = self.now
                self.chosen = 0
        start = max(self.now, round(self.decoded + 1))
        found.fetch += start - self.now
        found.cycles = start + 1
        found.fetch += found.cycles - sum(found.units.values()) - found.fetch
        return found

    def _group(self, asked: float) -> None:
        """Descriptors are asked for at ``asked``; note when they come."""
        self.channel = max(self.channel, asked + self.bus.latency)
        self.arrivals += [self.channel + (n + 1) * self.descriptor for n in range(GROUP)]
        self.channel += GROUP * self.descriptor

    def _choose(self, f: Fields, known: int) -> None:
        """A layer's payload is found when the gate has chosen the token's expert."""
        p = self.params
        if f.get("gather"):
            behind = p.tokens - 1 - self.chosen // p.top_k  # tokens that the gate had still to do
            self.decoded = max(self.decoded, known - steps.QUEUED - behind * steps.token_cycles(p))
            self.chosen += 1
        self.decoded += 1

    def _payload(self, f: Fields, left_out: bool) -> tuple[float, float]:
        """Return when a step's payload begins to arrive, and when all of it has."""
        beats = f.get("beats", 0)
        if not beats or left_out or f["opcode"] == STORE:
            self.free = self.decoded + 1
            return self.decoded, self.decoded
        self.decoded = max(self.decoded, self.accepts)
        self.free = self.decoded + 1
        begin = max(self.channel, self.decoded + self.bus.latency)
        self.loaded += beats * self.layout.port_bytes
        end = begin + beats / self.bus.beats_per_cycle
        left = min(beats, IN_FLIGHT)
        room = self._room(self.loaded - self.capacity - left * self.layout.port_bytes)
        self.accepts = max(end - left / self.bus.beats_per_cycle, room)
        self.channel = max(end, self._room(self.loaded - self.capacity))
        return begin + DELIVER, self.channel + DELIVER

    def _room(self, leaves: int) -> float:
        """Return when ``leaves`` bytes have left the FIFO."""
        at = bisect_left(self.left, leaves)
        if leaves <= 0 or at == len(self.left):
            return 0.0
        begin, end, size = self.taken[at]
        before = self.left[at] - size
        return begin + (end - begin) * (leaves - before) / size

    def _leave(self, begin: float, end: float, size: int) -> None:
        """Note that ``size`` bytes leave the FIFO between these cycles."""
        self.taken.append((begin, end, size))
        self.left.append((self.left[-1] if self.left else 0) + size)

    def _step(self, f: Fields, rows: int, absent: bool, begin: float, end: float) -> None:
        found = self.result
        start = max(self.now, round(self.decoded + 1))
        found.fetch += start - self.now
        unit = UNITS[f.get("unit", 0)]
        waited = 0
        size = f.get("beats", 0) * self.layout.port_bytes
        if absent:
            words = size // self.layout.port_bytes if end > begin else 0
            self.now = max(start + 3 + min(words, SKIP), round(end) if words else 0)
            self._leave(start, self.now, size if words else 0)
        elif f["opcode"] == STORE:
            self.now = start + self._store()
            found.bounds[unit] += f["beats"]
            size = 0
        else:
            cycles = step_cycles(self.params, f, rows)
            late = max(0.0, begin - (start + cycles.first), end - (start + cycles.last))
            late = late if size else 0.0
            waited = round(late)
            self.now = start + cycles.total + waited
            found.waits += waited if f["opcode"] == LINEAR else 0
            found.bounds[unit] += cycles.bound
            found.compute += cycles.compute
            self._leave(start + cycles.first, start + cycles.last + late, size)
        found.units[unit] += self.now - start
        found.spans.append((start, self.now))
        found.late.append(waited)
        found.bytes.append(f.get("beats", 0) * self.layout.port_bytes if end > begin else 0)

    def _store(self) -> int:
        """Cycles of writing all tokens, with the memory's answer to the last burst."""
        beats = self.params.tokens * self.params.dim * 4 // self.layout.port_bytes
        granules = self.params.tokens * self.layout.token
        return STORED + max(beats, granules) + self.bus.latency
