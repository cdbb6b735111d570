"""A skid buffer: registers a stream in both directions without losing throughput."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class SkidBuffer(wiring.Component):
    """Two registers; ``i.ready``, ``o.valid`` and ``o.payload`` come from registers.

    One cycle from ``i`` to ``o``, one word a cycle.

    Ports: ``i`` and ``o``, streams of ``width`` bits.
    """

    def __init__(self, *, width: int) -> None:
        self.width = width
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})
        self.spare = Signal(width, reset_less=True)
        self.full = Signal()

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.d.comb += self.i.ready.eq(~self.full)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(self.full | self.i.valid),
                self.full.eq(0),
            ]
            with m.If(self.full):
                m.d.sync += self.o.payload.eq(self.spare)
            with m.Else():
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Elif(self.i.valid & ~self.full):
            m.d.sync += [self.spare.eq(self.i.payload), self.full.eq(1)]
        return m
