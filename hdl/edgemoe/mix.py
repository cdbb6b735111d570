"""The second pass of the attention: weights from scores and sums, and weighted sums of values."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.edgemoe import reciprocal_params
from hdl.edgemoe.pipeline import RigidUnit, later, registered
from hdl.edgemoe.scores import score_layout
from hdl.edgemoe.softmax import SoftmaxWeight, sum_layout
from hdl.edgemoe.walk import make_walk, steps
from hdl.lib.small_fifo import SmallFifo

MIX_CYCLES = 3
"""Two registers of the products, and the sum."""


class ValueArray(RigidUnit):
    """``queries`` x ``lanes`` products a cycle; a query's sums leave while it meets its last key.

    Ports: ``i``, stream of ``value`` (``lanes`` activations) and ``weight`` (one a slot, of the
    head of this chunk), in; ``head_last`` (1, out): the weights are for this chunk the last time;
    ``o``, stream of words of ``lanes`` activations, out.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.weight_bits = reciprocal_params(params).out_bits
        self.word_bits = params.lanes * params.formats.activation.bits
        weights = params.queries * self.weight_bits
        super().__init__(
            data.StructLayout({"value": self.word_bits, "weight": weights}), self.word_bits
        )
        self.walk = make_walk(params)
        self.head_last = self.walk.head_last

    def build(self, m: Module) -> tuple[Value, Value]:
        """Slots side by side; the word of the one that ends leaves."""
        walk = self.walk
        m.submodules.walk = walk
        m.d.comb += walk.go.eq(self.take)
        taken, chunk, first, last, valid = later(
            m, MIX_CYCLES - 1, "flags", self.take, walk.chunk, walk.first, walk.last, walk.valid
        )
        # with reordering what a slot without a query sums up is never looked at
        alone = not self.params.techniques.reordered_attention
        words = [
            self._slot(m, slot, taken & valid[slot] if alone else taken, chunk, first[slot])
            for slot in range(self.params.queries)
        ]
        chosen: Value = words[0]
        for slot, word in enumerate(words[1:], start=1):
            chosen = Mux(last[slot], word, chosen)
        (emits,) = later(m, 1, "emits", taken & last.any())
        return emits, registered(m, chosen, "out")

    def _slot(self, m: Module, slot: int, taken: Value, chunk: Value, first: Value) -> Value:
        """Return the new sums of a slot and chunk, truncated; they are kept until the next key."""
        p = self.params
        form = p.formats.activation
        kept = form.fraction_bits + form.bits  # of a sum only these bits count
        memory = Memory(shape=p.lanes * kept, depth=max(2, self.walk.chunks), init=[])
        m.submodules[f"sums_{slot}"] = memory
        read, write = memory.read_port(domain="comb"), memory.write_port()
        weight = self.i.payload.weight.word_select(slot, self.weight_bits)
        sums = []
        for lane in range(p.lanes):
            value = self.i.payload.value.word_select(lane, form.bits).as_signed()
            product = registered(m, (value * weight)[:kept], f"product_{slot}_{lane}")
            product = registered(m, product, f"product_{slot}_{lane}_2")
            old = Mux(first, 0, read.data.word_select(lane, kept))
            total = Signal(kept, name=f"sum_{slot}_{lane}")
            m.d.comb += total.eq(old + product)
            sums.append(total)
        m.d.comb += [
            read.addr.eq(chunk), write.addr.eq(chunk), write.data.eq(Cat(sums)),
            write.en.eq(taken),
        ]  # fmt: skip
        return Cat(total[form.fraction_bits :] for total in sums)


class AttentionMix(wiring.Component):
    """Weighted sums of values as ``functional.edgemoe.Attention`` makes them, a key for all slots.

    A chunk of ``lanes`` elements a cycle, as long as a word of scores is there every
    ``head_dim / lanes`` cycles; a weight takes one of them.

    Ports:

    * ``sums``: stream of ``sum_layout``, in, as ``AttentionScores`` gives them; all of a pass are
      kept, and the next pass's are taken when this one has ended.
    * ``scores``: stream of ``score_layout``, in, in the order of ``AttentionScores``.
    * ``value``: stream of value words, in: all tokens again and again, ``steps`` in all.
    * ``o``: stream of words, out: the queries' results in order.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        self.entries = params.tokens * params.heads
        word = params.lanes * params.formats.activation.bits
        rows = params.queries * params.heads
        super().__init__(
            {
                "sums": In(stream.Signature(sum_layout(params, rows))),
                "scores": In(stream.Signature(score_layout(params))),
                "value": In(stream.Signature(word)),
                "o": Out(stream.Signature(word)),
            }
        )
        self.stored = Signal(range(self.entries + 1))
        self.words = Signal(range(steps(params) * params.heads + 1))
        """Words of scores of this pass whose weights are made or on their way."""

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        m.submodules.array = array = ValueArray(p)
        m.submodules.ready = weights = SmallFifo(width=len(array.i.payload.weight), depth=4)
        ended = self._weights(m, weights)
        there = Signal()
        m.d.comb += [
            there.eq(self.value.valid & weights.o.valid),
            array.i.valid.eq(there),
            array.i.payload.value.eq(self.value.payload),
            array.i.payload.weight.eq(weights.o.payload),
            self.value.ready.eq(array.i.ready & weights.o.valid),
            weights.o.ready.eq(array.i.ready & self.value.valid & array.head_last),
            self.o.valid.eq(array.o.valid),
            self.o.payload.eq(array.o.payload),
            array.o.ready.eq(self.o.ready),
        ]
        with m.If(ended):
            m.d.sync += self.stored.eq(0)
        return m

    def _weights(self, m: Module, ready: SmallFifo) -> Value:
        """Make the weights of a word of scores, slot by slot; return when a pass's are made."""
        p = self.params
        m.submodules.weight = weight = SoftmaxWeight(p)
        x = self.sums.payload
        m.submodules.sums = memory = Memory(
            shape=len(x.reciprocal) + len(x.bias), depth=self.entries, init=[]
        )
        write, read = memory.write_port(), memory.read_port(domain="comb")
        slot = Signal(range(max(2, p.queries)))
        place, known = self._place(m, slot)
        go, final, ended = Signal(), Signal(), Signal()
        valid = self.scores.payload.valid.bit_select(slot, 1)
        m.d.comb += [
            self.sums.ready.eq(self.stored != self.entries),
            write.en.eq(self.sums.valid & self.sums.ready),
            write.addr.eq(self.stored), write.data.eq(Cat(x.reciprocal, x.bias.as_unsigned())),
            read.addr.eq(place),
            weight.i.payload.value.eq(self.scores.payload.score[slot]),
            weight.i.payload.bias.eq(read.data[len(x.reciprocal) :].as_signed()),
            weight.i.payload.reciprocal.eq(read.data[: len(x.reciprocal)]),
            weight.i.valid.eq(self.scores.valid & (known | ~valid)),
            go.eq(weight.i.valid & weight.i.ready),
            final.eq(slot == p.queries - 1),
            self.scores.ready.eq(go & final),
            ended.eq(self.scores.ready & (self.words == steps(p) * p.heads - 1)),
        ]  # fmt: skip
        with m.If(write.en):
            m.d.sync += self.stored.eq(self.stored + 1)
        with m.If(go):
            m.d.sync += slot.eq(Mux(final, 0, slot + 1))
        with m.If(self.scores.ready):
            m.d.sync += self.words.eq(Mux(ended, 0, self.words + 1))
        self._gather(m, weight, ready)
        return ended

    def _place(self, m: Module, slot: Signal) -> tuple[Value, Value]:
        """Return where the sums of the slot's query and head lie, and whether they are there."""
        p = self.params
        x = self.scores.payload
        loaded = Signal(range(self.entries + 1))  # the sums of the query that is loaded next
        starts = [Signal(range(self.entries + 1), name=f"start_{n}") for n in range(p.queries)]
        start: Value = starts[0]
        for n, value in enumerate(starts[1:], start=1):
            start = Mux(slot == n, value, start)
        met = Mux(x.first.bit_select(slot, 1), loaded, start)
        place = Signal(range(self.entries + p.heads))
        m.d.comb += place.eq(met + x.head)
        with m.If(self.scores.ready & (x.head == p.heads - 1)):
            for n, value in enumerate(starts):
                with m.If(x.first[n]):
                    m.d.sync += value.eq(loaded)
            with m.If(x.first.any()):
                following = loaded + p.heads
                m.d.sync += loaded.eq(Mux(following == self.entries, 0, following))
        return place, self.stored > place

    def _gather(self, m: Module, weight: SoftmaxWeight, ready: SmallFifo) -> None:
        """Gather the weights of all slots into a word; the pipeline waits while none fits."""
        p = self.params
        bits = len(weight.o.payload)
        slot = Signal(range(max(2, p.queries)))
        held = Signal((p.queries - 1) * bits)
        final, go = Signal(), Signal()
        m.d.comb += [
            final.eq(slot == p.queries - 1),
            weight.o.ready.eq(~final | ready.i.ready),
            go.eq(weight.o.valid & weight.o.ready),
            ready.i.valid.eq(weight.o.valid & final),
            ready.i.payload.eq(Cat(held, weight.o.payload)),
        ]
        with m.If(go):
            m.d.sync += slot.eq(Mux(final, 0, slot + 1))
            with m.If(~final):
                m.d.sync += held.word_select(slot, bits).eq(weight.o.payload)


def cycles(params: EdgeMoeParams) -> int:
    """Return the cycle of the last word, with the sums stored before cycle 0, nothing waiting."""
    first_weights = params.queries - 1 + SoftmaxWeight.LATENCY + 1
    return first_weights + steps(params) * (params.dim // params.lanes) - 1 + MIX_CYCLES
