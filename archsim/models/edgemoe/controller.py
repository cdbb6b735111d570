"""Cycles of a whole descriptor list: steps one after another, their payloads read ahead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from archsim.config.edgemoe_layout import (
    ATTENTION,
    DESCRIPTOR_BYTES,
    END,
    LOAD,
    NORM,
    PIXELS,
    STORE,
    TASK,
    UNITS,
    Layout,
)
from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.engine.hot import Hot, Makers
from archsim.models.edgemoe import list_walk, steps
from archsim.models.edgemoe.list_walk import (
    COMPUTE,
    CYCLES,
    FETCH,
    SPANS,
    WAITS,
    Machine,
    Steps,
    Walk,
    begin,
    walk,
)
from archsim.models.edgemoe.steps import StepCycles

STORED = 5
"""Beside a store's words and the memory's answer."""

Fields = Mapping[str, int]

_WALK = Hot[Callable[..., None]](walk, *list_walk.FUNCTIONS)


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


class Listed:
    """A list of descriptors whose steps' cycles are known; ``routings`` as in ``predict``."""

    def __init__(
        self, params: EdgeMoeParams, fields: Sequence[Fields], routings: Sequence[Sequence[int]]
    ) -> None:
        self.params = params
        self.layout = Layout(params)
        self._known: dict[tuple[object, ...], StepCycles] = {}
        pending = list(routings)
        counts: Sequence[int] = ()
        rows = []
        for f in fields:
            if f.get("gate"):
                counts = pending.pop(0)
            rows.append(self._row(f, counts))
        self._columns = list(zip(*rows, strict=True))

    def _row(self, f: Fields, counts: Sequence[int]) -> tuple[int, ...]:
        """Return a descriptor's number of each column of ``Steps``; ``counts``: tokens."""
        expert = 1 if f.get("gather") else 2 if f.get("scatter") else 0
        tokens = f.get("rows", 0)
        if expert:
            tokens = counts[f["expert"]] if self.params.techniques.expert_by_expert else 1
        absent = int(expert > 0 and tokens == 0)
        opcode = f["opcode"]
        head = (opcode, f.get("unit", 0), f.get("beats", 0), f.get("gate", 0), expert, absent)
        if absent or opcode in (TASK, END, STORE):
            return (*head, 0, 0, 0, 0, 0)
        key = (opcode, tokens, f.get("k"), f.get("n_tiles"), head[3], expert, f.get("gelu"),
               f.get("wide_weight"))  # fmt: skip
        c = self._known.get(key)
        if c is None:
            c = self._known[key] = step_cycles(self.params, f, tokens)
        return (*head, c.total, c.bound, c.first, c.last, c.compute)

    def __len__(self) -> int:
        return len(self._columns[0])

    def started(self, bus: Bus, make: Makers) -> tuple[Steps, Walk]:
        """Return the list as columns, and the state before it."""
        p, layout = self.params, self.layout
        columns = self._columns
        words = max(p.tokens * p.dim * 4 // layout.port_bytes, p.tokens * layout.token)
        store = STORED + words + bus.latency  # all tokens, and the answer to the last burst
        opcodes, cycles = columns[0], columns[6]
        total = [store if opcode == STORE else n for opcode, n in zip(opcodes, cycles, strict=True)]
        machine = Machine(
            latency=bus.latency,
            beats_per_cycle=float(bus.beats_per_cycle),
            descriptor=max(1, DESCRIPTOR_BYTES // layout.port_bytes) / bus.beats_per_cycle,
            capacity=layout.payload_beats * layout.port_bytes,
            port_bytes=layout.port_bytes,
            by_expert=int(p.techniques.expert_by_expert),
            tokens=p.tokens,
            top_k=p.top_k,
            token_cycles=steps.token_cycles(p),
        )
        given = [make.given(column) for column in (*columns[:6], total, *columns[7:])]
        return Steps(*given), begin(machine, make, len(total))


def predict(
    params: EdgeMoeParams, fields: Sequence[Fields], routings: Sequence[Sequence[int]], bus: Bus
) -> Prediction:
    """Return the cycles of a list of descriptors.

    ``routings``: for each gate in order, the tokens of every expert.
    """
    listed = Listed(params, fields, routings)
    run, make = _WALK.ready(len(listed))
    columns, found = listed.started(bus, make)
    run(columns, found)
    whole, spans = make.plain(found.totals.all), found.spans
    count = whole[SPANS]
    starts, ends = make.plain(spans.start)[:count], make.plain(spans.end)[:count]
    return Prediction(
        cycles=whole[CYCLES],
        units=dict(zip(UNITS, make.plain(found.totals.units), strict=True)),
        bounds=dict(zip(UNITS, make.plain(found.totals.bounds), strict=True)),
        fetch=whole[FETCH],
        compute=whole[COMPUTE],
        waits=whole[WAITS],
        spans=list(zip(starts, ends, strict=True)),
        late=make.plain(spans.late)[:count],
        bytes=make.plain(spans.bytes)[:count],
    )
