"""Softmax sums without the running maximum: all numbers of a row first, then one by one."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.check import integer
from archsim.numeric.edgemoe import exp_params, reciprocal_params
from hdl.arith.exp import Exp
from hdl.arith.reciprocal import Reciprocal
from hdl.edgemoe.softmax import (
    EXP_CYCLES,
    RECIPROCAL_CYCLES,
    OnlineSoftmax,
    number_layout,
    sum_layout,
)

CALL_CYCLES = EXP_CYCLES + 3
"""An exponential: read, distance, function, sum; the next number's begins after that."""


class PlainSoftmax(wiring.Component):
    """Sums and maxima of interleaved rows as ``functional.edgemoe.Softmax.reduce`` off.

    A row's numbers are kept until its last one, and so the maximum, is there. Then the loop over
    them runs, ``CALL_CYCLES`` each, nothing is taken meanwhile, and the row's result leaves.

    Parameters: ``rows``, how many may be open at once; ``numbers``, of a row at most.

    Ports: ``i``, stream of ``number_layout``; ``o``, stream of ``sum_layout``.
    """

    def __init__(self, params: EdgeMoeParams, *, rows: int, numbers: int) -> None:
        self.params = params
        self.rows = integer("rows", rows, 1, 1 << 12)
        self.numbers = integer("numbers", numbers, 1, 1 << 12)
        super().__init__(
            {
                "i": In(stream.Signature(number_layout(params, rows))),
                "o": Out(stream.Signature(sum_layout(params, rows))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        x, o = self.i.payload, self.o.payload
        bits = len(x.value)
        number_bits = max(1, (self.numbers - 1).bit_length())
        m.submodules.kept = kept = Memory(
            shape=signed(bits), depth=self.rows << number_bits, init=[]
        )
        m.submodules.counts = counts = Memory(shape=number_bits + 1, depth=self.rows, init=[])
        m.submodules.maxima = maxima = Memory(shape=signed(bits), depth=self.rows, init=[])
        write, read = kept.write_port(), kept.read_port()
        count, set_count = counts.read_port(domain="comb"), counts.write_port()
        most, set_most = maxima.read_port(domain="comb"), maxima.write_port()
        at, length = Signal(number_bits + 1), Signal(number_bits + 1)
        place = Signal(number_bits + 1)
        bias = Signal(signed(bits))
        row = Signal.like(x.row)
        top = Signal(signed(bits))
        take = Signal()
        m.d.comb += [
            take.eq(self.i.valid & self.i.ready),
            count.addr.eq(x.row), most.addr.eq(x.row),
            place.eq(Mux(x.first, 0, count.data)),
            bias.eq(Mux(x.first | (x.value > most.data), x.value, most.data)),
            write.addr.eq(Cat(place[:number_bits], x.row)), write.data.eq(x.value),
            write.en.eq(take),
            set_count.addr.eq(x.row), set_count.data.eq(place + 1), set_count.en.eq(take),
            set_most.addr.eq(x.row), set_most.data.eq(bias), set_most.en.eq(take),
            read.addr.eq(Cat(at[:number_bits], row)),
        ]  # fmt: skip
        m.submodules.exp = exp = Exp(exp_params(self.params))
        m.submodules.reciprocal = reciprocal = Reciprocal(reciprocal_params(self.params))
        distance, total = Signal(bits), Signal(bits)
        phase = Signal(range(max(CALL_CYCLES, RECIPROCAL_CYCLES) + 1))
        m.d.comb += [
            exp.i.payload.eq(distance), exp.i.valid.eq(1), exp.o.ready.eq(1),
            reciprocal.i.payload.eq(total), reciprocal.i.valid.eq(1), reciprocal.o.ready.eq(1),
            o.row.eq(row), o.reciprocal.eq(reciprocal.o.payload), o.bias.eq(top),
        ]  # fmt: skip
        m.d.sync += phase.eq(phase + 1)
        with m.FSM():
            with m.State("collect"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += [phase.eq(0), at.eq(0), total.eq(0)]
                with m.If(take & x.last):
                    m.d.sync += [row.eq(x.row), top.eq(bias), length.eq(place + 1)]
                    m.next = "call"
            with m.State("call"):
                with m.If(phase == 1):
                    m.d.sync += distance.eq(top - read.data)
                with m.If(phase == CALL_CYCLES - 1):
                    m.d.sync += [total.eq(total + exp.o.payload), at.eq(at + 1), phase.eq(0)]
                    with m.If(at == length - 1):
                        m.next = "invert"
            with m.State("invert"), m.If(phase == RECIPROCAL_CYCLES):
                m.next = "give"
            with m.State("give"):
                m.d.comb += self.o.valid.eq(1)
                with m.If(self.o.ready):
                    m.next = "collect"
        return m


def make_softmax(params: EdgeMoeParams, *, rows: int, numbers: int) -> OnlineSoftmax | PlainSoftmax:
    """Return the unit of ``params`` for sums of at most ``numbers`` numbers."""
    if params.techniques.single_pass_softmax:
        return OnlineSoftmax(params, rows=rows)
    return PlainSoftmax(params, rows=rows, numbers=numbers)


def row_cycles(numbers: int) -> int:
    """Return the cycles from a row's last number until the next row's numbers are taken."""
    return numbers * CALL_CYCLES + RECIPROCAL_CYCLES + 3
