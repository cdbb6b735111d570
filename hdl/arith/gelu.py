"""GELU of a fixed-point number by a table of its distance to ReLU."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, signed

from archsim.numeric.curves import gelu_delta_table
from archsim.numeric.operators import GeluParams
from hdl.arith.fixed import INTERPOLATION_CYCLES, interpolated, round_shifted
from hdl.arith.operator import StreamOperator
from hdl.lib.counting import delayed


class Gelu(StreamOperator):
    """``GELU(x)`` as ``archsim.functional.Gelu`` defines it; 5 cycles.

    Ports: ``i`` and ``o``, streams of ``bits`` signed.
    """

    def __init__(self, params: GeluParams) -> None:
        self.params = params
        super().__init__(signed(params.bits), signed(params.bits), 2 + INTERPOLATION_CYCLES)

    def datapath(self, m: Module) -> Value:
        """Take the size, read and interpolate its delta, subtract it from ReLU."""
        p = self.params
        x = self.i.payload
        table = gelu_delta_table(p.value_bits)
        segments = len(table) - 1
        size = Signal(p.bits, name="size")
        m.d.sync += size.eq(Mux(x < 0, -x, x))
        segment = size[p.position_bits :]
        index = Mux(segment >= segments, segments - 1, segment)[: (segments - 1).bit_length()]
        delta = interpolated(m, table, index, size[: p.position_bits])
        beyond = delayed(m, segment >= segments, INTERPOLATION_CYCLES, "beyond")
        relu = delayed(m, Mux(x < 0, 0, x).as_signed(), 1 + INTERPOLATION_CYCLES, "relu")
        signed_delta = Mux(beyond, 0, delta)
        result = Signal(signed(p.bits), name="result")
        m.d.sync += result.eq(
            relu - round_shifted(signed_delta, p.value_bits - p.fraction_bits, "half_up")
        )
        return result
