"""The first pass of the attention: scores of reordered queries and keys, and their softmax sums."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.edgemoe.pipeline import RigidUnit, later, registered
from hdl.edgemoe.plain_softmax import PlainSoftmax, make_softmax
from hdl.edgemoe.softmax import OnlineSoftmax, sum_layout
from hdl.edgemoe.walk import make_walk, steps
from hdl.lib.small_fifo import SmallFifo

SUM_CYCLES = 3
"""Products, their sum over the lanes, the sum over the chunks of a head: a register each."""


def score_layout(params: EdgeMoeParams) -> data.StructLayout:
    """Return the scores of a key and head with every slot, and which are valid, first and last."""
    p = params
    return data.StructLayout(
        {
            "score": data.ArrayLayout(signed(p.formats.activation.bits), p.queries),
            "valid": p.queries,
            "first": p.queries,
            "last": p.queries,
            "head": range(max(2, p.heads)),
        }
    )


class ScoreArray(RigidUnit):
    """``queries`` x ``lanes`` products a cycle; a word of scores at the end of every head.

    Ports: ``i``, stream of ``key`` and ``query`` words (``lanes`` activations, element 0 lowest;
    the query's counts where ``wants`` is high); ``wants`` (1, out): this chunk needs a query's;
    ``o``, stream of ``score_layout``.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        word = params.lanes * params.formats.activation.bits
        super().__init__(data.StructLayout({"key": word, "query": word}), score_layout(params))
        self.walk = make_walk(params)
        self.wants = self.walk.loads

    def elements(self, word: Value) -> list[Value]:
        """Return the signed activations of a word."""
        bits = self.params.formats.activation.bits
        return [word.word_select(n, bits).as_signed() for n in range(self.params.lanes)]

    def build(self, m: Module) -> tuple[Value, Value]:
        """Slots side by side, and their flags beside them."""
        walk = self.walk
        m.submodules.walk = walk
        m.d.comb += walk.go.eq(self.take)
        taken, begins, done, valid, first, last, head = later(
            m, SUM_CYCLES - 1, "flags", self.take, walk.head_first, walk.head_last & self.take,
            walk.valid, walk.first, walk.last, walk.head,
        )  # fmt: skip
        scores = [self._slot(m, slot, taken, begins) for slot in range(self.params.queries)]
        flags = later(m, 1, "out", valid, first, last, head)
        (emits,) = later(m, 1, "emits", done)
        return emits, Cat(scores, flags)

    def _slot(self, m: Module, slot: int, taken: Value, begins: Value) -> Value:
        """Return the score register of a slot: its query against the key that passes."""
        p, walk = self.params, self.walk
        form = p.formats.activation
        x = self.i.payload
        memory = Memory(shape=len(x.key), depth=max(2, walk.chunks), init=[])
        m.submodules[f"query_{slot}"] = memory
        read, write = memory.read_port(domain="comb"), memory.write_port()
        loads = walk.first[slot]
        m.d.comb += [
            read.addr.eq(walk.chunk), write.addr.eq(walk.chunk),
            write.data.eq(x.query), write.en.eq(loads & self.take),
        ]  # fmt: skip
        query = Signal(len(x.key), name=f"query_now_{slot}")
        m.d.comb += query.eq(Mux(loads, x.query, read.data))
        shift = form.fraction_bits + p.score_shift
        kept = shift + form.bits  # of the sum only these bits count
        products = [
            registered(m, (a * b)[:kept], f"product_{slot}_{n}")
            for n, (a, b) in enumerate(zip(self.elements(x.key), self.elements(query), strict=True))
        ]
        part = registered(m, sum(products[1:], products[0])[:kept], f"part_{slot}")
        total = Signal(kept, name=f"total_{slot}")
        with m.If(taken):
            m.d.sync += total.eq(Mux(begins, 0, total) + part)
        return total[shift:]


class AttentionScores(wiring.Component):
    """Scores of all queries with all keys, and their softmax sums, a key streamed for all slots.

    As ``functional.edgemoe.Attention.scores`` and ``Softmax.reduce`` with the order of the
    reordered loop, or without it (``walk.PlainWalk``). A chunk of ``lanes`` elements a cycle; needs
    ``queries <= head_dim / lanes``, so that one softmax unit keeps up.

    Ports:

    * ``key``: stream of key words, in: all keys again and again, ``steps`` tokens in all.
    * ``query``: stream of query words, in: each query once, in order.
    * ``o``: stream of ``score_layout``, out: step by step, head by head.
    * ``sums``: stream of ``sum_layout``, out, in the order of queries, then heads; its ``row`` is
      ``slot * heads + head``.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        if params.queries > params.head_dim // params.lanes:
            raise ValueError(
                f"queries must be at most head_dim / lanes ({params.head_dim // params.lanes}), "
                f"not {params.queries!r}"
            )
        self.params = params
        self.rows = params.queries * params.heads
        word = params.lanes * params.formats.activation.bits
        super().__init__(
            {
                "key": In(stream.Signature(word)),
                "query": In(stream.Signature(word)),
                "o": Out(stream.Signature(score_layout(params))),
                "sums": Out(stream.Signature(sum_layout(params, self.rows))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        m.submodules.array = array = ScoreArray(self.params)
        m.submodules.softmax = softmax = make_softmax(
            self.params, rows=self.rows, numbers=self.params.tokens
        )
        width = len(Value.cast(array.o.payload))
        m.submodules.kept = kept = SmallFifo(width=width, depth=2)
        there = Signal()
        m.d.comb += [
            there.eq(self.key.valid & (~array.wants | self.query.valid)),
            array.i.valid.eq(there),
            array.i.payload.key.eq(self.key.payload),
            array.i.payload.query.eq(self.query.payload),
            self.key.ready.eq(array.i.ready & there),
            self.query.ready.eq(array.i.ready & there & array.wants),
            # a word of scores goes to the output and to the softmax
            array.o.ready.eq(self.o.ready & kept.i.ready),
            self.o.valid.eq(array.o.valid & kept.i.ready),
            Value.cast(self.o.payload).eq(Value.cast(array.o.payload)),
            kept.i.valid.eq(array.o.valid & self.o.ready),
            kept.i.payload.eq(Value.cast(array.o.payload)),
        ]
        self._serialise(m, kept, softmax)
        return m

    def _serialise(self, m: Module, kept: SmallFifo, softmax: OnlineSoftmax | PlainSoftmax) -> None:
        """Give the softmax slot after slot of a word; a slot without a query takes its cycle."""
        p = self.params
        slot = Signal(range(max(2, p.queries)))
        word = data.View(score_layout(p), kept.o.payload)
        valid, go = Signal(), Signal()
        x = softmax.i.payload
        m.d.comb += [
            valid.eq(word.valid.bit_select(slot, 1)),
            softmax.i.valid.eq(kept.o.valid & valid),
            go.eq(kept.o.valid & (softmax.i.ready | ~valid)),
            x.value.eq(word.score[slot]),
            x.row.eq(slot * p.heads + word.head),
            x.first.eq(word.first.bit_select(slot, 1)),
            x.last.eq(word.last.bit_select(slot, 1)),
            kept.o.ready.eq(go & (slot == p.queries - 1)),
            self.sums.valid.eq(softmax.o.valid),
            Value.cast(self.sums.payload).eq(Value.cast(softmax.o.payload)),
            softmax.o.ready.eq(self.sums.ready),
        ]
        with m.If(go):
            m.d.sync += slot.eq(Mux(kept.o.ready, 0, slot + 1))


def cycles(params: EdgeMoeParams) -> int:
    """Return the cycle of the last sum, the first words entering in cycle 0, nothing waiting."""
    last_chunk = steps(params) * (params.dim // params.lanes) - 1
    # the very last query is in the slot that ends the pass; its last head's word is serialised
    slot = (params.tokens - 1) % params.queries
    return last_chunk + SUM_CYCLES + 1 + slot + OnlineSoftmax.LATENCY
