"""Layer norm: one pass for the statistics of a token while the one before leaves."""

from __future__ import annotations

from amaranth.hdl import Cat, EnableInserter, Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.check import integer
from archsim.numeric.edgemoe import MEAN_BITS, VARIANCE_BITS, epsilon, mean_factor, rsqrt_params
from hdl.arith.fixed import clamped
from hdl.arith.reciprocal import Rsqrt
from hdl.edgemoe.pipeline import later, operate, registered
from hdl.lib.counting import increment
from hdl.lib.small_fifo import SmallFifo
from hdl.lib.sram import DoubleBuffer

STATISTICS_CYCLES = 12
"""From a token's last word to its mean and inverse deviation at the second stage."""

OUTPUT_CYCLES = 7
"""From a word's read to its result."""


class LayerNorm(wiring.Component):
    """Normalised tokens as ``functional.edgemoe.layers.LayerNorm``; ``lanes`` elements a cycle.

    Two stages: a token is stored and summed up, and read again when its statistics are there.
    Sustains a word a cycle where a token has at least ``STATISTICS_CYCLES`` words; a shorter
    one waits for its statistics, and two tokens are under way.

    Ports:

    * ``w``: stream of scales and offsets, in; a word has for each lane its scale, then its offset.
      ``dim / lanes`` words, element 0 first, before the first token; more replace the oldest.
    * ``i``: stream of words of ``lanes`` activations, in, element 0 lowest and first.
    * ``o``: stream of words like ``i``, out.
    """

    def __init__(self, params: EdgeMoeParams, *, lanes: int) -> None:
        self.params = params
        self.lanes = integer("lanes", lanes, 1, params.dim)
        if params.dim % lanes:
            raise ValueError(f"lanes must divide dim ({params.dim}), not {lanes!r}")
        self.words = params.dim // lanes
        self.word_bits = lanes * params.formats.activation.bits
        self.weight_bits = 2 * lanes * params.formats.norm.bits
        super().__init__(
            {
                "w": In(stream.Signature(self.weight_bits)),
                "i": In(stream.Signature(self.word_bits)),
                "o": Out(stream.Signature(self.word_bits)),
            }
        )

    def elements(self, word: Value) -> list[Value]:
        """Return the signed activations of a word."""
        bits = self.params.formats.activation.bits
        return [word.word_select(lane, bits).as_signed() for lane in range(self.lanes)]

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.tokens = buffer = DoubleBuffer(width=self.word_bits, depth=max(2, self.words))
        m.submodules.found = found = SmallFifo(width=2 * 32, depth=2)
        last = self._sum_up(m, buffer)
        mean, inverse, valid = self._statistics(m, *last)
        m.d.comb += [
            found.i.valid.eq(valid),
            found.i.payload.eq(Cat(mean.as_unsigned()[:32], inverse)),
        ]
        self._normalise(m, buffer, found)
        return m

    def _sum_up(self, m: Module, buffer: DoubleBuffer) -> tuple[Value, Value, Value]:
        """Store words; return sum, sum of squares, and in which cycle they are those of a token."""
        fraction = self.params.formats.activation.fraction_bits
        at = Signal(range(max(2, self.words)))
        go, final = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(buffer.free),
            go.eq(self.i.valid & self.i.ready),
            final.eq(at == self.words - 1),
            buffer.write.eq(go), buffer.write_address.eq(at),
            buffer.write_data.eq(self.i.payload), buffer.filled.eq(go & final),
        ]  # fmt: skip
        with m.If(go):
            m.d.sync += at.eq(increment(at, max(2, self.words)) if self.words > 1 else 0)
        elements = self.elements(self.i.payload)
        part = registered(m, sum(elements[1:], elements[0]), "part")
        squared = [registered(m, x * x, "square")[fraction:] for x in elements]
        first, ends, valid = later(m, 1, "of_part", at == 0, final & go, go)
        squares = sum(squared[1:], squared[0])
        total = Signal(signed(32 + self.params.dim.bit_length()))
        power = Signal(64 - fraction + self.params.dim.bit_length())
        with m.If(valid):
            m.d.sync += [
                total.eq(Mux(first, 0, total).as_signed() + part),
                power.eq(Mux(first, 0, power) + squares),
            ]
        (done,) = later(m, 1, "sum_done", ends & valid)
        return total, power, done

    def _statistics(
        self, m: Module, total: Value, squares: Value, done: Value
    ) -> tuple[Value, Value, Value]:
        """Return mean, inverse deviation, and whether they are there."""
        fraction = self.params.formats.activation.fraction_bits
        factor = mean_factor(self.params)
        product = registered(m, total * factor, "mean_product")
        power = registered(m, squares * factor, "square_product")
        mean = registered(m, (product >> MEAN_BITS)[:33].as_signed(), "mean")
        mean_square = registered(m, power >> MEAN_BITS, "mean_square")
        squared = registered(m, mean * mean, "squared_mean")
        (mean_square,) = later(m, 1, "mean_square_of", mean_square)
        difference = Signal(signed(len(mean_square) + 2))
        m.d.comb += difference.eq(mean_square - (squared >> fraction))
        small = epsilon(self.params)
        grown = Mux(difference < 0, 0, difference[: len(mean_square)]) + small
        variance = registered(m, clamped(grown, VARIANCE_BITS, False)[:VARIANCE_BITS], "variance")
        inverse = operate(m, Rsqrt(rsqrt_params(self.params)), "rsqrt", variance)
        (mean,) = later(m, 7, "mean_of", mean)
        (valid,) = later(m, 9, "statistics", done)
        return mean, inverse, valid

    def _normalise(self, m: Module, buffer: DoubleBuffer, found: SmallFifo) -> None:
        """Read a token again and scale it; everything here stops while the output waits."""
        advance, go, final = Signal(), Signal(), Signal()
        at = Signal(range(max(2, self.words)))
        inner = Module()
        scales = self._scales(m, inner, at)
        m.d.comb += [
            advance.eq(~self.o.valid | self.o.ready),
            go.eq(advance & buffer.ready & found.o.valid),
            final.eq(at == self.words - 1),
            buffer.read.eq(go), buffer.read_address.eq(at),
            buffer.drained.eq(go & final), found.o.ready.eq(go & final),
        ]  # fmt: skip
        with m.If(go):
            m.d.sync += at.eq(increment(at, max(2, self.words)) if self.words > 1 else 0)
        mean = registered(inner, found.o.payload[:32].as_signed(), "mean_now")
        inverse = registered(inner, found.o.payload[32:], "inverse_now")
        (valid,) = later(inner, OUTPUT_CYCLES, "out_valid", go)
        results = [
            self._element(inner, x, mean, inverse, *scales[lane])
            for lane, x in enumerate(self.elements(buffer.read_data))
        ]
        m.submodules.inner = EnableInserter(advance)(inner)
        m.d.comb += [self.o.valid.eq(valid), self.o.payload.eq(Cat(results))]

    def _scales(self, m: Module, inner: Module, at: Signal) -> list[tuple[Value, Value]]:
        """Keep scales and offsets; return those of each lane of the word read before."""
        bits = self.params.formats.norm.bits
        m.submodules.weights = memory = Memory(
            shape=self.weight_bits, depth=max(2, self.words), init=[]
        )
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [
            self.w.ready.eq(1), write.en.eq(self.w.valid), write.data.eq(self.w.payload),
            read.addr.eq(at),
        ]  # fmt: skip
        with m.If(self.w.valid):
            following = increment(write.addr, max(2, self.words)) if self.words > 1 else 0
            m.d.sync += write.addr.eq(following)
        now = registered(inner, read.data, "scales_now")
        parts = [now.word_select(n, bits).as_signed() for n in range(2 * self.lanes)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    def _element(
        self, m: Module, x: Value, mean: Value, inverse: Value, scale: Value, offset: Value
    ) -> Value:
        """Return the result of one element, ``OUTPUT_CYCLES - 1`` cycles after its read."""
        formats = self.params.formats
        fraction, norm = formats.activation.fraction_bits, formats.norm.fraction_bits
        centred = registered(m, x - mean, "centred")
        (inverse,) = later(m, 1, "inverse_of", inverse)
        product = registered(m, registered(m, centred * inverse, "scaled"), "scaled_2")
        normal = (product >> fraction)[:42].as_signed()
        scale, offset = later(m, 3, "weights_of", scale, offset)
        product = registered(m, registered(m, normal * scale, "weighed"), "weighed_2")
        (offset,) = later(m, 2, "offset_of", offset)
        bits = formats.activation.bits
        kept = (product >> norm)[:bits]
        return registered(m, (kept + (offset << (fraction - norm)))[:bits], "result")


def cycles(params: EdgeMoeParams, lanes: int, tokens: int) -> int:
    """Return the cycle of the last result, the first word entering in cycle 0, nothing waiting."""
    words = params.dim // lanes
    entered, read = 0, 0
    ends: list[int] = []
    for token in range(tokens):
        if token >= 2:  # a bank is free in the cycle after its last read
            entered = max(entered, ends[token - 2] + 1)
        entered += words
        read = max(read, entered - 1 + STATISTICS_CYCLES) + words
        ends.append(read - 1)
    return ends[-1] + OUTPUT_CYCLES
