"""Loading for the weight-stationary array: each block's weights before its rows of A."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value

from hdl.lib.countdown import Countdown, Preset
from hdl.matrix.load import PARAM, A, B, Loader


class BlockLoader(Loader):
    """Weight-stationary. For each group and column tile: its parameters; for each block along K the
    ``rows`` words of its weights, then, unless A stays from the column tile before, one word of A
    for each row of the group.

    The first word of a block waits until the B buffer has room for the whole block.
    """

    def _schedule(self, m: Module, step: Value) -> None:
        names = ("k", "last_rows", "groups", "held", "n_tiles")
        job = {name: Preset(m, name, getattr(self.job, name)) for name in names}
        kind, following = self.kind, self.next_kind
        k = Countdown(m, "k", job["k"], job["last_rows"])
        held = Countdown(m, "held", job["held"])
        n = Countdown(m, "n", job["n_tiles"])
        group = Countdown(m, "group", job["groups"])
        with_a = Signal()
        block_end = Signal()
        head = Const(PARAM if self.params.has_params else B, 3)
        weights_end = self._weights(m, step & (kind == B))
        m.d.comb += block_end.eq(Mux(kind == A, k.one, weights_end & ~with_a))
        with m.If(self.start):
            m.d.comb += following.eq(head)
            m.d.sync += [
                with_a.eq(1), *held.load(), *n.load(), *group.load(),
                *k.load(job["groups"].one),
            ]  # fmt: skip
        with m.Elif(step):
            with m.If(kind == PARAM):
                m.d.comb += following.eq(B)
            with m.If(weights_end & with_a):
                m.d.comb += following.eq(A)
            with m.If(kind == A):
                m.d.sync += k.step()
            with m.If(block_end):
                m.d.sync += [*k.load(group.one), *held.step()]
                m.d.comb += following.eq(B)
                with m.If(held.one):
                    m.d.comb += following.eq(head)
                    m.d.sync += [
                        with_a.eq(self.job.stream_a), *held.load(), *n.step(),
                    ]  # fmt: skip
                    with m.If(n.one):
                        m.d.sync += [
                            with_a.eq(1), *n.load(), *group.step(), *k.load(group.two),
                        ]  # fmt: skip
                        with m.If(group.one):
                            m.d.comb += following.eq(0)

    @property
    def b_places(self) -> int:
        """Blocks of weights that fit the B buffer."""
        return self.params.b_depth // self.params.rows

    def _weights(self, m: Module, taken: Value) -> Value:
        """Count a block's words; return whether this word is a block's last.

        ``taken``: a word of B was scheduled.
        """
        rows = self.params.rows
        word = Signal(range(max(2, rows)))  # words of the block scheduled
        last = Signal(init=int(rows == 1))  # the next word is its block's last
        first = Signal(init=1)  # it is its block's first
        m.d.comb += self.asks.eq((self.kind != B) | first)
        with m.If(taken):
            m.d.sync += [
                word.eq(Mux(last, 0, word + 1)),
                last.eq(int(rows == 1) | (~last & (word == rows - 2))),
                first.eq(last),
            ]
        return (self.kind == B) & last
