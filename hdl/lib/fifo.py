"""A synchronous FIFO on block memory with streams on both sides."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class StreamFifo(wiring.Component):
    """First in, first out, ``depth`` words in memory and two more in the output registers.

    A word needs three cycles from ``i`` to ``o``. Sustains one word a cycle.

    Ports: ``i`` and ``o``, streams of ``width`` bits. ``i.ready`` while the memory has room.
    ``verilog``: see ``BufferMemory``.
    """

    def __init__(self, *, width: int, depth: int, verilog: bool = False) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth!r}")
        self.width = width
        self.depth = depth
        self.verilog = verilog
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.memory = memory = BufferMemory(
            width=self.width, depth=self.depth, verilog=self.verilog
        )
        head = Signal(range(self.depth))
        tail = Signal(range(self.depth))
        level = Signal(range(self.depth + 1))
        room = Signal(init=1)  # level is not depth
        some = Signal()  # level is not 0
        word = Signal(self.width, reset_less=True)  # packs into a block memory's output register
        push = Signal()
        fetch = Signal()
        fetched = Signal()  # the read port holds a word not yet moved on
        move = Signal()
        m.d.comb += [
            self.i.ready.eq(room),
            push.eq(self.i.valid & self.i.ready),
            memory.write_en.eq(push),
            memory.write_addr.eq(head),
            memory.write_data.eq(self.i.payload),
            move.eq(fetched & (~self.o.valid | self.o.ready)),
            fetch.eq(some & (~fetched | move)),
            memory.read_en.eq(fetch),
            memory.read_addr.eq(tail),
            self.o.payload.eq(word),
        ]
        with m.If(push & ~fetch):
            m.d.sync += [level.eq(level + 1), room.eq(level != self.depth - 1), some.eq(1)]
        with m.If(fetch & ~push):
            m.d.sync += [level.eq(level - 1), room.eq(1), some.eq(level != 1)]
        with m.If(push):
            m.d.sync += head.eq(increment(head, self.depth))
        with m.If(fetch):
            m.d.sync += tail.eq(increment(tail, self.depth))
        with m.If(fetch | move):
            m.d.sync += fetched.eq(fetch)
        with m.If(move):
            m.d.sync += [self.o.valid.eq(1), word.eq(memory.read_data)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
