"""The payload's FIFO: beats leave one by one, or many at once where nobody wants them."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.lib.counting import increment
from hdl.lib.memory import BufferMemory


class BeatFifo(wiring.Component):
    """First in, first out, ``depth`` words in memory and two more in the output registers.

    A word needs three cycles from ``i`` to ``o``. Sustains one word a cycle.

    Ports:

    * ``i`` and ``o``, streams of ``width`` bits. ``i.ready`` while the memory has room.
    * ``skip`` (``count_bits``, in): so many words from the oldest on are to be thrown away; 0:
      none. ``skipped`` (``count_bits``, out): so many go in this cycle; the next ``skip`` is less
      by them. While ``skip`` is not 0, ``o`` must not be taken. Words on the output registers go
      first, then every second cycle all that the memory holds. Idle 0.
    * ``verilog``: see ``BufferMemory``.
    """

    def __init__(
        self, *, width: int, depth: int, count_bits: int = 32, verilog: bool = False
    ) -> None:
        if depth < 2:
            raise ValueError(f"depth must be at least 2, not {depth!r}")
        self.width = width
        self.depth = depth
        self.verilog = verilog
        super().__init__(
            {
                "i": In(stream.Signature(width)),
                "o": Out(stream.Signature(width)),
                "skip": In(count_bits),
                "skipped": Out(count_bits),
            }
        )
        self.level = Signal(range(depth + 1))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.memory = memory = BufferMemory(
            width=self.width, depth=self.depth, verilog=self.verilog
        )
        level = self.level
        head, tail = Signal(range(self.depth)), Signal(range(self.depth))
        room = Signal(init=1)  # level is not depth
        some = Signal()  # level is not 0
        word = Signal(self.width, reset_less=True)  # packs into a block memory's output register
        push, fetch, move, skips = Signal(), Signal(), Signal(), Signal()
        fetched = Signal()  # the read port holds a word not yet moved on
        ready = Signal()
        gone = self._many(m, skips, fetched)
        m.d.comb += [
            skips.eq(self.skip != 0), ready.eq(self.o.ready | skips),
            self.skipped.eq(Mux(self.o.valid, skips, gone)),
            self.i.ready.eq(room), push.eq(self.i.valid & room),
            memory.write_en.eq(push), memory.write_addr.eq(head),
            memory.write_data.eq(self.i.payload),
            move.eq(fetched & (~self.o.valid | ready)),
            fetch.eq(some & (~fetched | move) & ~skips),
            memory.read_en.eq(fetch), memory.read_addr.eq(tail),
            self.o.payload.eq(word),
        ]  # fmt: skip
        with m.If(gone != 0):
            after = Signal(range(2 * self.depth))
            m.d.comb += after.eq(tail + gone)
            m.d.sync += [
                level.eq(level - gone + push), room.eq(1), some.eq((level != gone) | push),
                tail.eq(Mux(after >= self.depth, after - self.depth, after)),
            ]  # fmt: skip
        with m.Elif(push & ~fetch):
            m.d.sync += [level.eq(level + 1), room.eq(level != self.depth - 1), some.eq(1)]
        with m.Elif(fetch & ~push):
            m.d.sync += [level.eq(level - 1), room.eq(1), some.eq(level != 1)]
        with m.If(push):
            m.d.sync += head.eq(increment(head, self.depth))
        with m.If(fetch):
            m.d.sync += tail.eq(increment(tail, self.depth))
        with m.If(fetch | move):
            m.d.sync += fetched.eq(fetch)
        with m.If(move):
            m.d.sync += [self.o.valid.eq(1), word.eq(memory.read_data)]
        with m.Elif(ready):
            m.d.sync += self.o.valid.eq(0)
        return m

    def _many(self, m: Module, skips: Signal, fetched: Signal) -> Signal:
        """Return how many words leave the memory unread; chosen in the cycle before.

        In between the level can only have grown, and ``skip`` stays, as nothing is on the output.
        """
        gone = Signal(range(self.depth + 1))
        m.d.sync += gone.eq(0)
        with m.If(skips & ~fetched & ~self.o.valid & (gone == 0)):
            m.d.sync += gone.eq(Mux(self.skip < self.level, self.skip, self.level))
        return gone
