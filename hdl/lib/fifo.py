"""A synchronous FIFO on block memory with streams on both sides."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class StreamFifo(wiring.Component):
    """First in, first out, ``depth`` words in memory and two more in the output registers.

    A word needs three cycles from ``i`` to ``o``. Sustains one word a cycle.

    Ports:

    * ``i`` and ``o``, streams of ``width`` bits. ``i.ready`` while the memory has room.
    * with ``skip_bits``: ``skip`` (so many bits, in): so many words from the oldest on are to be
      thrown away; 0: none. ``skipped`` (the same, out): so many go in this cycle; the next ``skip``
      is less by them. While ``skip`` is not 0, ``o`` must not be taken. Words on the output
      registers go first, then every second cycle all that the memory holds. Idle 0.

    ``verilog``: see ``BufferMemory``.
    """

    def __init__(
        self, *, width: int, depth: int, skip_bits: int = 0, verilog: bool = False
    ) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth!r}")
        self.width = width
        self.depth = depth
        self.skip_bits = skip_bits
        word = stream.Signature(width)
        skips = {"skip": In(skip_bits), "skipped": Out(skip_bits)} if skip_bits else {}
        super().__init__({"i": In(word), "o": Out(word), **skips})
        self.memory = BufferMemory(width=width, depth=depth, verilog=verilog)
        self.head = Signal(range(depth))
        self.tail = Signal(range(depth))
        self.level = Signal(range(depth + 1))
        self.room = Signal(init=1)  # level is not depth
        self.some = Signal()  # level is not 0
        self.fetched = Signal()  # the read port holds a word not yet moved on
        self.gone = Signal(range(depth + 1))  # so many leave the memory unread

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.memory = memory = self.memory
        head, tail, level = self.head, self.tail, self.level
        room, some, fetched = self.room, self.some, self.fetched
        word = Signal(self.width, reset_less=True)  # packs into a block memory's output register
        push = Signal()
        fetch = Signal()
        move = Signal()
        leaves, wants = self.o.ready, some & (~fetched | move)
        if self.skip_bits:
            leaves, wants = self.o.ready | (self.skip != 0), wants & (self.skip == 0)
        m.d.comb += [
            self.i.ready.eq(room),
            push.eq(self.i.valid & self.i.ready),
            memory.write_en.eq(push),
            memory.write_addr.eq(head),
            memory.write_data.eq(self.i.payload),
            move.eq(fetched & (~self.o.valid | leaves)),
            fetch.eq(wants),
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
        with m.Elif(leaves):
            m.d.sync += self.o.valid.eq(0)
        if self.skip_bits:
            self._skip(m, push)
        return m

    def _skip(self, m: Module, push: Signal) -> None:
        """Let words leave the memory unread; how many was chosen in the cycle before.

        In between the level can only have grown, and ``skip`` stays, as nothing is on the output.
        """
        level, gone, tail = self.level, self.gone, self.tail
        after = Signal(range(2 * self.depth))
        m.d.comb += [
            self.skipped.eq(Mux(self.o.valid, self.skip != 0, gone)), after.eq(tail + gone)
        ]  # fmt: skip
        m.d.sync += gone.eq(0)
        with m.If((self.skip != 0) & ~self.fetched & ~self.o.valid & (gone == 0)):
            m.d.sync += gone.eq(Mux(self.skip < level, self.skip, level))
        with m.If(gone != 0):
            m.d.sync += [
                level.eq(level - gone + push), self.room.eq(1),
                self.some.eq((level != gone) | push),
                tail.eq(Mux(after >= self.depth, after - self.depth, after)),
            ]  # fmt: skip
