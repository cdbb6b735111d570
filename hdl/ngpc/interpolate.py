"""The tree that weighs a cell's corners."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import NfpParams
from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed
from hdl.ngpc.credit import CreditFifo


class Interpolator(wiring.Component):
    """Corners to features along x, then y, then z, ``AXIS_CYCLES`` each, and a FIFO behind.

    Ports: ``i``, stream of corners (corner 0 lowest, each ``features`` numbers) and ``weight`` of
    each axis, ready while the FIFO has room; ``o``, stream of ``features`` numbers, feature 0
    lowest. ``reserve`` (1, in), ``room`` (1, out): with ``reserved``, room is taken beforehand
    by ``reserve``, and ``i`` is always ready.

    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    AXIS_CYCLES = 3

    def __init__(
        self, params: NfpParams, *, reserved: bool = False,
        multiplier: str = "generic", verilog: bool = False,
    ) -> None:  # fmt: skip
        self.params = params
        self.reserved = reserved
        self.multiplier = multiplier
        self.verilog = verilog
        self.cycles = self.AXIS_CYCLES * params.grid.dims
        entry = params.formats.feature_bits * params.grid.features
        layout = data.StructLayout(
            {
                "corner": data.ArrayLayout(entry, params.grid.corners),
                "weight": data.ArrayLayout(params.formats.fraction_bits + 1, params.grid.dims),
            }
        )
        super().__init__(
            {
                "i": In(stream.Signature(layout)),
                "o": Out(stream.Signature(entry)),
                "room": Out(1),
                "reserve": In(1),
            }
        )

    @classmethod
    def latency_of(cls, params: NfpParams) -> int:
        """Return the cycles from ``i`` to ``o``."""
        return cls.AXIS_CYCLES * params.grid.dims + 1

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        grid, bits = self.params.grid, self.params.formats.feature_bits
        m.submodules.fifo = fifo = CreditFifo(width=bits * grid.features, latency=self.cycles)
        connect(m, fifo.o, flipped(self.o))
        taken = Signal()
        ready = 1 if self.reserved else fifo.room
        m.d.comb += [
            self.room.eq(fifo.room),
            self.i.ready.eq(ready),
            taken.eq(self.i.valid & self.i.ready),
            fifo.reserve.eq(self.reserve if self.reserved else taken),
            fifo.push.eq(delayed(m, taken, self.cycles, "valid")),
        ]
        values: list[Value] = [self.i.payload.corner[c] for c in range(grid.corners)]
        weights: list[Value] = [self.i.payload.weight[axis] for axis in range(grid.dims)]
        for axis in range(grid.dims):
            later = []
            for pair in range(len(values) // 2):
                parts = []
                for f in range(grid.features):
                    low = values[2 * pair].word_select(f, bits).as_signed()
                    high = values[2 * pair + 1].word_select(f, bits).as_signed()
                    name = f"{axis}_{pair}_{f}"
                    parts.append(self._between(m, name, low, high, weights[axis]))
                later.append(Cat(parts))
            values = later
            weights = [self._late(m, w, f"weight_{axis}_{n}") for n, w in enumerate(weights)]
        m.d.comb += fifo.word.eq(values[0])
        return m

    def _late(self, m: Module, value: Value, name: str) -> Value:
        held = Signal(len(value), name=name)
        m.d.comb += held.eq(value)
        return delayed(m, held, self.AXIS_CYCLES, name)

    def _between(self, m: Module, name: str, low: Value, high: Value, weight: Value) -> Value:
        """``low + (high - low) * weight`` rounded half up, three cycles later."""
        bits, point = self.params.formats.feature_bits, self.params.formats.fraction_bits
        product = RegisteredProduct(
            a_bits=bits + 1, b_bits=point + 2, multiplier=self.multiplier, verilog=self.verilog
        )
        m.submodules[f"product_{name}"] = product
        first = Signal(bits, name=f"low_{name}")
        total = Signal(bits, name=f"value_{name}")
        m.d.comb += [product.a.eq(high - low), product.b.eq(weight), first.eq(low)]
        base = delayed(m, first, product.LATENCY, f"low_{name}")
        # half of the last bit below the base: one addition rounds as well
        above = Cat(Const(0, point - 1), Const(1, 1), base).as_signed()
        m.d.sync += total.eq((above + product.p) >> point)
        return total
