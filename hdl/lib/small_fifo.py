"""A synchronous FIFO of any depth whose oldest word stands on the output without delay."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer
from hdl.lib.counting import increment


class SmallFifo(wiring.Component):
    """First in, first out, ``depth`` words in distributed memory (read without a clock).

    A word needs one cycle from ``i`` to ``o``. Sustains one word a cycle from depth 2 on, one
    word in two cycles at depth 1: a full FIFO takes nothing, even while it gives.

    Parameters: ``width`` (0 or more bits), ``depth`` (1 or more, power of two or not).

    Ports:

    * ``i``: stream of ``width`` bits, in; ``ready`` while fewer than ``depth`` words are held.
    * ``o``: stream of ``width`` bits, out; ``valid`` while a word is held, ``payload`` the oldest.
    * ``level`` (enough bits for ``depth``, out): words held in this cycle. Idle 0.
    """

    def __init__(self, *, width: int, depth: int) -> None:
        self.width = integer("width", width, 0)
        self.depth = integer("depth", depth, 1)
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "o": Out(stream.Signature(width)),
                "level": Out(range(depth + 1)),
            }
        )
        self.head = Signal(range(depth))
        self.tail = Signal(range(depth))
        self.memory = Memory(shape=width, depth=depth, init=[])
        self._write = self.memory.write_port()
        self._read = self.memory.read_port(domain="comb")

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.memory = self.memory
        write, read = self._write, self._read
        push = Signal()
        pop = Signal()
        m.d.comb += [
            self.i.ready.eq(self.level != self.depth),
            self.o.valid.eq(self.level != 0),
            self.o.payload.eq(read.data),
            push.eq(self.i.valid & self.i.ready),
            pop.eq(self.o.valid & self.o.ready),
            write.en.eq(push),
            write.addr.eq(self.head),
            write.data.eq(self.i.payload),
            read.addr.eq(self.tail),
        ]
        m.d.sync += self.level.eq(self.level + push - pop)
        with m.If(push):
            m.d.sync += self.head.eq(increment(self.head, self.depth))
        with m.If(pop):
            m.d.sync += self.tail.eq(increment(self.tail, self.depth))
        return m
