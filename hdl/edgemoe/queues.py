"""The experts' queues: tokens with their scores, and the experts that have any."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.lib.small_fifo import SmallFifo


def queued_layout(params: EdgeMoeParams) -> data.StructLayout:
    """Return a queued token: ``expert``, ``token``, ``score``, and ``last`` of its expert."""
    return data.StructLayout(
        {
            "expert": max(1, (params.experts - 1).bit_length()),
            "token": range(params.tokens),
            "score": params.formats.activation.fraction_bits + 1,
            "last": 1,
        }
    )


def _streams(params: EdgeMoeParams) -> dict[str, wiring.Member]:
    word = stream.Signature(queued_layout(params))
    return {"i": In(word), "o": Out(word)}


class ExpertQueues(wiring.Component):
    """A queue for each expert; filled in the order of tokens, emptied expert by expert.

    Experts without tokens are passed over: the metaqueue of the others is in the order of their
    index. A full set of queues is emptied ``passes`` times (for the layers of an expert: each
    expert's queue is repeated before the next expert's), then filled again.

    Ports:

    * ``i``: stream of ``queued_layout``, in, ready while filling; ``last`` with the very last
      token (its expert and token count, ``last`` here ends the filling).
    * ``o``: stream of ``queued_layout``, out; ``last`` with the last token of a pass of an expert.
    """

    def __init__(self, params: EdgeMoeParams, *, passes: int = 2) -> None:
        self.params = params
        self.passes = passes
        super().__init__(_streams(params))
        self.lengths = [
            Signal(range(params.tokens + 1), name=f"length_{n}") for n in range(params.experts)
        ]
        score_bits = params.formats.activation.fraction_bits + 1
        self.token_bits = len(self.i.payload.token)
        self.memory = Memory(
            shape=self.token_bits + score_bits, depth=params.experts << self.token_bits, init=[]
        )
        self.at = Signal(self.token_bits)
        self.number = Signal(range(max(2, passes)))
        """Passes of the current expert that are over."""
        self.emptying = Signal()
        self.expert = Signal(max(1, (params.experts - 1).bit_length()))
        self.pending = Signal(params.experts)
        """Experts that have tokens."""
        self.more = Signal()
        """Whether an expert after the current one has tokens."""

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        x, o = self.i.payload, self.o.payload
        token_bits, at = self.token_bits, self.at
        m.submodules.queues = memory = self.memory
        write, read = memory.write_port(), memory.read_port(domain="comb")
        chosen = Signal.like(self.lengths[0])
        length = Signal.like(self.lengths[0])
        m.d.comb += [
            self.i.ready.eq(~self.emptying),
            self.pending.eq(Cat(counter != 0 for counter in self.lengths)),
            write.en.eq(self.i.valid & self.i.ready),
            write.addr.eq(Cat(length[:token_bits], x.expert)),
            write.data.eq(Cat(x.token, x.score)),
            length.eq(self._of(self.lengths, x.expert)),
            chosen.eq(self._of(self.lengths, self.expert)),
            read.addr.eq(Cat(at, self.expert)),
            self.o.valid.eq(self.emptying & (chosen != 0)),
            o.expert.eq(self.expert), o.token.eq(read.data[:token_bits]),
            o.score.eq(read.data[token_bits:]), o.last.eq(at == chosen - 1),
        ]  # fmt: skip
        with m.If(write.en):
            for index, counter in enumerate(self.lengths):
                with m.If(x.expert == index):
                    m.d.sync += counter.eq(counter + 1)
            m.d.sync += self.emptying.eq(x.last)
        self._empty(m)
        return m

    @staticmethod
    def _of(values: list[Signal], index: Value) -> Value:
        """Return the value at ``index``."""
        found: Value = values[0]
        for n, value in enumerate(values[1:], start=1):
            found = Mux(index == n, value, found)
        return found

    def _empty(self, m: Module) -> None:
        """Walk queue by queue, ``passes`` times each, then start to fill again."""
        at, number = self.at, self.number
        target = Signal.like(self.expert)
        upcoming = Signal.like(self.expert)  # the next expert with tokens
        m.d.comb += self.more.eq(0)
        for n in reversed(range(self.params.experts)):
            with m.If((n > self.expert) & (self.lengths[n] != 0)):
                m.d.comb += [self.more.eq(1), upcoming.eq(n)]
        first = Signal.like(self.expert)  # of the tokens that are queued now
        for n in reversed(range(self.params.experts)):
            arrives = self.i.valid & (self.i.payload.expert == n)
            with m.If((self.lengths[n] != 0) | arrives):
                m.d.comb += first.eq(n)
        with m.If(~self.emptying):
            m.d.sync += self.expert.eq(first)
        m.d.comb += target.eq(upcoming)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += at.eq(Mux(self.o.payload.last, 0, at + 1))
            with m.If(self.o.payload.last):
                again = number != self.passes - 1
                m.d.sync += number.eq(Mux(again, number + 1, 0))
                with m.If(~again):
                    m.d.sync += self.expert.eq(target)
                    with m.If(~self.more):
                        m.d.sync += [self.emptying.eq(0), *(c.eq(0) for c in self.lengths)]


class TokenQueue(wiring.Component):
    """Without expert by expert: chosen experts leave as they came, token by token.

    Ports as ``ExpertQueues``; each word leaves ``passes`` times in a row and is the ``last`` of its
    expert.
    """

    def __init__(self, params: EdgeMoeParams, *, passes: int = 2) -> None:
        self.params = params
        self.passes = passes
        super().__init__(_streams(params))
        self.pending = Signal(params.experts)
        """Experts that have tokens: any may."""

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        width = len(Value.cast(self.i.payload))
        m.submodules.words = words = SmallFifo(
            width=width, depth=self.params.tokens * self.params.top_k
        )
        number = Signal(range(max(2, self.passes)))
        final = number == self.passes - 1
        m.d.comb += [
            words.i.payload.eq(Value.cast(self.i.payload)), words.i.valid.eq(self.i.valid),
            self.i.ready.eq(words.i.ready), self.pending.eq(~0),
            self.o.payload.eq(words.o.payload), self.o.payload.last.eq(1),
            self.o.valid.eq(words.o.valid), words.o.ready.eq(self.o.ready & final),
        ]  # fmt: skip
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += number.eq(Mux(final, 0, number + 1))
        return m


def make_queues(params: EdgeMoeParams, *, passes: int = 2) -> ExpertQueues | TokenQueue:
    """Return the queues of ``params``."""
    kind = ExpertQueues if params.techniques.expert_by_expert else TokenQueue
    return kind(params, passes=passes)
