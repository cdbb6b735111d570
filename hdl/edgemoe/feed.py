"""The order in which the linear unit's engine takes biases, activations and weights."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_layout import Layout
from archsim.config.edgemoe_params import EdgeMoeParams, engine_params


class LinearFeed(wiring.Component):
    """Joins activations and weights of a layer in the order of ``hdl.matrix.load.TileLoader``.

    All row tiles are one group: biases, activations and weights of the first tiles in turn, the
    other row tiles' activations, then for every further column tile its biases and weights.

    Ports:

    * ``start`` (1, in); ``tiles`` (row tiles), ``columns`` (column tiles), ``k`` (16 each, in) and
      ``wide_bias`` (1, in: biases have the attention's format), stable from ``start`` on.
    * ``wide_weight`` (1, in; only where weights have at most 8 bits): these have 16.
    * ``a``: stream of ``tile_rows`` activations, in; ``w``: stream of words of ``16 * tile_out``
      bits, in: for each column tile its biases, then its weights, those of ``Layout.packed``
      inputs in a word.
    * ``o``: the engine's stream, out. ``waits`` (1, out): it lacks a word of ``w``.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.engine_params = engine_params(params)
        self.packed = Layout(params).packed
        super().__init__(
            {
                "start": In(1),
                "tiles": In(16),
                "columns": In(16),
                "k": In(16),
                "wide_bias": In(1),
                "a": In(stream.Signature(self.engine_params.a_word_bits)),
                "w": In(stream.Signature(self.engine_params.b_word_bits)),
                "o": Out(stream.Signature(8 * self.engine_params.port_bytes)),
                "waits": Out(1),
                **({"wide_weight": In(1)} if self.packed > 1 else {}),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        k, tiles, columns = Signal(16), Signal(16), Signal(16)  # still to come, this included
        go, block, more = Signal(), Signal(), Signal()
        with m.If(self.start):
            m.d.sync += [k.eq(self.k), tiles.eq(self.tiles), columns.eq(self.columns)]
        m.d.comb += [go.eq(self.o.valid & self.o.ready), block.eq(k == 1), more.eq(columns != 1)]
        first = Signal()  # the first column tile: activations come too
        with m.FSM():
            with m.State("idle"), m.If(self.start):
                m.d.sync += first.eq(1)
                m.next = "bias"
            with m.State("bias"):
                self._words(m, self._biases())
                with m.If(go):
                    m.d.sync += k.eq(self.k)
                    m.next = "weight"
                    with m.If(first):
                        m.next = "activation"
            with m.State("activation"):
                self._activations(m)
                with m.If(go):
                    m.next = "weight"
            with m.State("weight"):
                self._weights(m, go, block)
                with m.If(go):
                    m.d.sync += k.eq(Mux(block, self.k, k - 1))
                    with m.If(first & ~block):
                        m.next = "activation"
                    with m.If(block):
                        m.d.sync += [first.eq(0), columns.eq(columns - 1)]
                        m.next = "idle"
                        with m.If(more):
                            m.next = "bias"
                        with m.If(first & (tiles != 1)):
                            m.next = "others"
            with m.State("others"):  # row tiles of the first column tile
                self._activations(m)
                with m.If(go):
                    m.d.sync += k.eq(Mux(block, self.k, k - 1))
                    with m.If(block):
                        m.d.sync += tiles.eq(tiles - 1)
                        with m.If(tiles == 2):
                            m.next = "idle"
                            with m.If(columns != 0):
                                m.next = "bias"
        return m

    def _weights(self, m: Module, go: Signal, block: Signal) -> None:
        """Give an input's weights; a word is done with its last input's, or the tile's."""
        if self.packed == 1:
            self._words(m, self.w.payload)
            return
        place, final = Signal(range(self.packed)), Signal()  # of the input in the word
        slot, tile = 16 // self.packed, self.params.tile_out
        part = self.w.payload.word_select(place, slot * tile)
        narrow = [_extended(part.word_select(n, slot), 16) for n in range(tile)]
        self._words(m, Mux(self.wide_weight, self.w.payload, Cat(narrow)))
        m.d.comb += [
            final.eq(self.wide_weight | block | (place == self.packed - 1)),
            self.w.ready.eq(self.o.ready & final),
        ]
        with m.If(go):
            m.d.sync += place.eq(Mux(final, 0, place + 1))

    def _words(self, m: Module, word: Value) -> None:
        m.d.comb += [
            self.o.valid.eq(self.w.valid), self.o.payload.eq(word),
            self.w.ready.eq(self.o.ready), self.waits.eq(~self.w.valid),
        ]  # fmt: skip

    def _activations(self, m: Module) -> None:
        m.d.comb += [
            self.o.valid.eq(self.a.valid), self.o.payload.eq(self.a.payload),
            self.a.ready.eq(self.o.ready),
        ]  # fmt: skip

    def _biases(self) -> Value:
        """Return the biases at the product's fraction bits."""
        formats, bits = self.params.formats, self.engine_params.acc_bits
        fraction = formats.activation.fraction_bits + formats.weight.fraction_bits
        found: list[Value] = []
        for column in range(self.params.tile_out):
            bias = self.w.payload.word_select(column, 16).as_signed()
            wide, plain = (
                (bias << (fraction - form.fraction_bits)).as_signed()
                for form in (formats.attention_bias, formats.bias)
            )
            found.append(Mux(self.wide_bias, _extended(wide, bits), _extended(plain, bits))[:bits])
        return Cat(found)


def _extended(value: Value, bits: int) -> Value:
    """Return ``value`` with its sign up to ``bits`` bits."""
    return Cat(value, value[-1].replicate(max(0, bits - len(value))))[:bits]
