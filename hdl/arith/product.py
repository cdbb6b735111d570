"""A signed product with registers before and behind the multiplier, as DSP blocks have them."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

ECP5_BITS = 18
"""Operand width of an ECP5 multiplier."""

ECP5_MODEL = """\
// Behaviour of Lattice's MULT18X18D as this design uses it, for simulation only: signed operands,
// input and output registers on CLK0, B's with CE1 (Lattice FPGA-TN-02205, sysDSP usage guide).
module MULT18X18D #(
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTB_CLK = "NONE", REG_INPUTC_CLK = "NONE",
  parameter REG_INPUTB_CE = "CE0", REG_PIPELINE_CLK = "NONE", REG_OUTPUT_CLK = "NONE"
) (
  input A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
  input B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, CLK0, CE0, CE1, RST0,
  output P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17,
  output P18, P19, P20, P21, P22, P23, P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
  reg signed [17:0] a = 0, b = 0;
  reg signed [35:0] p = 0;
  always @(posedge CLK0) begin
    a <= {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
    if (CE1) b <= {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
    p <= a * b;
  end
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
          P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p;
endmodule
"""


class RegisteredProduct(wiring.Component):
    """``p`` is the product of the ``a`` and ``b`` of two cycles before.

    With ``multiplier`` "ecp5", ``verilog`` and operands of at most 18 bits it is an explicit
    MULT18X18D with its own registers, which synthesis would not use by itself; else inferred.

    Ports: ``a`` (a_bits), ``b`` (b_bits), ``p`` (a_bits + b_bits), all signed; ``load_b`` (1, in,
    1 unless driven): ``b`` is taken, else the one taken last stays.
    """

    LATENCY = 2

    def __init__(
        self, *, a_bits: int, b_bits: int, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        self.a_bits = a_bits
        self.b_bits = b_bits
        self.explicit = multiplier == "ecp5" and verilog and max(a_bits, b_bits) <= ECP5_BITS
        super().__init__(
            {
                "a": In(signed(a_bits)),
                "b": In(signed(b_bits)),
                "load_b": In(1, init=1),
                "p": Out(signed(a_bits + b_bits)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        if self.explicit:
            self._ecp5(m)
            return m
        a = Signal(signed(self.a_bits), reset_less=True)
        b = Signal(signed(self.b_bits), reset_less=True)
        p = Signal(signed(self.a_bits + self.b_bits), reset_less=True)
        m.d.sync += [a.eq(self.a), p.eq(a * b)]
        with m.If(self.load_b):
            m.d.sync += b.eq(self.b)
        m.d.comb += self.p.eq(p)
        return m

    def _ecp5(self, m: Module) -> None:
        a = Signal(signed(ECP5_BITS))
        b = Signal(signed(ECP5_BITS))
        p = Signal(2 * ECP5_BITS)
        m.d.comb += [a.eq(self.a), b.eq(self.b), self.p.eq(p[: self.a_bits + self.b_bits])]
        ports: dict[str, Any] = {}
        for i in range(ECP5_BITS):
            ports |= {f"i_A{i}": a[i], f"i_B{i}": b[i]}
        for i in range(2 * ECP5_BITS):
            ports[f"o_P{i}"] = p[i]
        m.submodules.dsp = Instance(
            "MULT18X18D",
            p_REG_INPUTA_CLK="CLK0",
            p_REG_INPUTB_CLK="CLK0",
            p_REG_INPUTB_CE="CE1",
            p_REG_INPUTC_CLK="NONE",
            p_REG_PIPELINE_CLK="NONE",
            p_REG_OUTPUT_CLK="CLK0",
            i_CLK0=ClockSignal(),
            i_CE0=Const(1),
            i_CE1=self.load_b,
            i_RST0=Const(0),
            i_SIGNEDA=Const(1),
            i_SIGNEDB=Const(1),
            i_SOURCEA=Const(0),
            i_SOURCEB=Const(0),
            **ports,
        )
