"""The encoding engine with one bank: levels take turns, a word is read a cycle."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from archsim.config.ngpc_layout import level_offsets
from archsim.config.ngpc_params import NfpParams
from hdl.lib.counting import delayed
from hdl.ngpc.deep import DeepMemory
from hdl.ngpc.interpolate import Interpolator
from hdl.ngpc.position import Locator
from hdl.ngpc.rows import RowWords, address_bits


class SerialEngine(wiring.Component):
    """Encodes positions at ``levels``, in turn, as ``archsim.functional.ngpc.FixedGrid`` does.

    A row of a cell needs one word where x is even, else two; words are read one a cycle without a
    gap, whatever the samples. Nothing is kept from one sample to the next.

    Ports:

    * ``load``: stream of a word's number (``address``, levels after one another) and ``data``;
      always ready, for use while no sample is under way.
    * ``i``: stream of ``dims`` positions, axis 0 lowest.
    * ``o``: stream of ``features`` numbers, feature 0 lowest, level after level of each sample.

    ``multiplier`` and ``verilog``: see ``RegisteredProduct``.
    """

    READ_CYCLES = DeepMemory.CYCLES

    def __init__(
        self, params: NfpParams, levels: Sequence[int], *,
        multiplier: str = "generic", verilog: bool = False,
    ) -> None:  # fmt: skip
        self.params = params
        self.levels = tuple(levels)
        self.verilog = verilog
        chosen = {"multiplier": multiplier, "verilog": verilog}
        self.locator = Locator(params, self.levels, **chosen)
        self.rows = RowWords(params, self.levels, **chosen)
        self.tree = Interpolator(params, reserved=True, **chosen)
        self.number_bits = address_bits(params, self.levels)
        self.words = level_offsets(params.grid, self.levels)[-1]
        load = data.StructLayout({"address": self.number_bits, "data": params.word_bits})
        grid = params.grid
        super().__init__(
            {
                "load": In(stream.Signature(load)),
                "i": In(stream.Signature(grid.dims * params.formats.position_bits)),
                "o": Out(stream.Signature(grid.features * params.formats.feature_bits)),
            }
        )

    @classmethod
    def latency_of(cls, params: NfpParams) -> int:
        """Return the cycles from a sample to its features beside those that its words take."""
        before = Locator.latency_of(params) + RowWords.CYCLES + 1
        return before + cls.READ_CYCLES + Interpolator.latency_of(params)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.locator = locator = self.locator
        m.submodules.rows = rows = self.rows
        m.submodules.tree = tree = self.tree
        connect(m, flipped(self.i), locator.i)
        connect(m, locator.o, rows.i)
        connect(m, tree.o, flipped(self.o))
        at = Signal(range(self.params.grid.corners))  # the corner whose word is read now
        go, last = Signal(), Signal()
        item = rows.o.payload
        side, row = at[0], at[1:]
        m.d.comb += [
            last.eq(row.all() & (side | ~item.two)),
            go.eq(rows.o.valid & (tree.room | (at != 0))),
            rows.o.ready.eq(go & last),
            tree.reserve.eq(go & (at == 0)),
        ]
        with m.If(go):
            m.d.sync += at.eq(Mux(last, 0, at + Mux(item.two, 1, 2)))
        word = self._memory(m, Array(item.word[c] for c in range(self.params.grid.corners))[at])
        self._gather(m, go, at, last, word)
        return m

    def _memory(self, m: Module, address: Value) -> Signal:
        """The grid memory; return the word of ``READ_CYCLES`` ago."""
        m.submodules.memory = memory = DeepMemory(
            width=self.params.word_bits, depth=self.words, verilog=self.verilog
        )
        m.d.comb += [
            self.load.ready.eq(1),
            memory.write_en.eq(self.load.valid),
            memory.write_addr.eq(self.load.payload.address),
            memory.write_data.eq(self.load.payload.data),
            memory.read_addr.eq(address),
        ]
        return memory.read_data

    def _gather(self, m: Module, go: Value, at: Value, last: Value, word: Value) -> None:
        """Put a word's entries at their corners; hand them on after the last word."""
        p, item = self.params, self.rows.o.payload
        corners, entry = p.grid.corners, p.word_bits // 2
        about = Signal(2 + len(at) + 2)
        half = Array(item.half[c] for c in range(corners))
        m.d.comb += about.eq(Cat(go, go & last, item.two, half[at], at))
        valid, done, two, upper, *where = delayed(m, about, self.READ_CYCLES, "about")
        place = Cat(where)
        weights = Signal(p.grid.dims * (p.formats.fraction_bits + 1))
        m.d.comb += weights.eq(Cat(item.weight[axis] for axis in range(p.grid.dims)))
        tree = self.tree
        for c in range(corners):
            held = Signal(entry, name=f"corner_{c}")
            # the second corner of a row in one word is the other entry
            other = (place == c - 1) & ~two if c & 1 else Const(0)
            with m.If(valid & ((place == c) | other)):
                m.d.sync += held.eq(Mux(upper ^ other, word[entry:], word[:entry]))
            m.d.comb += tree.i.payload.corner[c].eq(held)
        m.d.sync += tree.i.valid.eq(valid & done)
        late = delayed(m, weights, self.READ_CYCLES + 1, "weights")
        m.d.comb += Cat(tree.i.payload.weight[axis] for axis in range(p.grid.dims)).eq(late)
