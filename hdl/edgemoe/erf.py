"""GELU by the error function, one element after another on one multiplier."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.edgemoe import ERF_LIMIT, erf_constants, exp_params, reciprocal_params
from hdl.arith.exp import Exp
from hdl.arith.reciprocal import Reciprocal

STEP = 3
"""Cycles of a product: operands, and two registers behind the multiplier."""

INVERTED = 9
"""Cycle in which the reciprocal is there, its argument made by the product before."""

CALL_CYCLES = INVERTED + 7 * STEP + 1
"""An element: five products of the polynomial, those with the exponential and the size."""


class ErfGelu(wiring.Component):
    """Rows of ``tile_out`` activations through ``functional.edgemoe.ErfGelu``.

    ``CALL_CYCLES`` an element, and one cycle in which the row comes, one in which it leaves.

    Ports: ``i`` and ``o``, streams of ``tile_out`` activations, element 0 lowest.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.bits = params.formats.activation.bits
        word = params.tile_out * self.bits
        super().__init__({"i": In(stream.Signature(word)), "o": Out(stream.Signature(word))})

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        bits = self.bits
        word = Signal(len(self.i.payload))
        left = Signal(range(self.params.tile_out + 1))
        at = Signal(range(CALL_CYCLES))
        m.d.comb += [
            self.i.ready.eq(~self.o.valid & (left == 0)),
            self.o.payload.eq(word),
        ]
        result = self._call(m, word[:bits].as_signed(), at)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [word.eq(self.i.payload), left.eq(self.params.tile_out), at.eq(0)]
        with m.Elif(left != 0):
            m.d.sync += at.eq(at + 1)
            with m.If(at == CALL_CYCLES - 1):
                m.d.sync += [
                    at.eq(0), left.eq(left - 1), word.eq(Cat(word[bits:], result)),
                    self.o.valid.eq(left == 1),
                ]  # fmt: skip
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m

    def _call(self, m: Module, x: Signal, at: Signal) -> Signal:
        """Walk through the products of one element; its result is there in the last cycle."""
        p, bits = self.params, self.bits
        f = p.formats.activation.fraction_bits
        scale, coefficients = erf_constants(p)
        size = Signal(f + 3)
        big = Signal()
        whole = Signal(bits)
        m.d.comb += [
            whole.eq(Mux(x < 0, -x, x)), big.eq(whole >= ERF_LIMIT << f), size.eq(whole),
        ]  # fmt: skip
        a, b = Signal(signed(f + 4)), Signal(signed(f + 4))
        raw, product = Signal(signed(2 * f + 8)), Signal(signed(2 * f + 8))
        m.d.sync += [raw.eq(a * b), product.eq(raw)]
        m.submodules.exp = exp = Exp(exp_params(p))
        m.submodules.reciprocal = reciprocal = Reciprocal(reciprocal_params(p))
        grown, half = Signal(bits), Signal(bits)
        kept, t = Signal(signed(f + 4)), Signal(f + 1)
        m.d.comb += [
            kept.eq(product >> f), t.eq(reciprocal.o.payload),
            exp.i.payload.eq(half), exp.i.valid.eq(1), exp.o.ready.eq(1),
            reciprocal.i.payload.eq(grown), reciprocal.i.valid.eq(1), reciprocal.o.ready.eq(1),
        ]  # fmt: skip
        polynomial = INVERTED + 5 * STEP
        steps = {0: (size, scale), STEP: (size, size), INVERTED: (coefficients[-1], t)}
        for n, coefficient in enumerate(reversed(coefficients[:-1]), start=1):
            steps[INVERTED + n * STEP] = (kept + coefficient, t)
        steps[polynomial] = (kept, exp.o.payload)
        steps[polynomial + STEP] = (size, kept)
        with m.Switch(at):
            for cycle, (one, other) in steps.items():
                with m.Case(cycle):
                    m.d.sync += [a.eq(one), b.eq(other)]
                    if cycle == STEP:
                        m.d.sync += grown.eq((1 << f) + kept)
            with m.Case(2 * STEP):
                m.d.sync += half.eq(product >> (f + 1))
        rest = Mux(big, 0, product >> (f + 1))
        result = Signal(signed(bits))
        m.d.comb += result.eq(Mux(x < 0, 0, x) - rest)
        return result


def row_cycles(params: EdgeMoeParams) -> int:
    """Return the cycles from one row to the next."""
    return params.tile_out * CALL_CYCLES + 2
