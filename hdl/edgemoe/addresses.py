"""Walks through the scratchpads: the granule addresses of whole regions, rows, and pixels."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import Layout
from hdl.edgemoe.walk import PlainWalk


class RunWalk(wiring.Component):
    """``count`` words of ``step`` granules one behind the other, again from the start after
    ``period`` words.

    Ports: ``start`` (1, in) with ``base`` (first granule); ``o``, stream of addresses, out;
    ``last`` (1, out): with the last address.
    """

    def __init__(self, layout: Layout, *, step: int, count: int, period: int | None = None) -> None:
        self.step = step
        self.count = count
        self.period = period or count
        bits = layout.address_bits
        super().__init__(
            {
                "start": In(1),
                "base": In(bits),
                "o": Out(stream.Signature(bits)),
                "last": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        left = Signal(range(self.count + 1))
        place = Signal(range(self.period))
        ends = Signal()
        m.d.comb += [
            self.o.valid.eq(left != 0),
            self.last.eq(left == 1),
            ends.eq(place == self.period - 1),
        ]
        with m.If(self.start):
            m.d.sync += [left.eq(self.count), place.eq(0), self.o.payload.eq(self.base)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [
                left.eq(left - 1),
                place.eq(Mux(ends, 0, place + 1)),
                self.o.payload.eq(Mux(ends, self.base, self.o.payload + self.step)),
            ]
        return m


class PlainKeys(RunWalk):
    """The order of keys without reordering: each token's words once for every slot of a block.

    Ports as ``RunWalk``, but that ``last`` is not driven.
    """

    def __init__(self, layout: Layout, *, step: int) -> None:
        self.layout = layout
        super().__init__(layout, step=step, count=1)

    def elaborate(self, _platform: object) -> Module:
        """Build the logic: the walk of the slots, with addresses beside it."""
        m = Module()
        m.submodules.walk = walk = PlainWalk(self.layout.params)
        busy = Signal()
        token = Signal(self.layout.address_bits)  # where the key begins
        following = Signal(self.layout.address_bits)
        last_key = walk.key == self.layout.params.tokens - 1
        m.d.comb += [
            self.o.valid.eq(busy), walk.go.eq(busy & self.o.ready),
            following.eq(Mux(last_key, self.base, token + self.layout.token)),
        ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += [busy.eq(1), token.eq(self.base), self.o.payload.eq(self.base)]
        with m.Elif(walk.go):
            m.d.sync += [self.o.payload.eq(self.o.payload + self.step), busy.eq(~walk.ends)]
            with m.If(walk.chunk == walk.chunks - 1):
                m.d.sync += self.o.payload.eq(Mux(walk.final, following, token))
                with m.If(walk.final):
                    m.d.sync += token.eq(following)
        return m


def entry_layout(layout: Layout) -> data.StructLayout:
    """Return an entry of the token table: ``token`` and ``score``."""
    p = layout.params
    return data.StructLayout(
        {"token": range(p.tokens), "score": p.formats.activation.fraction_bits + 1}
    )


def place_layout(layout: Layout) -> data.StructLayout:
    """Return where a row of results belongs: ``address``, ``score``, and whether it is ``last``."""
    score = layout.params.formats.activation.fraction_bits + 1
    return data.StructLayout({"address": layout.address_bits, "score": score, "last": 1})


class RowWalk(wiring.Component):
    """Where the linear unit's rows of results lie: column tile by column tile, row by row.

    Row r starts ``r * stride`` granules from ``base``, or with ``scatter`` at the token that the
    table's entry r names; its score is 1 without ``scatter``.

    Ports: ``start`` (1, in); ``rows``, ``columns`` (16 each, in), ``base``, ``stride``, ``scatter``
    (in), stable from ``start`` on; ``index`` (out) and ``entry`` (in): the table's;
    ``o``, stream of ``place_layout``, out.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        bits = layout.address_bits
        super().__init__(
            {
                "start": In(1),
                "rows": In(16),
                "columns": In(16),
                "base": In(bits),
                "stride": In(16),
                "scatter": In(1),
                "index": Out(range(layout.params.tokens)),
                "entry": In(entry_layout(layout)),
                "o": Out(stream.Signature(place_layout(layout))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        layout = self.layout
        step = layout.params.tile_out // layout.granule
        row, column = Signal(16), Signal(16)
        direct = Signal(layout.address_bits)
        first = Signal(layout.address_bits)  # of this column tile
        busy, ends = Signal(), Signal()
        one = 1 << layout.params.formats.activation.fraction_bits
        o = self.o.payload
        m.d.comb += [
            self.index.eq(row),
            self.o.valid.eq(busy),
            o.address.eq(Mux(self.scatter, first + self.entry.token * layout.token, direct)),
            o.score.eq(Mux(self.scatter, self.entry.score, one)),
            ends.eq(row == self.rows - 1),
            o.last.eq(ends & (column == self.columns - 1)),
        ]
        with m.If(self.start):
            m.d.sync += [
                busy.eq(1), row.eq(0), column.eq(0), direct.eq(self.base), first.eq(self.base),
            ]  # fmt: skip
        with m.Elif(busy & self.o.ready):
            m.d.sync += [row.eq(row + 1), direct.eq(direct + self.stride)]
            with m.If(ends):
                following = first + step
                m.d.sync += [row.eq(0), column.eq(column + 1), direct.eq(following)]
                m.d.sync += [first.eq(following), busy.eq(~o.last)]
        return m


class PixelWalk(wiring.Component):
    """Where runs of pixels belong in the matrix of patches, the image coming row by row.

    Channel by channel, row of patches by row, row of pixels by row, patch by patch. A patch's
    elements are in the order of channel, row, column.

    Ports: ``start`` (1, in) with ``base``; ``o``, stream of addresses, out; ``last`` (1, out).
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        bits = layout.address_bits
        super().__init__(
            {
                "start": In(1),
                "base": In(bits),
                "o": Out(stream.Signature(bits)),
                "last": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic: nested counters, each with the address at which its turn began."""
        m = Module()
        p, g = self.layout.params, self.layout.granule
        run = self.layout.pixel_run
        across = p.image_width // p.patch
        pixels = p.patch_pixels // g
        loops = (  # innermost first: turns, granules from turn to turn
            (p.patch // run, run // g),
            (across, pixels),
            (p.patch, p.patch // g),
            (p.image_height // p.patch, across * pixels),
            (p.channels, p.patch * p.patch // g),
        )
        address = self.o.payload
        busy = Signal()
        m.d.comb += self.o.valid.eq(busy)
        ended: Value = Signal(init=1, name="always")
        m.d.comb += ended.eq(1)
        starts = [Signal(self.layout.address_bits, name=f"begin_{n}") for n in range(len(loops))]
        with m.If(self.start):
            m.d.sync += [busy.eq(1), address.eq(self.base), *(s.eq(self.base) for s in starts)]
        go = busy & self.o.ready
        for n, (turns, by) in enumerate(loops):
            count = Signal(range(max(2, turns)), name=f"turn_{n}")
            final = Signal(name=f"final_{n}")
            m.d.comb += final.eq(count == turns - 1)
            with m.If(go & ended):
                m.d.sync += count.eq(Mux(final, 0, count + 1))
                with m.If(~final):
                    following = starts[n] + by
                    m.d.sync += [address.eq(following), *(s.eq(following) for s in starts[: n + 1])]
            after = Signal(name=f"after_{n}")
            m.d.comb += after.eq(ended & final)
            ended = after
        m.d.comb += self.last.eq(ended)
        with m.If(go & ended):
            m.d.sync += busy.eq(0)
        return m


def low(word: Value, elements: int) -> Value:
    """Return the lowest ``elements`` activations of a scratchpad's word."""
    return Cat(word)[: 32 * elements]
