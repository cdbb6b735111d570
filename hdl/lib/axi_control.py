"""Control and status registers behind AXI4-Lite."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.numeric.check import integer
from hdl.lib.axi_lite import AxiLiteRegisters, axi_lite_signature


class ControlStatus(wiring.Component):
    """``controls`` registers that software writes and reads, then ``statuses`` that it reads.

    Register ``n`` is at byte address ``4 * n``. Byte strobes count. Writes to a status register
    change nothing; reads above the last register return 0.

    Parameters: ``controls`` (1 or more), ``statuses`` (0 or more); 32 bits each.

    Ports:

    * ``bus``: AXI4-Lite, in.
    * ``control`` (32 * controls, out): the registers, number 0 lowest. Reset to 0.
    * ``written`` (controls, out): this register was written in the cycle before. Idle 0.
    * ``status`` (32 * statuses, in): what reads of the status registers return.
    """

    def __init__(self, *, controls: int, statuses: int) -> None:
        self.controls = integer("controls", controls, 1)
        self.statuses = integer("statuses", statuses, 0)
        self.registers = AxiLiteRegisters(count=controls + statuses)
        super().__init__(
            {
                "bus": In(axi_lite_signature(self.registers.address_bits)),
                "control": Out(32 * controls),
                "written": Out(controls),
                "status": In(32 * statuses),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.registers = registers = self.registers
        connect(m, flipped(self.bus), registers.bus)
        m.d.comb += registers.values.eq(Cat(self.control, self.status))
        bits = Signal(32)
        m.d.comb += bits.eq(Cat(strobe.replicate(8) for strobe in registers.strobe))
        for n in range(self.controls):
            chosen = registers.write & (registers.index == n)
            word = self.control.word_select(n, 32)
            m.d.sync += self.written[n].eq(chosen)
            m.d.sync += word.eq(Mux(chosen, (word & ~bits) | (registers.data & bits), word))
        return m
