"""Dot product: multiply, accumulate, requantise."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data

from archsim.numeric.operators import DotProductParams
from hdl.arith.fixed import clamped, round_shifted
from hdl.arith.operator import StreamOperator
from hdl.lib.counting import delayed


def operand_layout(params: DotProductParams) -> data.StructLayout:
    """Return a pair ``a``, ``b`` and ``last``, high with the final pair of a sum."""
    return data.StructLayout({"a": signed(params.a_bits), "b": signed(params.b_bits), "last": 1})


class DotProduct(StreamOperator):
    """A sum of products as ``archsim.functional.DotProduct`` defines it; 3 cycles after ``last``.

    Ports: ``i``, stream of ``operand_layout(params)``, a pair a cycle;
    ``o``, stream of ``out_bits`` signed, one word a sum.
    """

    def __init__(self, params: DotProductParams) -> None:
        self.params = params
        super().__init__(operand_layout(params), signed(params.out_bits), 3)
        self.product = Signal(signed(params.a_bits + params.b_bits))
        self.total = Signal(signed(params.acc_bits))
        self.first = Signal(init=1)

    def datapath(self, m: Module) -> Value:
        """Product, sum, result: a register each."""
        p = self.params
        last = delayed(m, self.i.payload.last, 1, "last")
        m.d.sync += self.product.eq(self.i.payload.a * self.i.payload.b)
        start = Mux(self.first, 0, self.total).as_signed()
        total = start + self.product
        with m.If(self.stage_valid[1]):
            m.d.sync += [
                self.total.eq(clamped(total, p.acc_bits) if p.overflow == "saturate" else total),
                self.first.eq(last),
            ]
        result = Signal(signed(p.out_bits), name="result")
        rounded = round_shifted(self.total, p.shift, p.rounding)
        m.d.sync += result.eq(clamped(rounded, p.out_bits))
        return result

    def emits(self, m: Module) -> Value:
        """A result leaves after its last pair."""
        return delayed(m, self.i.payload.last, 2, "emit")
