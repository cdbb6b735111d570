"""Stream width converters: several beats become one word, and any width becomes any other."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer


class Widener(wiring.Component):
    """Gathers ``beats`` beats of ``beat_bits`` into one word of ``width`` bits, lowest first.

    The inverse of ``Narrower``: where ``width`` is no multiple of ``beat_bits`` the last beat's
    upper bits are dropped. The word is on ``o`` in the cycle after its last beat; sustains one
    beat a cycle.

    Parameters: ``width``, ``beat_bits`` (1 or more bits each).

    Ports: ``i``, stream of ``beat_bits``, in, ready unless a finished word waits;
    ``o``, stream of ``width`` bits, out.
    """

    def __init__(self, *, width: int, beat_bits: int) -> None:
        self.width = integer("width", width, 1)
        self.beat_bits = integer("beat_bits", beat_bits, 1)
        self.beats = -(-width // beat_bits)
        super().__init__({"i": In(stream.Signature(beat_bits)), "o": Out(stream.Signature(width))})
        self.beat = Signal(range(max(2, self.beats)))
        self.word = Signal(self.beats * beat_bits)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        final = Signal()
        m.d.comb += [
            final.eq(self.beat == self.beats - 1),
            self.i.ready.eq(~self.o.valid | self.o.ready),
            self.o.payload.eq(self.word),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.word.word_select(self.beat, self.beat_bits).eq(self.i.payload),
                self.beat.eq(Mux(final, 0, self.beat + 1)),
                self.o.valid.eq(final),
            ]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m


class Gearbox(wiring.Component):
    """Repacks a stream of ``in_bits`` words into ``out_bits`` words, any ratio, lowest bit first.

    The bits of all input words in order are the bits of all output words in order; bits that do
    not fill a word wait for the next. Holds up to ``in_bits + out_bits`` bits; a word enters in
    one cycle and its bits may leave from the next on. The wider side moves at its full rate.

    Parameters: ``in_bits``, ``out_bits`` (1 or more).

    Ports: ``i``, stream of ``in_bits``, in, ready while they fit behind what leaves now;
    ``o``, stream of ``out_bits``, out; ``level`` (bits held, out, idle 0).
    """

    def __init__(self, *, in_bits: int, out_bits: int) -> None:
        self.in_bits = integer("in_bits", in_bits, 1)
        self.out_bits = integer("out_bits", out_bits, 1)
        self.capacity = in_bits + out_bits
        super().__init__(
            {
                "i": In(stream.Signature(in_bits)),
                "o": Out(stream.Signature(out_bits)),
                "level": Out(range(self.capacity + 1)),
            }
        )
        self.held = Signal(self.capacity)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        pop = Signal()
        push = Signal()
        kept = Signal(range(self.capacity + 1))  # bits that stay after what leaves now
        rest = Signal(self.capacity)
        m.d.comb += [
            self.o.valid.eq(self.level >= self.out_bits),
            self.o.payload.eq(self.held),
            pop.eq(self.o.valid & self.o.ready),
            kept.eq(Mux(pop, self.level - self.out_bits, self.level)),
            rest.eq(Mux(pop, self.held >> self.out_bits, self.held)),
            self.i.ready.eq(kept <= self.capacity - self.in_bits),
            push.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += [self.level.eq(kept), self.held.eq(rest)]
        with m.If(push):
            m.d.sync += [
                self.level.eq(kept + self.in_bits),
                self.held.eq(rest | (self.i.payload << kept)[: self.capacity]),
            ]
        return m
