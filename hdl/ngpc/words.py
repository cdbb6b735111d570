"""From a cell to the words of its corners: the rule of ``config.ngpc_layout`` in hardware."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.ngpc_grid import PRIMES
from archsim.config.ngpc_layout import level_layout
from archsim.config.ngpc_params import NfpParams
from hdl.ngpc.position import cell_bits


def word_bits(params: NfpParams, level: int) -> int:
    """Return the bits of a word's number at ``level``."""
    return max(1, (level_layout(params.grid, params.grid.tables[level]).words - 1).bit_length())


class CornerWords(wiring.Component):
    """Words and halves of a cell's corners, combinational.

    Ports: ``cell`` (dims * cell_bits, in), axis 0 lowest; ``word`` (corners * word_bits, out) and
    ``half`` (corners, out): corner c's word, and whether it is the word's second entry; ``second``
    (1, out): x is odd, so that the corners of a row lie in two words.
    """

    def __init__(self, params: NfpParams, level: int) -> None:
        self.params = params
        self.level = level
        grid = params.grid
        super().__init__(
            {
                "cell": In(grid.dims * cell_bits(params, [level])),
                "word": Out(grid.corners * word_bits(params, level)),
                "half": Out(grid.corners),
                "second": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        grid, bits = self.params.grid, cell_bits(self.params, [self.level])
        table = grid.tables[self.level]
        x = self.cell.word_select(0, bits)
        rest = [self.cell.word_select(axis, bits) for axis in range(1, grid.dims)]
        bases = [self._bases(m, axis + 1, value) for axis, value in enumerate(rest)]
        width = word_bits(self.params, self.level)
        m.d.comb += self.second.eq(x[0])
        for corner in range(grid.corners):
            at = x + (corner & 1)
            parts = [pair[corner >> (axis + 1) & 1] for axis, pair in enumerate(bases)]
            if table.hashed:
                index: Value = at
                for part in parts:
                    index = index ^ part
                entry = Signal(width + 1, name=f"entry_{corner}")
                m.d.comb += entry.eq(index)
                word, half = entry[1:], entry[0]
            else:
                word, half = sum(parts, at >> 1), at[0]
            m.d.comb += [self.word.word_select(corner, width).eq(word), self.half[corner].eq(half)]
        return m

    def _bases(self, m: Module, axis: int, value: Value) -> tuple[Value, Value]:
        """What the lower and the upper vertex along ``axis`` add (dense) or toggle (hashed)."""
        table = self.params.grid.tables[self.level]
        layout = level_layout(self.params.grid, table)
        width = word_bits(self.params, self.level) + 1
        if table.hashed:
            factor = PRIMES[axis] % table.entries
        else:
            factor = layout.row_words if axis == 1 else layout.plane_words
        low = Signal(width, name=f"low_{axis}")
        high = Signal(width, name=f"high_{axis}")
        m.d.comb += [low.eq(value * factor), high.eq(low + factor)]
        return low, high
