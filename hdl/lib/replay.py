"""A ring buffer whose reader may rewind: operands are written once and read many times."""

from __future__ import annotations

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class ReplayBuffer(wiring.Component):
    """Words enter by a stream and leave on request, in order; the reader decides what to keep.

    A read with ``release`` frees the oldest word and may happen only while the read position is
    the oldest word. A read with ``rewind`` sends the next read back to the oldest live word; it
    does not come with ``release``. Places and counts follow a read one cycle later, so that
    ``take`` reaches few registers.

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
        self.level = Signal(range(depth + 1))  # live words, before what was freed
        self.ahead = Signal(range(depth + 1))  # of them not read in this pass, before the rest
        self.oldest = Signal(range(depth))
        self.ahead_one = Signal()  # one is not read
        self.freed, self.rewound = Signal(), Signal()  # in the cycle before
        self.less, self.more = Signal(), Signal()  # words ahead, by that cycle
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
        room = Signal(init=1)  # a place is free
        push = Signal()
        taken = Signal()
        arriving = Signal(self.width, reset_less=True)
        m.d.comb += [self.i.ready.eq(room), push.eq(self.i.valid & room)]
        m.d.comb += [memory.read_en.eq(1), memory.write_data.eq(arriving)]
        m.d.comb += memory.read_addr.eq(position)
        m.d.sync += [  # registers on the way to the memory, which may be far
            memory.write_en.eq(push),
            memory.write_addr.eq(head),
            arriving.eq(self.i.payload),
            taken.eq(self.take),
            self.freed.eq(self.take & self.release),
            self.rewound.eq(self.take & self.rewind),
        ]
        word = Signal(self.width, reset_less=True)  # packs into a block memory's output register
        m.d.sync += word.eq(memory.read_data)
        m.d.comb += self.data.eq(word)
        with m.If(push):
            m.d.sync += head.eq(increment(head, self.depth))
        with m.If(taken):
            place = Mux(self.rewound, self.oldest, increment(position, self.depth))
            m.d.sync += position.eq(place)
        with m.If(self.freed):
            m.d.sync += self.oldest.eq(increment(self.oldest, self.depth))
        self._live(m, push, room)
        self._ahead(m, push)
        return m

    def _live(self, m: Module, push: Signal, room: Signal) -> None:
        """Follow the live words (``level``)."""
        with m.If(self.freed & ~push):
            m.d.sync += self.level.eq(self.level - 1)
        with m.If(push & ~self.freed):
            m.d.sync += self.level.eq(self.level + 1)
        with m.If(self.take & self.release):
            m.d.sync += room.eq(1)
        with m.Elif(push):
            m.d.sync += room.eq(self.level != Mux(self.freed, self.depth, self.depth - 1))

    def _ahead(self, m: Module, push: Signal) -> None:
        """Follow the words not yet read in this pass (``ahead``), whether they are 1 or none."""
        left = Mux(self.rewind, 1, ~self.ahead_one)  # of those there, any after this read
        m.d.comb += self.soon.eq(push | Mux(self.take, left, self.available))
        m.d.sync += [
            self.available.eq(self.soon),
            self.less.eq(self.take & ~push),
            self.more.eq(push & ~self.take),
        ]
        with m.If(self.rewound):
            m.d.sync += self.ahead.eq(self.level)
        with m.Elif(self.less):
            m.d.sync += self.ahead.eq(self.ahead - 1)
        with m.Elif(self.more):
            m.d.sync += self.ahead.eq(self.ahead + 1)
        live_one = self.level == Mux(self.freed, 2, 1)
        known = Mux(self.rewound, self.level, self.ahead)
        lag = Mux(self.rewound, 0, Cat(self.less, self.more))
        ahead_two = known == Array([2, 3, 1, 2])[lag]
        with m.If(self.take & self.rewind):
            m.d.sync += self.ahead_one.eq(live_one & ~push)
        with m.Elif(self.take & ~push):
            m.d.sync += self.ahead_one.eq(ahead_two)
        with m.Elif(push & ~self.take):
            m.d.sync += self.ahead_one.eq(~self.available)
