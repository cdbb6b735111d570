"""A bank's request queue that takes several requests in one cycle."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class BankQueue(wiring.Component):
    """First in, first out; lane 0 enters first. The head leaves in every cycle with a request.

    Parameters: ``width`` of a request, ``lanes`` that may enter together, ``depth`` (up to which
    a waiting queue fills). An empty queue takes all lanes at once.

    Ports:

    * ``enter`` (lanes, in): lanes that enter now, if ``take``; ``request`` (lanes * width, in).
    * ``room`` (1, out): those of ``enter`` fit, or there are none.
    * ``take`` (1, in): they enter; only with ``room``.
    * ``valid`` (1, out), ``head`` (width, out): the request that leaves in this cycle.
    """

    def __init__(self, *, width: int, lanes: int, depth: int) -> None:
        self.width = width
        self.lanes = lanes
        self.depth = depth
        self.places = max(depth, lanes)
        super().__init__(
            {
                "enter": In(lanes),
                "request": In(lanes * width),
                "room": Out(1),
                "take": In(1),
                "valid": Out(1),
                "head": Out(width),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        held = [Signal(self.width, name=f"place_{k}") for k in range(self.places)]
        level = Signal(range(self.places + 1))
        left = Signal(range(self.places + 1))  # of those before, the head having left
        before = [Signal(range(self.lanes + 1), name=f"before_{j}") for j in range(self.lanes + 1)]
        m.d.comb += [left.eq(Mux(self.valid, level - 1, level)), before[0].eq(0)]
        for j in range(self.lanes):
            m.d.comb += before[j + 1].eq(before[j] + self.enter[j])
        total = before[-1]
        m.d.comb += [
            self.valid.eq(level != 0),
            self.head.eq(held[0]),
            self.room.eq((total == 0) | (left == 0) | (left + total <= self.depth)),
        ]
        m.d.sync += level.eq(Mux(self.take, left + total, left))
        for k in range(self.places):
            after = held[k + 1] if k + 1 < self.places else held[k]
            following: Value = Mux(self.valid, after, held[k])
            for j in range(self.lanes):
                here = self.take & self.enter[j] & (left + before[j] == k)
                following = Mux(here, self.request.word_select(j, self.width), following)
            m.d.sync += held[k].eq(following)
        return m
