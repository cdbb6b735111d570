"""From tokens in rows to the linear unit's operands: one element of ``tile_rows`` tokens a word."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from hdl.edgemoe.addresses import entry_layout
from hdl.lib.counting import increment


class Transposer(wiring.Component):
    """Reads tiles of ``tile_rows`` rows by ``width`` elements and gives them column by column.

    Two sets of registers: one is filled, a row a read, while the other is shifted out; a word a
    cycle where ``width >= tile_rows``. Rows from ``rows`` on hold anything.

    Ports:

    * ``start`` (1, in); ``rows``, ``k`` (elements of a row), ``base``, ``stride`` (granules from
      row to row), ``gather`` (1: row r is the token that the table's entry r names), in, stable.
    * ``index`` (out), ``entry`` (in): the table's.
    * ``address``: stream of addresses, out; ``word``: stream of what lies there, in.
    * ``o``: stream of ``tile_rows`` elements, out: tile by tile, element by element.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        p = layout.params
        bits = layout.address_bits
        super().__init__(
            {
                "start": In(1),
                "rows": In(16),
                "k": In(16),
                "base": In(bits),
                "stride": In(16),
                "gather": In(1),
                "index": Out(range(p.tokens)),
                "entry": In(entry_layout(layout)),
                "address": Out(stream.Signature(bits)),
                "word": In(stream.Signature(layout.width * ELEMENT_BITS)),
                "o": Out(stream.Signature(p.tile_rows * ELEMENT_BITS)),
            }
        )
        rows, word = p.tile_rows, layout.width * ELEMENT_BITS
        self.bases = Memory(shape=bits, depth=max(2, rows), init=[])
        self.busy = Signal()
        self.fresh = Signal()  # the tile's first chunk
        self.row, self.at = Signal(range(max(2, rows))), Signal(16)
        self.direct, self.offset, self.left = Signal(bits), Signal(bits), Signal(16)
        self.held = [Signal(word, name=f"held_{n}", reset_less=True) for n in range(rows)]
        self.filled, self.full = Signal(range(max(2, rows))), Signal()  # of ``held``
        self.moves = Signal()  # from ``held`` to ``shown``
        self.shown = [Signal(word, name=f"shown_{n}") for n in range(rows)]
        self.kept = Signal(range(layout.width + 1))  # elements of ``shown``
        self.rest = Signal(16)  # elements of the rows not moved there yet

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        self._ask(m)
        self._gather(m)
        self._shift(m)
        return m

    def _ask(self, m: Module) -> None:
        """Walk through tiles, chunks of ``width`` elements, and rows."""
        layout, bits = self.layout, self.layout.address_bits
        rows = layout.params.tile_rows
        m.submodules.bases = bases = self.bases
        read, write = bases.read_port(domain="comb"), bases.write_port()
        busy, fresh, row, at = self.busy, self.fresh, self.row, self.at
        direct, offset, left = self.direct, self.offset, self.left
        start = Signal(bits)
        exists, ends, final = Signal(), Signal(), Signal()
        place = Mux(self.gather, self.base + self.entry.token * layout.token, direct)
        m.d.comb += [
            self.index.eq(at),
            exists.eq(at < self.rows),
            start.eq(Mux(fresh, Mux(exists, place, self.base), read.data)),
            read.addr.eq(row), write.addr.eq(row), write.data.eq(start),
            self.address.valid.eq(busy), self.address.payload.eq(start + offset),
            write.en.eq(busy & fresh & self.address.ready),
            ends.eq(row == rows - 1), final.eq(left <= layout.width),
        ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += [
                busy.eq(1), fresh.eq(1), row.eq(0), at.eq(0), direct.eq(self.base), offset.eq(0),
                left.eq(self.k),
            ]  # fmt: skip
        with m.Elif(busy & self.address.ready):
            m.d.sync += row.eq(increment(row, rows) if rows > 1 else 0)
            with m.If(fresh):
                m.d.sync += [at.eq(at + 1), direct.eq(direct + self.stride)]
            with m.If(ends):
                m.d.sync += [
                    fresh.eq(final), offset.eq(Mux(final, 0, offset + layout.banks)),
                    left.eq(Mux(final, self.k, left - layout.width)),
                    busy.eq(~final | Mux(fresh, at + 1 < self.rows, at < self.rows)),
                ]  # fmt: skip

    def _gather(self, m: Module) -> None:
        """Fill the first set of registers."""
        rows = self.layout.params.tile_rows
        row, full, moves = self.filled, self.full, self.moves
        m.d.comb += self.word.ready.eq(~full | moves)
        with m.If(moves):
            m.d.sync += full.eq(0)
        with m.If(self.word.valid & self.word.ready):
            m.d.sync += row.eq(increment(row, rows) if rows > 1 else 0)
            for n, register in enumerate(self.held):
                with m.If(row == n):
                    m.d.sync += register.eq(self.word.payload)
            with m.If(row == rows - 1):
                m.d.sync += full.eq(1)

    def _shift(self, m: Module) -> None:
        """Shift the second set out, an element of every row a cycle."""
        width = self.layout.width
        shown, left, rest, moves = self.shown, self.kept, self.rest, self.moves
        count = Signal(range(width + 1))
        take = Signal()
        elements: list[Value] = [s[:ELEMENT_BITS] for s in shown]
        m.d.comb += [
            self.o.valid.eq(left != 0), self.o.payload.eq(Cat(elements)),
            take.eq(self.o.valid & self.o.ready),
            moves.eq(self.full & ((left == 0) | (take & (left == 1)))),
            count.eq(Mux(rest > width, width, rest)),
        ]  # fmt: skip
        with m.If(take):
            m.d.sync += [left.eq(left - 1), *(s.eq(s[ELEMENT_BITS:]) for s in shown)]
        with m.If(moves):
            m.d.sync += [
                left.eq(count), rest.eq(Mux(rest > width, rest - width, self.k)),
                *(s.eq(h) for s, h in zip(shown, self.held, strict=True)),
            ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += rest.eq(self.k)
