"""The order of the attention: which key meets which query slot, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.lib.counting import increment


def steps(params: EdgeMoeParams) -> int:
    """Return the steps of a pass, a key each: until the last slot has met all keys.

    Without reordering each slot loads its own keys, one after another through the same port.
    """
    if not params.techniques.reordered_attention:
        return params.tokens * params.tokens
    full, extra = divmod(params.tokens + params.queries - 1, params.queries)
    return full * params.tokens + extra


def keys(params: EdgeMoeParams) -> Iterator[int]:
    """Return the key of every step."""
    n, p = params.tokens, params.queries
    if params.techniques.reordered_attention:
        yield from (step % n for step in range(steps(params)))
        return
    for block in range(0, n, p):
        for key in range(n):
            yield from [key] * min(p, n - block)


def make_walk(params: EdgeMoeParams) -> SlotWalk:
    """Return the walk of ``params``."""
    return SlotWalk(params) if params.techniques.reordered_attention else PlainWalk(params)


class SlotWalk(wiring.Component):
    """Walks through a pass: chunk by chunk of ``lanes`` elements, key by key, block by block.

    Slot o takes the next query when key o passes and keeps it until the key before o came around,
    so that the slots are skewed by a key each and one key serves all of them.

    Ports, all for the current chunk:

    * ``go`` (1, in): the chunk is done. After the last one of a pass the walk starts again.
    * ``chunk``, ``head`` (out): place in the token, and the head it belongs to.
    * ``head_first``, ``head_last`` (1, out): first and last chunk of the head.
    * ``loads`` (1, out): the slot of the current key takes a new query, whose words come with it.
    * ``valid``, ``first``, ``last`` (a bit a slot, out): the slot has a query; meets its first,
      its last key.
    * ``query`` (out): each slot's query, slot 0 lowest.
    * ``ends`` (1, out): last chunk of the pass.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.chunks = params.dim // params.lanes
        self.of_head = params.head_dim // params.lanes
        self.query_bits = max(1, (params.tokens - 1).bit_length())
        slots = params.queries
        super().__init__(
            {
                "go": In(1),
                "chunk": Out(range(max(2, self.chunks))),
                "head": Out(range(max(2, params.heads))),
                "head_first": Out(1),
                "head_last": Out(1),
                "loads": Out(1),
                "valid": Out(slots),
                "first": Out(slots),
                "last": Out(slots),
                "query": Out(slots * self.query_bits),
                "ends": Out(1),
            }
        )
        self.key = Signal(range(params.tokens))
        self.step = Signal(range(steps(params)))
        self.loaded = Signal(range(params.tokens + 1))
        self.active = Signal(slots)
        self.held = [Signal(self.query_bits, name=f"query_{n}") for n in range(slots)]

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        place = Signal(range(max(2, self.of_head)))  # in the head
        left = self.loaded != p.tokens
        met: list[Value] = []
        for slot, held in enumerate(self.held):
            here = self.key == slot
            met.append(Mux(here, self.loaded[: self.query_bits], held))
            m.d.comb += [
                self.first[slot].eq(here & left),
                self.valid[slot].eq(Mux(here, left, self.active[slot])),
                self.last[slot].eq(
                    self.valid[slot] & (self.key == (slot - 1) % p.tokens) & (p.tokens > 1)
                ),
            ]
        m.d.comb += [
            self.loads.eq(self.first.any()),
            self.query.eq(Cat(met)),
            self.head_first.eq(place == 0),
            self.head_last.eq(place == self.of_head - 1),
            self.ends.eq((self.step == steps(p) - 1) & (self.chunk == self.chunks - 1)),
        ]
        with m.If(self.go):
            m.d.sync += place.eq(Mux(self.head_last, 0, place + 1))
            with m.If(self.head_last):
                m.d.sync += self.head.eq(Mux(self.head == p.heads - 1, 0, self.head + 1))
            with m.If(self.chunk == self.chunks - 1):
                self._next_key(m)
            with m.Else():
                m.d.sync += self.chunk.eq(self.chunk + 1)
        return m

    def _next_key(self, m: Module) -> None:
        m.d.sync += [
            self.chunk.eq(0),
            self.key.eq(increment(self.key, self.params.tokens)),
            self.step.eq(self.step + 1),
        ]
        with m.If(self.loads):
            m.d.sync += self.loaded.eq(self.loaded + 1)
        for slot, held in enumerate(self.held):
            with m.If(self.key == slot):
                m.d.sync += [
                    held.eq(self.loaded[: self.query_bits]),
                    self.active[slot].eq(self.valid[slot]),
                ]
        with m.If(self.ends):
            m.d.sync += [self.key.eq(0), self.step.eq(0), self.loaded.eq(0), self.active.eq(0)]


class PlainWalk(SlotWalk):
    """The walk without reordering: block by block of queries, key by key, slot by slot.

    Every slot loads the key for itself, so that one slot works at a time. Ports as ``SlotWalk``;
    exactly one bit of ``valid`` is high.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        super().__init__(params)
        self.final = Signal()
        """The last slot of the block is at work."""

    def elaborate(self, _platform: object) -> Module:
        """Build the logic; ``loaded`` counts the queries of the blocks before."""
        m = Module()
        p = self.params
        place = Signal(range(max(2, self.of_head)))
        slot = Signal(range(max(2, p.queries)))
        last_key, last_slot = Signal(), self.final
        final = (slot == p.queries - 1) | (self.loaded + slot == p.tokens - 1)
        mine = [slot == n for n in range(p.queries)]
        m.d.comb += [
            last_key.eq(self.key == p.tokens - 1), last_slot.eq(final),
            self.valid.eq(Cat(mine)),
            self.first.eq(Mux(self.key == 0, self.valid, 0)),
            self.last.eq(Mux(last_key, self.valid, 0)),
            self.loads.eq(self.key == 0),
            self.query.eq(Cat((self.loaded + n)[: self.query_bits] for n in range(p.queries))),
            self.head_first.eq(place == 0), self.head_last.eq(place == self.of_head - 1),
            self.ends.eq(
                last_key & (self.loaded + slot == p.tokens - 1) & (self.chunk == self.chunks - 1)
            ),
        ]  # fmt: skip
        with m.If(self.go):
            m.d.sync += place.eq(Mux(self.head_last, 0, place + 1))
            with m.If(self.head_last):
                m.d.sync += self.head.eq(Mux(self.head == p.heads - 1, 0, self.head + 1))
            m.d.sync += self.chunk.eq(self.chunk + 1)
            with m.If(self.chunk == self.chunks - 1):
                m.d.sync += [self.chunk.eq(0), slot.eq(slot + 1)]
                with m.If(last_slot):
                    m.d.sync += [slot.eq(0), self.key.eq(increment(self.key, p.tokens))]
                    with m.If(last_key):
                        m.d.sync += self.loaded.eq(Mux(self.ends, 0, self.loaded + p.queries))
        return m
