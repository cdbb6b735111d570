"""The tree that weighs a cell's corners."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_params import NfpParams


class Interpolator(wiring.Component):
    """Corners to features along x, then y, then z; a register after each axis.

    Ports: ``i``, stream of corners (corner 0 lowest, each ``features`` numbers) and ``weight`` of
    each axis; ``o``, stream of ``features`` numbers, feature 0 lowest.
    """

    def __init__(self, params: NfpParams) -> None:
        self.params = params
        bits = params.formats.feature_bits
        entry = bits * params.grid.features
        layout = data.StructLayout(
            {
                "corner": data.ArrayLayout(entry, params.grid.corners),
                "weight": data.ArrayLayout(params.formats.fraction_bits + 1, params.grid.dims),
            }
        )
        super().__init__({"i": In(stream.Signature(layout)), "o": Out(stream.Signature(entry))})

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        grid, bits = self.params.grid, self.params.formats.feature_bits
        valid = [Signal(name=f"valid_{n}") for n in range(grid.dims)]
        advance = Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[-1]),
        ]
        with m.If(advance):
            m.d.sync += Cat(valid).eq(Cat(self.i.valid, *valid[:-1]))
        values: list[Value] = [self.i.payload.corner[c] for c in range(grid.corners)]
        weights: list[Value] = [self.i.payload.weight[axis] for axis in range(grid.dims)]
        for axis in range(grid.dims):
            later = []
            for pair in range(len(values) // 2):
                held = Signal(bits * grid.features, name=f"value_{axis}_{pair}")
                for f in range(grid.features):
                    low = values[2 * pair].word_select(f, bits).as_signed()
                    high = values[2 * pair + 1].word_select(f, bits).as_signed()
                    with m.If(advance):
                        m.d.sync += held.word_select(f, bits).eq(
                            self._between(low, high, weights[axis])
                        )
                later.append(held)
            values = later
            kept = [Signal.like(w, name=f"weight_{axis}_{n}") for n, w in enumerate(weights)]
            with m.If(advance):
                m.d.sync += [k.eq(w) for k, w in zip(kept, weights, strict=True)]
            weights = list(kept)
        m.d.comb += self.o.payload.eq(values[0])
        return m

    def _between(self, low: Value, high: Value, weight: Value) -> Value:
        bits = self.params.formats.fraction_bits
        part = (high - low) * Cat(weight, 0).as_signed()
        return (low + ((part + (1 << (bits - 1))) >> bits))[: self.params.formats.feature_bits]
