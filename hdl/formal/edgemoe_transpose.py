"""The contract of Edge-MoE's reorder buffer."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import (
    Array,
    Assert,
    Assume,
    ClockDomain,
    Cover,
    Elaboratable,
    Module,
    Mux,
    Signal,
    Value,
)

from archsim.config.edgemoe_layout import Layout
from hdl.edgemoe.transpose import Transposer
from hdl.formal.contracts import free_inputs, keeps_offer
from hdl.formal.edgemoe import TINY


class TransposeCheck(Elaboratable):
    """Whatever waits: word n has element n mod k of each row of the tile, in the order of rows.

    A memory stands at the reorder buffer whose words tell their own address.
    """

    def __init__(self, rows: int) -> None:
        self.layout = Layout(TINY)
        self.rows = rows
        self.dut = Transposer(self.layout)
        self.views = [self.dut.bases.read_port(domain="comb") for _ in range(TINY.tile_rows)]
        self.start = Signal()
        self.domain = ClockDomain("sync", reset_less=True)
        self.stall = Signal()
        dut = self.dut
        self.ports = free_inputs(self.domain, self.start, dut.o.ready, self.stall)

    def elaborate(self, _platform: object) -> Module:
        """Build the check."""
        m = Module()
        m.domains.sync = self.domain
        m.submodules.dut = dut = self.dut
        k, width, stride = TINY.dim, self.layout.width, self.layout.token
        begun = Signal()
        m.d.sync += begun.eq(begun | self.start)
        m.d.comb += [
            Assume(~(self.start & begun)), dut.start.eq(self.start),
            dut.rows.eq(self.rows), dut.k.eq(k), dut.stride.eq(stride),
        ]  # fmt: skip
        held, full = Signal(len(dut.address.payload)), Signal()
        m.d.comb += [
            dut.address.ready.eq((~full | dut.word.ready) & ~self.stall),
            dut.word.valid.eq(full),
            *(dut.word.payload.word_select(n, 32).eq(held + n) for n in range(width)),
        ]  # fmt: skip
        with m.If(dut.word.ready):
            m.d.sync += full.eq(0)
        with m.If(dut.address.valid & dut.address.ready):
            m.d.sync += [full.eq(1), held.eq(dut.address.payload)]
        keeps_offer(m, dut.o.valid, dut.o.ready, dut.o.payload, Assert, "exit")
        tiles = -(-self.rows // TINY.tile_in)
        element, tile = Signal(range(k)), Signal(range(tiles + 1))
        m.d.comb += Assert(~dut.o.valid | (tile < tiles))
        for row in range(TINY.tile_in):
            number = tile * TINY.tile_in + row
            with m.If(dut.o.valid & (number < self.rows)):
                found = dut.o.payload.word_select(row, 32)
                m.d.comb += Assert(found == number * stride + element)
        with m.If(dut.o.valid & dut.o.ready):
            m.d.sync += element.eq(element + 1)
            with m.If(element == k - 1):
                m.d.sync += [element.eq(0), tile.eq(tile + 1)]
        m.d.comb += Cover(tile == tiles)
        self._inside(m, begun, held, full, tile * k + element)
        return m

    def _inside(self, m: Module, begun: Signal, held: Signal, full: Signal, given: Value) -> None:
        """What holds of the registers and the memory, for induction: all follow from counts."""
        dut, rows, width = self.dut, TINY.tile_rows, self.layout.width
        states, places = self._walk()
        asked, got = Signal(range(len(states))), Signal(range(len(states)))
        moved = Signal(range(len(states) // rows + 1))  # sets of rows, of ``width`` elements each
        m.d.sync += [
            asked.eq(asked + (dut.address.valid & dut.address.ready)),
            got.eq(got + (dut.word.valid & dut.word.ready)), moved.eq(moved + dut.moves),
        ]  # fmt: skip
        place = Array([*places, *[0] * rows])
        m.d.comb += [
            Assert(asked < len(states)), Assert(asked == got + full),
            Assert(~full | (held == place[asked - 1])),
            Assert(got == moved * rows + Mux(dut.full, rows, dut.filled)),
            Assert(~dut.full | (dut.filled == 0)), Assert(dut.filled < rows),
            Assert(given + dut.kept == moved * width), Assert(dut.kept <= width),
        ]  # fmt: skip
        for row in range(rows):
            with m.If(dut.full | (row < dut.filled)):
                for n in range(width):
                    word = dut.held[row].word_select(n, 32)
                    m.d.comb += Assert(word == place[moved * rows + row] + n)
            for n in range(width):
                with m.If(n < dut.kept):
                    word = dut.shown[row].word_select(n, 32)
                    here = place[(moved - 1) * rows + row] + width - dut.kept + n
                    m.d.comb += Assert(word == here)
            m.d.comb += self.views[row].addr.eq(row)
        with m.If(begun):
            chunks = TINY.dim // width
            m.d.comb += Assert(dut.rest == TINY.dim - (moved % chunks) * width)
            for name in ("busy", "fresh", "row", "at", "direct", "offset", "left"):
                m.d.comb += Assert(getattr(dut, name) == Array(s[name] for s in states)[asked])
            for row, view in enumerate(self.views):
                start = Array(s["bases"][row] for s in states)[asked]
                m.d.comb += Assert((start < 0) | (view.data == start))
        with m.Else():
            m.d.comb += [Assert(~dut.busy), Assert(asked == 0)]

    def _walk(self) -> tuple[list[dict[str, Any]], list[int]]:
        """Return the registers that ask before each address and after the last, and addresses."""
        rows, k, stride, width = TINY.tile_rows, TINY.dim, self.layout.token, self.layout.width
        states, places = [], []
        starts = [-1] * rows  # not written yet
        order = [
            (tile, chunk, row)
            for tile in range(-(-self.rows // rows)) for chunk in range(k // width)
            for row in range(rows)
        ]  # fmt: skip
        for tile, chunk, row in order:
            number = tile * rows + row
            states.append({
                "busy": 1, "fresh": chunk == 0, "row": row,
                "at": number if chunk == 0 else (tile + 1) * rows,
                "direct": stride * (number if chunk == 0 else (tile + 1) * rows),
                "offset": chunk * self.layout.banks, "left": k - chunk * width,
                "bases": tuple(starts),
            })  # fmt: skip
            if chunk == 0:
                starts[row] = number * stride if number < self.rows else 0
            places.append(starts[row] + chunk * self.layout.banks)
        count = -(-self.rows // rows) * rows
        last = {"busy": 0, "fresh": 1, "row": 0, "at": count, "direct": count * stride}
        states.append({**last, "offset": 0, "left": k, "bases": tuple(starts)})
        return states, places
