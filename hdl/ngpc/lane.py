"""From a layer's exact sum to an activation: ReLU, shift with rounding, saturation."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_params import SHIFT_BITS
from hdl.arith.requant import FINE_STEPS, all_equal, saturated
from hdl.lib.counting import delayed

MODULE = "ngpc_lane"
"""Name of the Verilog module."""


def lane_signature(sum_bits: int, bits: int) -> wiring.Signature:
    """Return the ports of a lane."""
    return wiring.Signature(
        {
            "sum": In(signed(sum_bits)),
            "shift": In(SHIFT_BITS),
            "relu": In(1),
            "result": Out(signed(bits)),
        }
    )


class ShiftLane(wiring.Component):
    """``sum`` (at least 0 with ``relu``) over ``2**shift``, rounded half up and saturated.

    A pipeline of ``LATENCY`` cycles without back-pressure; ``shift`` and ``relu`` come with a sum.

    Ports: ``sum`` (sum_bits, in), ``shift`` (in), ``relu`` (1, in), ``result`` (bits, out).
    """

    LATENCY = 5

    def __init__(self, *, sum_bits: int, bits: int) -> None:
        self.sum_bits = sum_bits
        self.bits = bits
        super().__init__(lane_signature(sum_bits, bits))

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        width = self.sum_bits
        value = Signal(signed(width))
        half = Signal(width)
        rounded = Signal(signed(width + 1))
        coarse = Signal.like(rounded)
        fine = Signal.like(rounded)
        fits = Signal()
        shift_1 = delayed(m, self.shift, 1, "shift_to_1")
        shift_2 = delayed(m, shift_1, 1, "shift_to_2")
        shift_3 = Signal(3, name="shift_to_3")
        none = (self.relu & self.sum[-1]) | (self.shift > width)  # half is beyond every sum
        m.d.sync += [
            shift_3.eq(shift_2[:3]),
            value.eq(Mux(none, 0, self.sum)),
            half.eq((Const(1) << self.shift) >> 1),
            rounded.eq(value + half),
            coarse.eq(rounded >> (shift_2[3:] << 3)),
            fine.eq(coarse >> shift_3),
            fits.eq(all_equal(coarse[self.bits - 1 + FINE_STEPS :])),
            self.result.eq(saturated(fine, self.bits, fits)),
        ]
        return m
