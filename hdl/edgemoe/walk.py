"""The order of the reordered attention: which key meets which query slot, step by step."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.lib.counting import increment


def steps(params: EdgeMoeParams) -> int:
    """Return the steps of a pass, a key each: until the last slot has met all keys."""
    full, extra = divmod(params.tokens + params.queries - 1, params.queries)
    return full * params.tokens + extra


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
