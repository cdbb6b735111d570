"""A FIFO behind a pipeline that cannot stop."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hdl.lib.credits import Credits
from hdl.lib.small_fifo import SmallFifo


class CreditFifo(wiring.Component):
    """Takes what a pipeline without enables gives; says when a word may enter that pipeline.

    Parameters: ``width`` of a word, ``latency`` of the pipeline in cycles. Sustains a word a cycle.

    Ports:

    * ``room`` (1, out): a place is free for one more word. High after reset.
    * ``reserve`` (1, in): a word enters the pipeline; only with ``room``.
    * ``push`` (1, in), ``word`` (width, in): it arrives.
    * ``o``: stream of ``width`` bits, a cycle after ``push``.
    """

    def __init__(self, *, width: int, latency: int) -> None:
        self.width = width
        self.depth = latency + 3  # a place counts as free two cycles after it was
        super().__init__(
            {
                "room": Out(1),
                "reserve": In(1),
                "push": In(1),
                "word": In(width),
                "o": Out(stream.Signature(width)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.fifo = fifo = SmallFifo(width=self.width, depth=self.depth)
        connect(m, fifo.o, flipped(self.o))
        pop = Signal()
        credits_ = Credits(m, "room", self.depth, take=self.reserve, freed=pop)
        m.d.comb += [
            self.room.eq(credits_.some),
            fifo.i.valid.eq(self.push),
            fifo.i.payload.eq(self.word),
            pop.eq(self.o.valid & self.o.ready),
        ]
        return m
