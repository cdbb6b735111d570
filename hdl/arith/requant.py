"""Behind the array: bias, activation and requantisation of one column."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MULTIPLIER_BITS, SHIFT_BITS, MatrixParams
from archsim.numeric import gelu_table
from hdl.lib.counting import delayed


def lane_signature(params: MatrixParams) -> wiring.Signature:
    """Return the ports of a lane."""
    return wiring.Signature(
        {
            "sum": In(signed(params.acc_bits)),
            "param": In(max(1, params.param_column_bits)),
            "result": Out(signed(params.out_bits)),
        }
    )


class PostLane(wiring.Component):
    """One column's results: ``act(round((sum + bias) * multiplier / 2**shift))``, saturated.

    A pipeline without back-pressure, ``latency`` cycles from ``sum`` to ``result``. ``param``
    belongs to the sum of the same cycle: bias, then multiplier (16) and shift (16), lowest first.

    Ports: ``sum`` (acc_bits, in), ``param`` (param_column_bits, in), ``result`` (out_bits, out).
    """

    def __init__(self, params: MatrixParams) -> None:
        self.params = params
        self.latency = latency(params)
        super().__init__(lane_signature(params))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        p = self.params
        value = Signal(signed(p.acc_bits + 1), name="biased")
        bias = self.param[: p.acc_bits].as_signed() if p.bias else Const(0)
        total = Signal(signed(p.acc_bits + 1))
        m.d.comb += total.eq(self.sum + bias)
        m.d.sync += value.eq(Mux(total < 0, 0, total) if p.activation == "relu" else total)
        if p.requantise:
            scale = self.param[p.acc_bits if p.bias else 0 :]
            multiplier = delayed(m, scale[:MULTIPLIER_BITS], 1, "multiplier")
            shift = delayed(m, scale[16 : 16 + SHIFT_BITS], 3, "shift")
            value = self._rescale(m, value, multiplier, shift)
        narrow = Signal(signed(p.out_bits), name="narrow")
        m.d.sync += narrow.eq(saturated(value, p.out_bits))
        if p.activation == "gelu":
            m.submodules.table = table = Memory(
                shape=p.out_bits,
                depth=1 << p.out_bits,
                init=[x & 0xFF for x in gelu_table(p.out_bits, p.table_fraction_bits)],
            )
            read = table.read_port()
            m.d.comb += [read.addr.eq(narrow), self.result.eq(read.data)]
        else:
            m.d.comb += self.result.eq(narrow)
        return m

    def _rescale(self, m: Module, value: Signal, multiplier: Value, shift: Signal) -> Signal:
        """Multiply in two cycles, add the rounding in the third, shift in the fourth."""
        bits = len(value) + MULTIPLIER_BITS
        product = Signal(signed(bits), name="product")
        settled = Signal(signed(bits), name="settled")
        rounded = Signal(signed(bits + 1), name="rounded")
        scaled = Signal(signed(bits + 1), name="scaled")
        m.d.sync += [
            product.eq(value * Cat(multiplier, Const(0, 1)).as_signed()),
            settled.eq(product),
            rounded.eq(settled + rounding_term(settled, shift, self.params.rounding)),
            scaled.eq(rounded >> delayed(m, shift, 1, "amount")),
        ]
        return scaled


def rounding_term(value: Value, shift: Value, mode: str) -> Value:
    """Return what is added before the shift, as ``archsim.numeric.round_shift`` defines it."""
    if mode == "floor":
        return Const(0)
    half = ((Const(1) << shift) >> 1)[: len(value)]
    if mode == "half_up":
        return half
    if mode == "half_away":
        return half - ((shift != 0) & (value < 0))
    return half - ((shift != 0) & ~(value >> shift)[0])


def saturated(value: Signal, bits: int) -> Value:
    """Return ``value`` clamped to ``bits`` signed bits."""
    if len(value) <= bits:
        return value
    upper = value[bits - 1 :]
    fits = upper.all() | ~upper.any()
    limit = Cat((~value[-1]).replicate(bits - 1), value[-1])
    return Mux(fits, value[:bits], limit)


def latency(params: MatrixParams) -> int:
    """Return the cycles from a sum to its result."""
    return 2 + 4 * params.requantise + (params.activation == "gelu")
