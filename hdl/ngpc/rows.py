"""From a cell to the words of its rows, for levels that take turns on one memory."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_grid import PRIMES
from archsim.config.ngpc_layout import level_layout, level_offsets
from archsim.config.ngpc_params import NfpParams
from hdl.arith.product import RegisteredProduct
from hdl.lib.counting import delayed
from hdl.ngpc.credit import CreditFifo
from hdl.ngpc.position import cell_bits, cell_layout


def address_bits(params: NfpParams, levels: Sequence[int]) -> int:
    """Return the bits of a word's number in the memory that ``levels`` share."""
    return max(1, (level_offsets(params.grid, levels)[-1] - 1).bit_length())


def rows_layout(params: NfpParams, levels: Sequence[int]) -> data.StructLayout:
    """Return ``word`` and ``half`` of both corners of each row, the ``weight`` of each axis, and
    ``two``: the corners of a row lie in two words."""
    rows = params.grid.corners // 2
    bits = address_bits(params, levels)
    return data.StructLayout(
        {
            "word": data.ArrayLayout(bits, 2 * rows),
            "half": 2 * rows,
            "two": 1,
            "weight": data.ArrayLayout(params.formats.fraction_bits + 1, params.grid.dims),
        }
    )


class RowWords(wiring.Component):
    """The rule of ``config.ngpc_layout`` for the level whose turn it is, five cycles long.

    Ports: ``i``, stream of ``cell_layout``; ``o``, stream of ``rows_layout``; a cell a cycle.
    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    CYCLES = RegisteredProduct.LATENCY + 3

    def __init__(
        self, params: NfpParams, levels: Sequence[int], *,
        multiplier: str = "generic", verilog: bool = False,
    ) -> None:  # fmt: skip
        self.params = params
        self.levels = tuple(levels)
        self.multiplier = multiplier
        self.verilog = verilog
        super().__init__(
            {
                "i": In(stream.Signature(cell_layout(params, self.levels))),
                "o": Out(stream.Signature(rows_layout(params, self.levels))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        layout = rows_layout(self.params, self.levels)
        m.submodules.fifo = fifo = CreditFifo(width=layout.size, latency=self.CYCLES)
        connect(m, fifo.o, flipped(self.o))
        taken = Signal()
        found = Signal(layout)
        m.d.comb += [
            taken.eq(self.i.valid & fifo.room),
            self.i.ready.eq(fifo.room),
            fifo.reserve.eq(taken),
            fifo.push.eq(delayed(m, taken, self.CYCLES, "valid")),
            fifo.word.eq(found),
        ]
        grid = self.params.grid
        bases = [self._bases(m, axis) for axis in range(1, grid.dims)]
        x = Signal(cell_bits(self.params, self.levels))
        m.d.comb += x.eq(self.i.payload.cell[0])
        early = delayed(m, x, RegisteredProduct.LATENCY + 1, "x")
        for row in range(grid.corners // 2):
            parts = [pair[row >> n & 1] for n, pair in enumerate(bases)]
            for side in range(2):
                self._corner(m, 2 * row + side, early + side, parts, found)
        odd = Signal()
        m.d.comb += [odd.eq(early[0]), found.two.eq(delayed(m, odd, 2, "two"))]
        for axis in range(grid.dims):
            weight = Signal(self.params.formats.fraction_bits + 1, name=f"weight_{axis}")
            m.d.comb += weight.eq(self.i.payload.weight[axis])
            m.d.comb += found.weight[axis].eq(delayed(m, weight, self.CYCLES, f"weight_{axis}"))
        return m

    def _of_turn(self, m: Module, name: str, values: Sequence[int], cycles: int) -> Value:
        """The constant of the level whose turn it was ``cycles`` ago."""
        if len(set(values)) == 1:
            return Const(values[0])
        chosen = Signal(max(values).bit_length(), name=name)
        m.d.comb += chosen.eq(Array(values)[self.i.payload.turn])
        return delayed(m, chosen, cycles, name)

    def _bases(self, m: Module, axis: int) -> tuple[Value, Value]:
        """What the lower and the upper vertex along ``axis`` add (dense) or toggle (hashed)."""
        grid = self.params.grid
        factors = []
        for level in (grid.tables[n] for n in self.levels):
            layout = level_layout(grid, level)
            dense = layout.row_words if axis == 1 else layout.plane_words
            factors.append(PRIMES[axis] % level.entries if level.hashed else dense)
        bits = cell_bits(self.params, self.levels)
        factor = self._of_turn(m, f"factor_{axis}", factors, 0)
        width = max(factors).bit_length()
        product = RegisteredProduct(
            a_bits=bits + 1, b_bits=width + 1, multiplier=self.multiplier, verilog=self.verilog
        )
        m.submodules[f"product_{axis}"] = product
        m.d.comb += [product.a.eq(self.i.payload.cell[axis]), product.b.eq(factor)]
        low = Signal(address_bits(self.params, self.levels) + 1, name=f"low_{axis}")
        high = Signal.like(low, name=f"high_{axis}")
        late = self._of_turn(m, f"step_{axis}", factors, RegisteredProduct.LATENCY)
        m.d.sync += [low.eq(product.p), high.eq(product.p + late)]
        return low, high

    def _corner(
        self, m: Module, corner: int, at: Value, parts: list[Value], found: data.View[data.Layout]
    ) -> None:
        """Word and half of a corner: the entry within its level, then the level's offset."""
        grid = self.params.grid
        tables = [grid.tables[n] for n in self.levels]
        bits = address_bits(self.params, self.levels)
        entry = Signal(bits + 1, name=f"entry_{corner}")
        after = RegisteredProduct.LATENCY + 1
        hashed = self._of_turn(m, f"hashed_{corner}", [int(t.hashed) for t in tables], after)
        index: Value = at
        words: Value = at[1:]
        for part in parts:
            index, words = index ^ part, words + part
        # all hashed levels of a grid have the same entries
        wrap = (next((t.entries for t in tables if t.hashed), 1) - 1).bit_length()
        m.d.sync += entry.eq(Mux(hashed, index[:wrap], (words << 1) | at[0]))
        offsets = level_offsets(grid, self.levels)[:-1]
        word = Signal(bits, name=f"word_{corner}")
        offset = self._of_turn(m, f"offset_{corner}", offsets, after + 1)
        half = Signal(name=f"half_{corner}")
        m.d.sync += [word.eq(entry[1:] + offset), half.eq(entry[0])]
        m.d.comb += [found.word[corner].eq(word), found.half[corner].eq(half)]
