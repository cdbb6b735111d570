"""From a position to its cell at one level, and the position within it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_params import NfpParams


def cell_bits(params: NfpParams, level: int) -> int:
    """Return the bits of a vertex's coordinate: cells and the vertex after the last."""
    return (params.grid.tables[level].resolution + 1).bit_length()


def cell_layout(params: NfpParams, level: int) -> data.StructLayout:
    """Return ``cell`` and ``weight`` of each axis; a weight reaches ``2**fraction_bits``."""
    dims = params.grid.dims
    return data.StructLayout(
        {
            "cell": data.ArrayLayout(cell_bits(params, level), dims),
            "weight": data.ArrayLayout(params.formats.fraction_bits + 1, dims),
        }
    )


class Locator(wiring.Component):
    """``scale * x + 0.5`` rounded half up, split into cell and weight; three registers.

    Ports: ``i``, stream of ``dims`` positions, axis 0 lowest; ``o``, stream of ``cell_layout``.
    One position a cycle; all registers wait while ``o`` does.
    """

    LATENCY = 3

    def __init__(self, params: NfpParams, level: int) -> None:
        self.params = params
        self.level = level
        bits = params.formats.position_bits
        super().__init__(
            {
                "i": In(stream.Signature(bits * params.grid.dims)),
                "o": Out(stream.Signature(cell_layout(params, level))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        valid = [Signal(name=f"valid_{n}") for n in range(self.LATENCY)]
        advance = Signal()
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(advance),
            self.o.valid.eq(valid[-1]),
        ]
        with m.If(advance):
            m.d.sync += Cat(valid).eq(Cat(self.i.valid, *valid[:-1]))
            for axis in range(self.params.grid.dims):
                self._axis(m, axis)
        return m

    def _axis(self, m: Module, axis: int) -> None:
        """Registers of one coordinate: product, rounded sum, weight."""
        f = self.params.formats
        scale = self.params.scale_raw(self.level)
        point = f.position_bits + f.scale_fraction_bits
        drop = point - f.fraction_bits
        half = (1 << (point - 1)) + ((1 << drop) >> 1)
        position = self.i.payload.word_select(axis, f.position_bits)
        product = Signal(f.position_bits + scale.bit_length(), name=f"product_{axis}")
        scaled = Signal(cell_bits(self.params, self.level) + f.fraction_bits, name=f"scaled_{axis}")
        m.d.sync += [product.eq(position * scale), scaled.eq((product + half) >> drop)]
        within = scaled[: f.fraction_bits]
        m.d.sync += [
            self.o.payload.cell[axis].eq(scaled[f.fraction_bits :]),
            self.o.payload.weight[axis].eq(
                self._smooth(within) if self.params.grid.interpolation == "smoothstep" else within
            ),
        ]

    def _smooth(self, within: Value) -> Value:
        """``3 f**2 - 2 f**3``, rounded half up."""
        bits = self.params.formats.fraction_bits
        cubic = within * within * ((3 << bits) - 2 * within).as_unsigned()
        return (cubic + (1 << (2 * bits - 1))) >> (2 * bits)
