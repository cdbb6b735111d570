"""Loading for the weight-stationary array: each block's weights before its rows of A."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value

from archsim.config.matrix import COUNT_BITS
from hdl.lib.countdown import Countdown, Preset
from hdl.matrix.load import PARAM, A, B, Loader


class BlockLoader(Loader):
    """Weight-stationary. For each group and column tile: its parameters; for each block along K the
    ``rows`` words of its weights, then, unless A stays from the column tile before, one word of A
    for each row of the group.

    The first word of a block waits until the B buffer has room for the whole block.
    """

    def _schedule(self, m: Module, done: Value) -> None:
        names = ("k", "last_rows", "groups", "held", "n_tiles")
        job = {name: Preset(m, name, getattr(self.job, name)) for name in names}
        kind, following = self.kind, self.next_kind
        k, held, n, group = (Countdown(x, COUNT_BITS) for x in ("k", "held", "n", "group"))
        with_a = Signal()
        block_end = Signal()
        head = Const(PARAM if self.params.has_params else B, 3)
        weights_end = self._weights(m, done & (kind == B))
        m.d.comb += block_end.eq(Mux(kind == A, k.one, weights_end & ~with_a))
        with m.If(self.start):
            m.d.comb += following.eq(head)
            m.d.sync += [
                self.busy.eq(1), with_a.eq(1), *held.load(job["held"].now),
                *n.load(job["n_tiles"].now), *group.load(job["groups"].now),
                *k.choose(job["groups"].now.one, job["last_rows"].now, job["k"].now),
            ]  # fmt: skip
        with m.Elif(done):
            with m.If(kind == PARAM):
                m.d.comb += following.eq(B)
            with m.If(weights_end & with_a):
                m.d.comb += following.eq(A)
            with m.If(kind == A):
                m.d.sync += k.step()
            with m.If(block_end):
                m.d.sync += [*k.choose(group.one, job["last_rows"], job["k"]), *held.step()]
                m.d.comb += following.eq(B)
                with m.If(held.one):
                    m.d.comb += following.eq(head)
                    m.d.sync += [
                        with_a.eq(self.job.stream_a), *held.load(job["held"]),
                        *n.step(),
                    ]  # fmt: skip
                    with m.If(n.one):
                        m.d.sync += [
                            with_a.eq(1), *n.load(job["n_tiles"]), *group.step(),
                            *k.choose(group.two, job["last_rows"], job["k"]),
                        ]  # fmt: skip
                        with m.If(group.one):
                            m.d.comb += following.eq(0)
                            m.d.sync += self.busy.eq(0)

    def _weights(self, m: Module, done: Value) -> Value:
        """Count a block's words and the blocks in the buffer; return: this word is a block's last.

        ``done``: a word of B was taken.
        """
        rows = self.params.rows
        blocks = self.params.b_depth // rows
        word = Signal(range(max(2, rows)))  # words of the block taken
        last = Signal(init=int(rows == 1))  # the next word is its block's last
        room = Signal(range(blocks + 1), init=blocks)
        begins = Signal()
        inside = Signal()  # a block has begun and not ended
        next_room = Signal.like(room)
        m.d.comb += [
            begins.eq(done & ~inside),
            next_room.eq(room - begins + self.b_freed),
        ]
        next_inside = Mux(done, ~last, inside)
        m.d.sync += [
            room.eq(next_room),
            inside.eq(next_inside),
            self.b_open.eq(next_inside | (next_room != 0)),
        ]
        with m.If(done):
            m.d.sync += [
                word.eq(Mux(last, 0, word + 1)),
                last.eq(int(rows == 1) | (~last & (word == rows - 2))),
            ]
        return (self.kind == B) & last
