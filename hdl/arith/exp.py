"""The exponential of a negative fixed-point number."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value

from archsim.numeric.curves import exp2_table, log2e
from archsim.numeric.operators import ExpParams
from hdl.arith.fixed import INTERPOLATION_CYCLES, interpolated
from hdl.arith.operator import StreamOperator
from hdl.lib.counting import delayed


class Exp(StreamOperator):
    """``exp(-x)`` as ``archsim.functional.Exp`` defines it; 5 cycles.

    Ports: ``i``, stream of ``in_bits`` unsigned; ``o``, stream of ``out_bits`` unsigned.
    """

    def __init__(self, params: ExpParams) -> None:
        self.params = params
        super().__init__(params.in_bits, params.out_bits, 2 + INTERPOLATION_CYCLES)

    def datapath(self, m: Module) -> Value:
        """Multiply by log2(e), read and interpolate the fraction's power, shift by the rest."""
        p = self.params
        scale = log2e(p.value_bits)
        power = Signal(p.in_bits + scale.bit_length(), name="power")
        m.d.sync += power.eq(self.i.payload * scale)
        whole = power[p.exponent_fraction_bits :]
        limit = p.out_fraction_bits + 2
        bounded = Mux(whole > limit, limit, whole)[: limit.bit_length()]
        within = power[: p.exponent_fraction_bits][-(p.index_bits + p.position_bits) :]
        table = exp2_table(p.index_bits, p.value_bits)
        value = interpolated(m, table, within[p.position_bits :], within[: p.position_bits])
        amount = delayed(m, bounded, INTERPOLATION_CYCLES, "amount")
        doubled = ((value << 1) >> (p.value_bits - p.out_fraction_bits)) >> amount
        result = Signal(p.out_bits, name="result")
        m.d.sync += result.eq((doubled + 1) >> 1)
        return result
