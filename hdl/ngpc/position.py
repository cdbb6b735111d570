"""From a position to its cell at each level, and the position within it."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_params import NfpParams
from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed
from hdl.ngpc.credit import CreditFifo


def cell_bits(params: NfpParams, levels: Sequence[int]) -> int:
    """Return the bits of a vertex's coordinate: cells and the vertex after the last."""
    return (max(params.grid.tables[level].resolution for level in levels) + 1).bit_length()


def turn_bits(levels: Sequence[int]) -> int:
    """Return the bits that say whose level's turn it is."""
    return (len(levels) - 1).bit_length()


def cell_layout(params: NfpParams, levels: Sequence[int]) -> data.StructLayout:
    """Return ``cell`` and ``weight`` of each axis, and the ``turn``.

    A weight reaches ``2**fraction_bits``.
    """
    dims = params.grid.dims
    return data.StructLayout(
        {
            "cell": data.ArrayLayout(cell_bits(params, levels), dims),
            "weight": data.ArrayLayout(params.formats.fraction_bits + 1, dims),
            "turn": turn_bits(levels),
        }
    )


class Locator(wiring.Component):
    """``scale * x + 0.5`` rounded half up, split into cell and weight; a level a turn.

    Ports: ``i``, stream of ``dims`` positions, axis 0 lowest, taken at the last level's turn;
    ``o``, stream of ``cell_layout``. A turn a cycle.
    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    def __init__(
        self, params: NfpParams, levels: Sequence[int], *,
        multiplier: str = "generic", verilog: bool = False,
    ) -> None:  # fmt: skip
        self.params = params
        self.levels = tuple(levels)
        self.multiplier = multiplier
        self.verilog = verilog
        self.cycles = self.latency_of(params) - 1
        bits = params.formats.position_bits
        super().__init__(
            {
                "i": In(stream.Signature(bits * params.grid.dims)),
                "o": Out(stream.Signature(cell_layout(params, self.levels))),
            }
        )

    @staticmethod
    def latency_of(params: NfpParams) -> int:
        """Return the cycles from ``i`` to ``o``."""
        products = 1 if params.grid.interpolation == "linear" else 3
        return products * RegisteredProduct.LATENCY + 2

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        layout = cell_layout(self.params, self.levels)
        m.submodules.fifo = fifo = CreditFifo(width=layout.size, latency=self.cycles)
        connect(m, fifo.o, flipped(self.o))
        turn = Signal(turn_bits(self.levels))
        last = turn == len(self.levels) - 1 if len(self.levels) > 1 else 1
        taken = Signal()
        found = Signal(layout)
        m.d.comb += [
            taken.eq(self.i.valid & fifo.room),
            self.i.ready.eq(fifo.room & last),
            fifo.reserve.eq(taken),
            fifo.push.eq(delayed(m, taken, self.cycles, "valid")),
            fifo.word.eq(found),
            found.turn.eq(delayed(m, turn, self.cycles, "turn") if len(turn) else 0),
        ]
        if len(turn):
            with m.If(taken):
                m.d.sync += turn.eq(Mux(last, 0, turn + 1))
        for axis in range(self.params.grid.dims):
            self._axis(m, axis, turn, found)
        return m

    def _axis(self, m: Module, axis: int, turn: Value, found: data.View[data.Layout]) -> None:
        """One coordinate: product, rounded sum, weight."""
        f = self.params.formats
        scales = [self.params.scale_raw(level) for level in self.levels]
        point = f.position_bits + f.scale_fraction_bits
        drop = point - f.fraction_bits
        half = (1 << (point - 1)) + ((1 << drop) >> 1)
        product = self._product(
            m, f"scale_{axis}", self.i.payload.word_select(axis, f.position_bits),
            Array(scales)[turn] if len(turn) else scales[0], f.position_bits,
            max(scales).bit_length(),
        )  # fmt: skip
        width = cell_bits(self.params, self.levels) + f.fraction_bits
        scaled = Signal(width, name=f"scaled_{axis}")
        m.d.sync += scaled.eq((product + half) >> drop)
        within, cell = scaled[: f.fraction_bits], Signal(width - f.fraction_bits, name=f"at_{axis}")
        m.d.comb += cell.eq(scaled[f.fraction_bits :])
        if self.params.grid.interpolation == "linear":
            m.d.comb += [found.cell[axis].eq(cell), found.weight[axis].eq(within)]
            return
        m.d.comb += [
            found.cell[axis].eq(delayed(m, cell, 2 * RegisteredProduct.LATENCY, f"cell_{axis}")),
            found.weight[axis].eq(self._smooth(m, axis, within)),
        ]

    def _smooth(self, m: Module, axis: int, within: Value) -> Value:
        """``3 f**2 - 2 f**3``, rounded half up: two products, one after the other."""
        bits = self.params.formats.fraction_bits
        square = self._product(m, f"square_{axis}", within, within, bits, bits)
        rest = Signal(bits + 2, name=f"rest_{axis}")
        m.d.comb += rest.eq((3 << bits) - 2 * within)
        late = delayed(m, rest, RegisteredProduct.LATENCY, f"rest_{axis}")
        cubic = self._product(m, f"cubic_{axis}", square, late, 2 * bits, bits + 2)
        return (cubic + (1 << (2 * bits - 1))) >> (2 * bits)

    def _product(
        self, m: Module, name: str, a: Value, b: Value | int, a_bits: int, b_bits: int
    ) -> Value:
        """The product of two unsigned numbers, two cycles later."""
        product = RegisteredProduct(
            a_bits=a_bits + 1, b_bits=b_bits + 1, multiplier=self.multiplier, verilog=self.verilog
        )
        m.submodules[name] = product
        m.d.comb += [product.a.eq(a), product.b.eq(b)]
        return Cat(product.p[: a_bits + b_bits])
