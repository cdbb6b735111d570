"""Behind the array: bias, activation and requantisation of one column."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import MULTIPLIER_BITS, SHIFT_BITS, MatrixParams
from archsim.numeric import gelu_table
from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed

LIMB_BITS = 17
"""Bits of the unsigned pieces that a wide sum is multiplied in: a signed 18-bit multiplier's."""


def lane_signature(params: MatrixParams) -> wiring.Signature:
    """Return the ports of a lane."""
    return wiring.Signature(
        {
            "sum": In(signed(params.acc_bits)),
            "param": In(max(1, params.param_column_bits)),
            "result": Out(signed(params.out_bits)),
        }
    )


FINE_STEPS = 8
"""The last shift is by less than this."""


class PostLane(wiring.Component):
    """One column's results: ``act(round((sum + bias) * multiplier / 2**shift))``, saturated.

    A pipeline without back-pressure, ``latency`` cycles from ``sum`` to ``result``. ``param``
    belongs to the sum of the same cycle: bias, then multiplier (16) and shift (16), lowest first.

    Ports: ``sum`` (acc_bits, in), ``param`` (param_column_bits, in), ``result`` (out_bits, out).
    """

    def __init__(self, params: MatrixParams, *, verilog: bool = False) -> None:
        self.params = params
        self.verilog = verilog
        self.latency = latency(params)
        super().__init__(lane_signature(params))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        value = Signal(signed(p.acc_bits + 1), name="biased")
        total = Signal(signed(p.acc_bits + 1))
        m.d.comb += total.eq(self.sum + (self.param[: p.acc_bits].as_signed() if p.bias else 0))
        m.d.comb += value.eq(Mux(total < 0, 0, total) if p.activation == "relu" else total)
        narrow = Signal(signed(p.out_bits), name="narrow", reset_less=True)
        if p.requantise:
            scale = self.param[p.acc_bits if p.bias else 0 :]
            shift = scale[16 : 16 + SHIFT_BITS]
            fine, fits = self._rescale(
                m,
                delayed(m, value, 1, "biased", reset_less=True),
                delayed(m, scale[:MULTIPLIER_BITS], 1, "multiplier", reset_less=True),
                delayed(m, shift, 1, "shift_to_1", reset_less=True),
            )
            m.d.sync += narrow.eq(saturated(fine, p.out_bits, fits))
        else:
            value = delayed(m, value, 1, "kept", reset_less=True)
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

    def _rescale(
        self, m: Module, value: Signal, multiplier: Value, shift: Value
    ) -> tuple[Signal, Signal]:
        """Multiply in two cycles, then sum the parts, add the rounding, and shift in two.

        Return the result and whether the bits beyond ``saturated``'s view are all its sign.
        """
        bits = len(value) + MULTIPLIER_BITS
        settled = Signal(signed(bits), name="settled", reset_less=True)
        rounded = Signal(signed(bits + 1), name="rounded", reset_less=True)
        coarse = Signal(signed(bits + 1), name="coarse", reset_less=True)
        fine = Signal(signed(bits + 1), name="fine", reset_less=True)
        fits = Signal(name="fits", reset_less=True)
        parts = self._products(m, value, multiplier)
        shift_2 = delayed(m, shift, 2, "shift_to_3", reset_less=True)
        shift_3 = delayed(m, shift_2, 1, "shift_to_4", reset_less=True)
        shift_4 = delayed(m, shift_3, 1, "shift_to_5", reset_less=True)
        shift_5 = delayed(m, shift_4[:3], 1, "shift_to_6", reset_less=True)
        half = Signal(signed(bits), name="half", reset_less=True)
        m.d.sync += [
            settled.eq(sum(part << (LIMB_BITS * i) for i, part in enumerate(parts))),
            half.eq((Const(1) << shift_2) >> 1),
            rounded.eq(settled + rounding_term(settled, shift_3, half, self.params.rounding)),
            coarse.eq(rounded >> (shift_4[3:] << 3)),
            fine.eq(coarse >> shift_5),
            fits.eq(all_equal(coarse[self.params.out_bits - 1 + FINE_STEPS :])),
        ]
        return fine, fits

    def _products(self, m: Module, value: Signal, multiplier: Value) -> list[Value]:
        """Multiply limb by limb; the sum of the results, each shifted, is the product."""
        parts: list[Value] = []
        for index in range(0, len(value), LIMB_BITS):
            limb = value[index : index + LIMB_BITS]
            top = index + LIMB_BITS >= len(value)
            product = RegisteredProduct(
                a_bits=len(limb) + (not top),
                b_bits=MULTIPLIER_BITS + 1,
                multiplier=self.params.multiplier,
                verilog=self.verilog,
            )
            m.submodules[f"product_{index}"] = product
            m.d.comb += [
                product.a.eq(limb.as_signed() if top else limb),
                product.b.eq(multiplier),
            ]
            parts.append(product.p)
        return parts


def rounding_term(value: Value, shift: Value, half: Value, mode: str) -> Value:
    """Return what is added before the shift, as ``archsim.numeric.round_shift`` defines it.

    ``half`` is ``(1 << shift) >> 1``.
    """
    if mode == "floor":
        return Const(0)
    if mode == "half_up":
        return half
    if mode == "half_away":
        return half - ((shift != 0) & (value < 0))
    return half - ((shift != 0) & ~(value >> shift)[0])


def saturated(value: Signal, bits: int, fits: Value | None = None) -> Value:
    """Return ``value`` clamped to ``bits`` signed bits.

    ``fits``, where given, says that all bits from ``bits - 1 + FINE_STEPS`` of the value before
    its last shift (by less than ``FINE_STEPS``) are equal, so that only those below are examined.
    """
    if len(value) <= bits:
        return value
    upper = value[bits - 1 :] if fits is None else value[bits - 1 : bits - 1 + FINE_STEPS]
    inside = all_equal(Cat(upper, value[-1])) & (1 if fits is None else fits)
    limit = Cat((~value[-1]).replicate(bits - 1), value[-1])
    return Mux(inside, value[:bits], limit)


def all_equal(bits: Value) -> Value:
    """Whether all of ``bits`` are 0, or all 1."""
    return bits.all() | ~bits.any()


def latency(params: MatrixParams) -> int:
    """Return the cycles from a sum to its result."""
    return 2 + 6 * params.requantise + (params.activation == "gelu")
