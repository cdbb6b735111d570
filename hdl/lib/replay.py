"""A ring buffer whose reader may rewind: operands are written once and read many times."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class ReplayBuffer(wiring.Component):
    """Words enter by a stream and leave on request, in order; the reader decides what to keep.

    A read with ``release`` frees the oldest word and may happen only while the read position is
    the oldest word. A read with ``rewind`` sends the next read back to the oldest live word; it
    does not come with ``release``.

    Parameters: ``width`` bits of a word, ``depth`` words; ``verilog``: see ``BufferMemory``.

    Ports:

    * ``i``: stream of ``width`` bits; ready while a word is free.
    * ``available`` (1, out): a word can be taken in this cycle. Idle 0.
    * ``soon`` (1, out): ``available`` of the next cycle, so that ``take`` can be a register.
    * ``take``, ``release``, ``rewind`` (1, in): read now; ``take`` only while ``available``, the
      others only with ``take``.
    * ``data`` (width, out): the word, in the third cycle after its ``take``.
    """

    LATENCY = 3

    def __init__(self, *, width: int, depth: int, verilog: bool = False) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth!r}")
        self.width = width
        self.depth = depth
        self.verilog = verilog
        self.level = Signal(range(depth + 1))
        self.ahead = Signal(range(depth + 1))
        self.oldest = Signal(range(depth))
        self.level_one = Signal()  # level is 1
        self.ahead_one = Signal()  # ahead is 1
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "available": Out(1),
                "soon": Out(1),
                "take": In(1),
                "release": In(1),
                "rewind": In(1),
                "data": Out(width),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.memory = memory = BufferMemory(
            width=self.width, depth=self.depth, verilog=self.verilog
        )
        head = Signal(range(self.depth))
        position = Signal(range(self.depth))
        room = Signal(init=1)  # level is not depth
        push = Signal()
        arriving = Signal(self.width, reset_less=True)
        m.d.comb += [self.i.ready.eq(room), push.eq(self.i.valid & room)]
        m.d.comb += [memory.read_en.eq(1), memory.write_data.eq(arriving)]
        m.d.sync += [  # registers on the way to the memory, which may be far
            memory.write_en.eq(push),
            memory.write_addr.eq(head),
            arriving.eq(self.i.payload),
            memory.read_addr.eq(position),
        ]
        word = Signal(self.width, reset_less=True)  # packs into a block memory's output register
        m.d.sync += word.eq(memory.read_data)
        m.d.comb += self.data.eq(word)
        with m.If(push):
            m.d.sync += head.eq(increment(head, self.depth))
        self._live(m, push, room)
        self._ahead(m, push)
        with m.If(self.take):
            m.d.sync += position.eq(Mux(self.rewind, self.oldest, increment(position, self.depth)))
            with m.If(self.release):
                m.d.sync += self.oldest.eq(increment(self.oldest, self.depth))
        return m

    def _live(self, m: Module, push: Signal, room: Signal) -> None:
        """Follow the live words (``level``)."""
        free = Signal()
        m.d.comb += free.eq(self.take & self.release)
        with m.If(free & ~push):
            m.d.sync += [self.level.eq(self.level - 1), self.level_one.eq(self.level == 2)]
        with m.If(push & ~free):
            m.d.sync += [self.level.eq(self.level + 1), self.level_one.eq(self.level == 0)]
        with m.If(free):
            m.d.sync += room.eq(1)
        with m.Elif(push):
            m.d.sync += room.eq(self.level != self.depth - 1)

    def _ahead(self, m: Module, push: Signal) -> None:
        """Follow the words not yet read in this pass (``ahead``), whether they are 1 or none."""
        left = Mux(self.rewind, 1, ~self.ahead_one)  # of those there, any after this read
        m.d.comb += self.soon.eq(push | Mux(self.take, left, self.available))
        m.d.sync += self.available.eq(self.soon)
        with m.If(self.take & self.rewind):
            m.d.sync += [
                self.ahead.eq(self.level + push),
                self.ahead_one.eq(self.level_one & ~push),
            ]
        with m.Elif(self.take & ~push):
            m.d.sync += [self.ahead.eq(self.ahead - 1), self.ahead_one.eq(self.ahead == 2)]
        with m.Elif(push & ~self.take):
            m.d.sync += [self.ahead.eq(self.ahead + 1), self.ahead_one.eq(~self.available)]
