"""A stream width converter: one wide word becomes several beats."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Narrower(wiring.Component):
    """Sends each word of ``width`` bits as ``beats`` beats of ``beat_bits``, lowest bits first.

    Without delay or buffer: the word stays on ``i`` until its last beat is taken.

    Ports: ``i`` stream of ``width`` bits, ``o`` stream of ``beat_bits``; ``final`` (1, out): the
    beat on ``o`` is its word's last.
    """

    def __init__(self, *, width: int, beat_bits: int) -> None:
        self.width = width
        self.beat_bits = beat_bits
        self.beats = -(-width // beat_bits)
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "o": Out(stream.Signature(beat_bits)),
                "final": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        beat = Signal(range(max(2, self.beats)))
        m.d.comb += [
            self.final.eq(beat == self.beats - 1),
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(self.i.payload.word_select(beat, self.beat_bits)),
            self.i.ready.eq(self.o.ready & self.final),
        ]
        if self.beats == 1:
            m.d.comb += self.o.payload.eq(self.i.payload)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += beat.eq(Mux(self.final, 0, beat + 1))
        return m
