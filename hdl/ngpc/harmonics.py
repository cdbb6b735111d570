"""Spherical harmonics of degree 4 of a direction, a direction a cycle."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import SH_TERMS, SHIFT_BITS, NfpParams
from archsim.numeric.harmonics import raw_constants
from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed
from hdl.ngpc.credit import CreditFifo
from hdl.ngpc.lane import ShiftLane

ROUNDED = RegisteredProduct.LATENCY + 1
"""Cycles of a product and its rounding."""


class Harmonics(wiring.Component):
    """``archsim.functional.ngpc.fixed_harmonics`` of a stream of directions.

    Ports: ``i``, stream of x, y, z, x lowest; ``o``, stream of the 16 terms, term 0 lowest;
    ``shift`` (in): the last shift, ``2 * fraction bits + 2 - output's fraction bits``, stable.
    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    CYCLES = 2 * ROUNDED + RegisteredProduct.LATENCY + ShiftLane.LATENCY

    def __init__(
        self, params: NfpParams, *, multiplier: str = "generic", verilog: bool = False
    ) -> None:
        self.params = params
        self.multiplier = multiplier
        self.verilog = verilog
        self.bits = params.formats.direction_bits
        self.point = params.formats.direction_fraction_bits
        out = SH_TERMS * params.formats.activation_bits
        super().__init__(
            {
                "i": In(stream.Signature(3 * self.bits)),
                "o": Out(stream.Signature(out)),
                "shift": In(SHIFT_BITS),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.fifo = fifo = CreditFifo(width=len(self.o.payload), latency=self.CYCLES)
        connect(m, fifo.o, flipped(self.o))
        taken = Signal()
        m.d.comb += [
            taken.eq(self.i.valid & fifo.room),
            self.i.ready.eq(fifo.room),
            fifo.reserve.eq(taken),
            fifo.push.eq(delayed(m, taken, self.CYCLES, "valid")),
        ]
        x, y, z = (self.i.payload.word_select(n, self.bits).as_signed() for n in range(3))
        terms = self._polynomials(m, x, y, z)
        constants = raw_constants(self.point + 2)
        results = []
        for n, (term, constant) in enumerate(zip(terms, constants, strict=True)):
            scaled = self._product(m, f"constant_{n}", term, constant)
            lane = ShiftLane(sum_bits=len(scaled), bits=self.params.formats.activation_bits)
            m.submodules[f"lane_{n}"] = lane
            m.d.comb += [lane.sum.eq(scaled), lane.shift.eq(self.shift)]
            results.append(lane.result.as_unsigned())
        m.d.comb += fifo.word.eq(Cat(results))
        return m

    def _polynomials(self, m: Module, x: Value, y: Value, z: Value) -> list[Value]:
        """The 16 polynomials, two rounded products after the direction."""
        pairs = {"xy": (x, y), "yz": (y, z), "xz": (x, z), "xx": (x, x), "yy": (y, y),
                 "zz": (z, z)}  # fmt: skip
        xy, yz, xz, xx, yy, zz = (self._times(m, name, *pair) for name, pair in pairs.items())
        x1, y1, z1 = (self._late(m, f"{n}_1", v) for n, v in (("x", x), ("y", y), ("z", z)))
        one = 1 << self.point
        cubic = {
            9: (y1, yy - 3 * xx), 10: (z1, xy), 11: (y1, one - 5 * zz),
            12: (z1, 5 * zz - 3 * one), 13: (x1, one - 5 * zz), 14: (z1, xx - yy),
            15: (x1, 3 * yy - xx),
        }  # fmt: skip
        square = {1: y1, 2: z1, 3: x1, 4: xy, 5: yz, 6: 3 * zz - one, 7: xz, 8: xx - yy}
        terms: dict[int, Value] = {n: self._times(m, f"term_{n}", *p) for n, p in cubic.items()}
        terms |= {n: self._late(m, f"term_{n}", v) for n, v in square.items()}
        unit = Signal(signed(self.point + 2))
        m.d.comb += unit.eq(one)
        return [unit, *(terms[n] for n in range(1, SH_TERMS))]

    def _late(self, m: Module, name: str, value: Value) -> Signal:
        held = Signal(signed(len(value)), name=name)
        m.d.comb += held.eq(value)
        return delayed(m, held, ROUNDED, name)

    def _product(self, m: Module, name: str, a: Value, b: Value | int) -> Value:
        bits = b.bit_length() + 1 if isinstance(b, int) else len(b)
        product = RegisteredProduct(
            a_bits=len(a), b_bits=bits, multiplier=self.multiplier, verilog=self.verilog
        )
        m.submodules[f"product_{name}"] = product
        m.d.comb += [product.a.eq(a), product.b.eq(b)]
        return product.p

    def _times(self, m: Module, name: str, a: Value, b: Value) -> Signal:
        """The product, rounded half up to the directions' fraction bits."""
        product = self._product(m, name, a, b)
        rounded = Signal(signed(len(product) - self.point + 1), name=f"rounded_{name}")
        m.d.sync += rounded.eq((product + (1 << (self.point - 1))) >> self.point)
        return rounded
