"""An AXI4-Lite subordinate that serves 32-bit registers."""

from __future__ import annotations

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def axi_lite_signature(address_bits: int) -> wiring.Signature:
    """Return the AXI4-Lite bus as its manager sees it; data is 32 bits wide."""
    return wiring.Signature(
        {
            "awaddr": Out(address_bits), "awvalid": Out(1), "awready": In(1),
            "wdata": Out(32), "wstrb": Out(4), "wvalid": Out(1), "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
            "araddr": Out(address_bits), "arvalid": Out(1), "arready": In(1),
            "rdata": In(32), "rresp": In(2), "rvalid": In(1), "rready": Out(1),
        }
    )  # fmt: skip


class AxiLiteRegisters(wiring.Component):
    """``count`` registers at word addresses; each read and write takes one beat, in any order.

    Responses are always OKAY. Users may ignore ``strobe``: software then writes whole registers.

    Ports: ``bus``; ``write`` (1, out): register ``index`` gets ``data`` in this cycle, idle 0;
    ``strobe`` (4, out): the bytes of ``data`` that count, with ``write``;
    ``values`` (32 * count, in): what a read returns, register 0 lowest; above the last 0.
    """

    def __init__(self, *, count: int) -> None:
        self.count = count
        self.address_bits = max(3, (count - 1).bit_length() + 2)
        super().__init__(
            {
                "bus": In(axi_lite_signature(self.address_bits)),
                "write": Out(1),
                "index": Out(self.address_bits - 2),
                "data": Out(32),
                "strobe": Out(4),
                "values": In(32 * count),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        bus = self.bus
        accept = Signal()
        m.d.comb += [
            accept.eq(bus.awvalid & bus.wvalid & ~bus.bvalid),
            bus.awready.eq(accept),
            bus.wready.eq(accept),
            self.write.eq(accept),
            self.index.eq(bus.awaddr[2:]),
            self.data.eq(bus.wdata),
            self.strobe.eq(bus.wstrb),
            bus.arready.eq(~bus.rvalid),
        ]
        with m.If(accept):
            m.d.sync += bus.bvalid.eq(1)
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        registers = Array(self.values.word_select(i, 32) for i in range(self.count))
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(registers[bus.araddr[2:]])]
        with m.Elif(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        return m
