"""Behind a weight-stationary array: rows of sums add up over the blocks of K."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MatrixParams
from hdl.lib.counting import delayed, increment
from hdl.lib.memory import BufferMemory


class Accumulator(wiring.Component):
    """Adds each row of a block to the same row of the block before; the last block's rows leave.

    Rows of a block come in order, row 0 first; the same row of two blocks at least ``INTERVAL``
    cycles apart, and at most ``acc_depth`` rows a block.

    Ports:

    * ``valid`` (1, in): ``EARLY`` cycles before a ``row``. Idle 0. With it ``info``: the first
      block of its sums; the last block; a block's last row.
    * ``row`` (columns * acc_bits, in).
    * ``o_valid`` (1, out): a finished row. Idle 0. ``LATENCY`` cycles after ``row``.
    * ``o_end`` (1, out): in the cycle before: it is its block's last. Idle 0.
    * ``o`` (columns * acc_bits, out): the row, with ``o_valid``.
    """

    EARLY = 2
    LATENCY = 1
    INTERVAL = 4

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        bits = params.columns * params.acc_bits
        super().__init__(
            {
                "valid": In(1),
                "info": In(3),
                "row": In(bits),
                "o_valid": Out(1),
                "o_end": Out(1),
                "o": Out(bits),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        depth = max(2, p.acc_depth)
        m.submodules.memory = memory = BufferMemory(
            width=len(self.row), depth=depth, verilog=self.verilog
        )
        at = Signal(range(depth))
        with m.If(self.valid):
            m.d.sync += at.eq(Mux(self.info[2], 0, increment(at, depth)))
        word = Signal(len(self.row), reset_less=True)
        valid, fresh, final, end = delayed(m, _bundle(m, Cat(self.valid, self.info)), 2, "flags")
        place = delayed(m, at, 3, "place")
        m.d.comb += [memory.read_en.eq(1), memory.read_addr.eq(at), memory.write_data.eq(self.o)]
        m.d.comb += memory.write_addr.eq(place)
        m.d.sync += [
            word.eq(memory.read_data),
            memory.write_en.eq(valid & ~final),
            self.o_valid.eq(valid & final),
        ]
        m.d.comb += self.o_end.eq(valid & final & end)
        for j in range(p.columns):
            new = self.row.word_select(j, p.acc_bits)
            old = word.word_select(j, p.acc_bits)
            m.d.sync += self.o.word_select(j, p.acc_bits).eq(new + Mux(fresh, 0, old))
        return m


def _bundle(m: Module, value: Cat) -> Signal:
    signal = Signal(len(value), name="bundle")
    m.d.comb += signal.eq(value)
    return signal
