"""A double-buffered SRAM: one half is filled while the other is read."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.numeric.check import integer, one_of


class DoubleBuffer(wiring.Component):
    """Two banks of ``depth`` words; the writer fills one, hands it over, and the reader has it.

    Banks are handed over in order and come back in order. With ``ports=1`` each bank is a memory
    with one shared address (a bank is never written and read in one phase); with ``ports=2`` both
    banks are one simple dual-port memory. Both behave alike and infer block memory.

    Parameters: ``width`` (1 or more bits), ``depth`` (2 or more words a bank), ``ports`` (1 or 2).

    Ports:

    * ``free`` (1, out): the writer has a bank. High after reset.
    * ``write`` (1, in), ``write_address``, ``write_data`` (width): store now; only while ``free``.
    * ``filled`` (1, in): hand the bank over, after this cycle's write; only while ``free``.
    * ``ready`` (1, out): the reader has a bank. Idle 0.
    * ``read`` (1, in), ``read_address``: fetch now; only while ``ready``.
    * ``read_data`` (width, out): the word, in the cycle after ``read``, kept until the next read.
    * ``drained`` (1, in): give the bank back, after this cycle's read; only while ``ready``.
    """

    def __init__(self, *, width: int, depth: int, ports: int = 2) -> None:
        self.width = integer("width", width, 1)
        self.depth = integer("depth", depth, 2)
        one_of("ports", ports, (1, 2))
        self.ports = ports
        super().__init__(
            {
                "free": Out(1),
                "write": In(1),
                "write_address": In(range(depth)),
                "write_data": In(width),
                "filled": In(1),
                "ready": Out(1),
                "read": In(1),
                "read_address": In(range(depth)),
                "read_data": Out(width),
                "drained": In(1),
            }
        )
        self.full = Signal(2)  # one bit a bank: handed over, not yet back
        self.fill = Signal()  # the writer's bank
        self.drain = Signal()  # the reader's bank
        self.latest = Signal()  # the bank of the last read, where each has its memory
        shape = [2 << len(self.write_address)] if ports == 2 else [depth, depth]
        self.memories = [Memory(shape=width, depth=words, init=[]) for words in shape]

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.d.comb += [
            self.free.eq(~self.full.bit_select(self.fill, 1)),
            self.ready.eq(self.full.bit_select(self.drain, 1)),
        ]
        with m.If(self.filled & self.free):
            m.d.sync += [self.full.bit_select(self.fill, 1).eq(1), self.fill.eq(~self.fill)]
        with m.If(self.drained & self.ready):
            m.d.sync += [self.full.bit_select(self.drain, 1).eq(0), self.drain.eq(~self.drain)]
        if self.ports == 2:
            self._dual_port(m)
        else:
            self._single_port(m)
        return m

    def _dual_port(self, m: Module) -> None:
        m.submodules.memory = memory = self.memories[0]
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [
            write.en.eq(self.write & self.free),
            write.addr.eq(Cat(self.write_address, self.fill)),
            write.data.eq(self.write_data),
            read.en.eq(self.read & self.ready),
            read.addr.eq(Cat(self.read_address, self.drain)),
            self.read_data.eq(read.data),
        ]

    def _single_port(self, m: Module) -> None:
        words = []
        for bank, memory in enumerate(self.memories):
            m.submodules[f"bank_{bank}"] = memory
            write = memory.write_port()
            read = memory.read_port()
            store = self.write & self.free & (self.fill == bank)
            address = Mux(self.full[bank], self.read_address, self.write_address)
            m.d.comb += [
                write.en.eq(store),
                write.addr.eq(address),
                write.data.eq(self.write_data),
                read.en.eq(self.read & self.ready & (self.drain == bank)),
                read.addr.eq(address),
            ]
            words.append(read.data)
        with m.If(self.read & self.ready):
            m.d.sync += self.latest.eq(self.drain)
        m.d.comb += self.read_data.eq(Mux(self.latest, words[1], words[0]))
