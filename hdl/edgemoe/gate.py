"""The gate: softmax over the experts of a token, its best experts, and their scores."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.operators import TopKParams
from hdl.arith.topk import TopK
from hdl.edgemoe.plain_softmax import PlainSoftmax, make_softmax, row_cycles
from hdl.edgemoe.softmax import RECURRENCE, OnlineSoftmax, SoftmaxWeight
from hdl.lib.small_fifo import SmallFifo


def topk_params(params: EdgeMoeParams) -> TopKParams:
    """Return the ranking's parameters."""
    return TopKParams(
        count=params.top_k,
        value_bits=params.formats.activation.bits,
        index_bits=max(1, (params.experts - 1).bit_length()),
    )


def logit_layout(params: EdgeMoeParams) -> data.StructLayout:
    """Return a token's logit: ``value``, and ``last`` with that of the last expert."""
    return data.StructLayout({"value": signed(params.formats.activation.bits), "last": 1})


def choice_layout(params: EdgeMoeParams) -> data.StructLayout:
    """Return a chosen expert: ``expert``, ``score``, and ``last`` with a token's last one."""
    return data.StructLayout(
        {
            "expert": topk_params(params).index_bits,
            "score": params.formats.activation.fraction_bits + 1,
            "last": 1,
        }
    )


class Gate(wiring.Component):
    """A token's logits, expert 0 first, become its best experts with their scores, best first.

    As ``functional.edgemoe.Gate`` after its linear layer. A logit takes ``RECURRENCE`` cycles, as
    its row's sum must be there.

    Ports: ``i``, stream of ``logit_layout``; ``o``, stream of ``choice_layout``, ``top_k`` words a
    token.
    """

    def __init__(self, params: EdgeMoeParams) -> None:
        self.params = params
        super().__init__(
            {
                "i": In(stream.Signature(logit_layout(params))),
                "o": Out(stream.Signature(choice_layout(params))),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        m.submodules.softmax = softmax = make_softmax(p, rows=1, numbers=p.experts)
        m.submodules.ranking = ranking = TopK(topk_params(p))
        places = len(Value.cast(ranking.o.payload))
        sums = len(Value.cast(softmax.o.payload))
        m.submodules.ranked = ranked = SmallFifo(width=places, depth=4)
        m.submodules.summed = summed = SmallFifo(width=sums, depth=4)
        first = Signal(init=1)
        both = Signal()
        x = self.i.payload
        m.d.comb += [
            both.eq(softmax.i.ready & ranking.i.ready),
            self.i.ready.eq(both),
            softmax.i.valid.eq(self.i.valid & ranking.i.ready),
            ranking.i.valid.eq(self.i.valid & softmax.i.ready),
            softmax.i.payload.value.eq(x.value),
            softmax.i.payload.first.eq(first),
            softmax.i.payload.last.eq(x.last),
            ranking.i.payload.value.eq(x.value),
            ranking.i.payload.last.eq(x.last),
            ranked.i.payload.eq(Value.cast(ranking.o.payload)),
            ranked.i.valid.eq(ranking.o.valid), ranking.o.ready.eq(ranked.i.ready),
            summed.i.payload.eq(Value.cast(softmax.o.payload)),
            summed.i.valid.eq(softmax.o.valid), softmax.o.ready.eq(summed.i.ready),
        ]  # fmt: skip
        with m.If(self.i.valid & both):
            m.d.sync += first.eq(x.last)
        self._scores(m, softmax, ranking, ranked, summed)
        return m

    def _scores(
        self, m: Module, softmax: OnlineSoftmax | PlainSoftmax, ranking: TopK, ranked: SmallFifo,
        summed: SmallFifo,
    ) -> None:  # fmt: skip
        """One place of the ranking after the other: its weight, and its expert beside it."""
        m.submodules.weight = weight = SoftmaxWeight(self.params)
        sums = data.View(softmax.o.payload.shape(), summed.o.payload)
        entry_bits = len(ranked.o.payload) // self.params.top_k
        place = Signal(range(max(2, self.params.top_k)))
        entry = data.View(
            ranking.o.payload.shape().elem_shape, ranked.o.payload.word_select(place, entry_bits)
        )
        index_bits = topk_params(self.params).index_bits
        m.submodules.experts = experts = SmallFifo(
            width=index_bits + 1, depth=SoftmaxWeight.LATENCY + 2
        )
        go, final = Signal(), Signal()
        m.d.comb += [
            final.eq(place == self.params.top_k - 1),
            weight.i.valid.eq(ranked.o.valid & summed.o.valid & experts.i.ready),
            go.eq(weight.i.valid & weight.i.ready),
            weight.i.payload.value.eq(entry.value),
            weight.i.payload.bias.eq(sums.bias),
            weight.i.payload.reciprocal.eq(sums.reciprocal),
            experts.i.valid.eq(go), experts.i.payload.eq(Cat(entry.index, final)),
            ranked.o.ready.eq(go & final), summed.o.ready.eq(go & final),
            self.o.valid.eq(weight.o.valid & experts.o.valid),
            weight.o.ready.eq(self.o.ready & experts.o.valid),
            experts.o.ready.eq(self.o.ready & weight.o.valid),
            Value.cast(self.o.payload).eq(
                Cat(experts.o.payload[:index_bits], weight.o.payload, experts.o.payload[-1])
            ),
        ]  # fmt: skip
        with m.If(go):
            m.d.sync += place.eq(Mux(final, 0, place + 1))


def cycles(params: EdgeMoeParams, tokens: int) -> int:
    """Return the cycle of the last score, the first logit entering in cycle 0, nothing waiting."""
    fifo = 1
    logits = (tokens * params.experts - 1) * RECURRENCE
    summed = OnlineSoftmax.LATENCY
    if not params.techniques.single_pass_softmax:
        every = row_cycles(params.experts)
        logits = tokens * (params.experts - 1) + (tokens - 1) * every
        summed = every - 1
    return logits + summed + fifo + params.top_k - 1 + SoftmaxWeight.LATENCY
