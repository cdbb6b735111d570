"""A synchronous FIFO on block memory with streams on both sides."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment


class StreamFifo(wiring.Component):
    """First in, first out, ``depth`` words in memory and two more in the output registers.

    A word needs three cycles from ``i`` to ``o``. Sustains one word a cycle.

    Ports: ``i`` and ``o``, streams of ``width`` bits. ``i.ready`` while the memory has room.
    """

    def __init__(self, *, width: int, depth: int) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth!r}")
        self.width = width
        self.depth = depth
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.depth, init=[])
        write = memory.write_port()
        read = memory.read_port()
        head = Signal(range(self.depth))
        tail = Signal(range(self.depth))
        level = Signal(range(self.depth + 1))
        push = Signal()
        fetch = Signal()
        fetched = Signal()  # the read port holds a word not yet moved on
        move = Signal()
        m.d.comb += [
            self.i.ready.eq(level != self.depth),
            push.eq(self.i.valid & self.i.ready),
            write.en.eq(push),
            write.addr.eq(head),
            write.data.eq(self.i.payload),
            move.eq(fetched & (~self.o.valid | self.o.ready)),
            fetch.eq((level != 0) & (~fetched | move)),
            read.en.eq(fetch),
            read.addr.eq(tail),
        ]
        m.d.sync += level.eq(level + push - fetch)
        with m.If(push):
            m.d.sync += head.eq(increment(head, self.depth))
        with m.If(fetch):
            m.d.sync += tail.eq(increment(tail, self.depth))
        with m.If(fetch | move):
            m.d.sync += fetched.eq(fetch)
        with m.If(move):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(read.data)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
