"""The single-pass softmax: sums that follow a running maximum, and weights from them."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.check import integer
from archsim.numeric.edgemoe import exp_params, reciprocal_params
from hdl.arith.exp import Exp
from hdl.arith.reciprocal import Reciprocal
from hdl.edgemoe.pipeline import RigidUnit, later, operate, registered

EXP_CYCLES = 5
RECIPROCAL_CYCLES = 5
RECURRENCE = 3
"""Cycles between two numbers of one row: two registers of the product, and the sum."""


def number_layout(params: EdgeMoeParams, rows: int) -> data.StructLayout:
    """Return a number of a row: ``value``, ``row``, ``first`` and ``last`` of its row."""
    bits = params.formats.activation.bits
    return data.StructLayout({"value": signed(bits), "row": range(rows), "first": 1, "last": 1})


def sum_layout(params: EdgeMoeParams, rows: int) -> data.StructLayout:
    """Return what a row's softmax needs: ``row``, ``reciprocal`` of the sum, and ``bias``."""
    bits = params.formats.activation.bits
    reciprocal = reciprocal_params(params).out_bits
    return data.StructLayout({"row": range(rows), "reciprocal": reciprocal, "bias": signed(bits)})


class OnlineSoftmax(RigidUnit):
    """Sums and maxima of interleaved rows as ``functional.edgemoe.Softmax.reduce``.

    One number a cycle, as long as numbers of one row are ``RECURRENCE`` cycles apart; a number
    that is too early waits. A row's result leaves 13 cycles after its last number.

    Parameters: ``rows``, how many rows may be open at once.

    Ports: ``i``, stream of ``number_layout``; ``o``, stream of ``sum_layout``.
    """

    LATENCY = EXP_CYCLES + RECURRENCE + RECIPROCAL_CYCLES

    def __init__(self, params: EdgeMoeParams, *, rows: int) -> None:
        self.params = params
        self.rows = integer("rows", rows, 1, 1 << 12)
        super().__init__(number_layout(params, rows), sum_layout(params, rows))

    def build(self, m: Module) -> tuple[Value, Value]:
        """Distance to the maximum, exponential, product, sum, reciprocal."""
        x = self.i.payload
        bias, distance, above = self._distance(m)
        power = operate(m, Exp(exp_params(self.params)), "exp", distance)
        row, first, last, rises, top, taken = later(
            m, EXP_CYCLES, "exponent", x.row, x.first, x.last, above, bias, self.take
        )
        total, row, last, top, taken = self._total(m, power, row, first, last, rises, top, taken)
        inverse = Reciprocal(reciprocal_params(self.params))
        found = operate(m, inverse, "reciprocal", total)
        row, top, done = later(m, RECIPROCAL_CYCLES, "inverse", row, top, taken & last)
        return done, Cat(row, found, top.as_unsigned())

    def _distance(self, m: Module) -> tuple[Value, Value, Value]:
        """Follow the maximum; return it, the number's distance to the old one, and whether above.

        Also holds a number back whose row had one in the last ``RECURRENCE - 1`` cycles.
        """
        x = self.i.payload
        bits = len(x.value)
        m.submodules.maxima = memory = Memory(shape=signed(bits), depth=self.rows, init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        above = Signal()
        distance = Signal(bits)
        bias = Signal(signed(bits))
        m.d.comb += [
            read.addr.eq(x.row),
            above.eq(x.value > read.data),
            distance.eq(Mux(above, x.value - read.data, read.data - x.value)),
            bias.eq(Mux(x.first | above, x.value, read.data)),
            write.addr.eq(x.row), write.data.eq(bias), write.en.eq(self.take),
        ]  # fmt: skip
        recent = Cat(self.take, x.row)
        early: Value = Const(0)
        for _ in range(RECURRENCE - 1):
            recent = registered(m, recent, "recent")
            early = early | (recent[0] & (recent[1:] == x.row))
        m.d.comb += self.hold.eq(early)
        return bias, distance, above

    def _total(
        self, m: Module, power: Value, row: Value, first: Value, last: Value, rises: Value,
        top: Value, taken: Value,
    ) -> tuple[Value, ...]:  # fmt: skip
        """Return the new sum, ``RECURRENCE - 1`` cycles later, with what belongs to it."""
        form = self.params.formats.activation
        fraction, bits = form.fraction_bits, form.bits
        m.submodules.totals = memory = Memory(shape=bits, depth=self.rows, init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += read.addr.eq(row)
        product = registered(m, read.data * power, "product")
        product = registered(m, product, "product_2")
        old, power, row, first, last, rises, top, taken = later(
            m, RECURRENCE - 1, "sum", read.data, power, row, first, last, rises, top, taken
        )
        total = Signal(bits)
        grown = Mux(rises, (product >> fraction) + (1 << fraction), old + power)
        m.d.comb += [
            total.eq(Mux(first, 1 << fraction, grown)),
            write.addr.eq(row), write.data.eq(total), write.en.eq(taken),
        ]  # fmt: skip
        values = [registered(m, v, n) for v, n in ((total, "total"), (row, "total_row"))]
        flags = later(m, 1, "total_of", last, top, taken)
        return values[0], values[1], *flags


class SoftmaxWeight(RigidUnit):
    """``exp(x - bias) * reciprocal`` as ``functional.edgemoe.Softmax.weights``; 7 cycles, one each.

    Ports: ``i``, stream of ``value``, ``bias`` (signed activations, the value at most the bias)
    and ``reciprocal``; ``o``, stream of the weight, unsigned, up to 1.
    """

    LATENCY = EXP_CYCLES + 2

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        bits = params.formats.activation.bits
        inverse = reciprocal_params(params).out_bits
        shape = data.StructLayout(
            {"value": signed(bits), "bias": signed(bits), "reciprocal": inverse}
        )
        super().__init__(shape, inverse)

    def build(self, m: Module) -> tuple[Value, Value]:
        """Exponential, product."""
        x = self.i.payload
        distance = Signal(len(x.value))
        m.d.comb += distance.eq(x.bias - x.value)
        power = operate(m, Exp(exp_params(self.params)), "exp", distance)
        (inverse,) = later(m, EXP_CYCLES, "inverse", x.reciprocal)
        product = registered(m, registered(m, power * inverse, "product"), "product_2")
        (valid,) = later(m, self.LATENCY, "valid", self.take)
        fraction = self.params.formats.activation.fraction_bits
        return valid, product[fraction : fraction + len(x.reciprocal)]
