"""Reciprocal and square-root reciprocal of unsigned fixed-point numbers."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from archsim.numeric.curves import reciprocal_table, rsqrt_table
from archsim.numeric.operators import ReciprocalParams, RsqrtParams
from hdl.arith.fixed import INTERPOLATION_CYCLES, clamped, interpolated, leading_one
from hdl.arith.operator import StreamOperator
from hdl.lib.counting import delayed


class Reciprocal(StreamOperator):
    """``1 / x`` as ``archsim.functional.Reciprocal`` defines it; 5 cycles.

    Ports: ``i``, stream of ``in_bits`` unsigned; ``o``, stream of ``out_bits`` unsigned.
    """

    def __init__(self, params: ReciprocalParams) -> None:
        self.params = params
        super().__init__(params.in_bits, params.out_bits, 2 + INTERPOLATION_CYCLES)

    def datapath(self, m: Module) -> Value:
        """Normalise, read and interpolate, shift back."""
        p = self.params
        position = leading_one(m, self.i.payload)
        mantissa = _normalised(m, self.i.payload, position)
        exponent = delayed(m, position, 1 + INTERPOLATION_CYCLES, "exponent")
        table = reciprocal_table(p.index_bits, p.value_bits)
        index = mantissa[p.position_bits :]
        value = interpolated(m, table, index, mantissa[: p.position_bits])
        return _shifted_back(m, self, value, exponent, p.base_shift + p.lift)


class Rsqrt(StreamOperator):
    """``1 / sqrt(x)`` as ``archsim.functional.Rsqrt`` defines it; 5 cycles.

    Ports: ``i``, stream of ``in_bits`` unsigned; ``o``, stream of ``out_bits`` unsigned.
    """

    def __init__(self, params: RsqrtParams) -> None:
        self.params = params
        super().__init__(params.in_bits, params.out_bits, 2 + INTERPOLATION_CYCLES)

    def datapath(self, m: Module) -> Value:
        """Normalise to an even exponent, read and interpolate, shift back by half of it."""
        p = self.params
        position = leading_one(m, self.i.payload)
        mantissa = _normalised(m, self.i.payload, position)
        odd = p.in_fraction_bits & 1
        raised = Signal(len(position) + 1)  # the exponent above the lowest even one
        m.d.comb += raised.eq(position + odd)
        parity = delayed(m, raised[0], 1, "parity")
        half = delayed(m, raised[1:], 1 + INTERPOLATION_CYCLES, "half")
        table = rsqrt_table(p.index_bits, p.value_bits)
        index = Cat(mantissa[p.position_bits :], parity)
        value = interpolated(m, table, index, mantissa[: p.position_bits])
        return _shifted_back(m, self, value, half, p.base_shift + p.lift)


def _normalised(m: Module, value: Value, position: Signal) -> Signal:
    """Return the bits below the leading one, moved up to the top, one cycle later."""
    bits = len(value) - 1
    mantissa = Signal(bits, name="mantissa")
    m.d.sync += mantissa.eq(value << (bits - position)[: len(position)])
    return mantissa


def _shifted_back(
    m: Module, operator: Reciprocal | Rsqrt, value: Signal, exponent: Signal, base: int
) -> Signal:
    """Return the value shifted right by ``exponent + base``, rounded, saturated; one cycle."""
    p = operator.params
    zero = delayed(m, operator.i.payload == 0, 1 + INTERPOLATION_CYCLES, "zero")
    lifted = value << p.lift
    result = Signal(p.out_bits, name="result")
    # one bit below the point decides the rounding
    doubled = ((lifted << 1) >> base) >> exponent
    m.d.sync += result.eq(
        Mux(zero, (1 << p.out_bits) - 1, clamped((doubled + 1) >> 1, p.out_bits, False))
    )
    return result
