"""Issuing: one k of one tile a cycle into the array, whenever its operands are there."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import COUNT_BITS, MatrixParams
from hdl.lib.countdown import Countdown
from hdl.matrix.job import JOB


class Issuer(wiring.Component):
    """Walks the tiles: for each group, for each column tile, for each row tile, all of K.

    A tile starts only when the output buffer has room for all its rows, and ends at least
    ``rows`` cycles after the one before; so nothing behind the array ever has to wait.

    Ports:

    * ``start`` (1, in) with a stable ``job``; ``busy`` (1, out) until the last k was issued.
    * ``a_available``, ``b_available`` (1, in): the next word can be taken.
    * ``take`` (1, out): both words are taken in this cycle. With it: ``first``, ``last`` of the
      tile; ``partial``: the tile has ``job.last_rows`` rows; ``pop``: the column tile's last use;
      ``a_release``, ``a_rewind``, ``b_release``, ``b_rewind`` for the buffers. Idle 0.
    * ``row_out`` (1, in): a row has left the output buffer. ``empty``,
      ``one_left`` (1, out): how many are still on their way, meant for when ``busy`` is 0.
    * ``stall_input``, ``stall_output``, ``stall_drain`` (1, out): why nothing is issued.
    """

    def __init__(self, params: MatrixParams) -> None:
        self.params = params
        flags = ("take", "first", "last", "partial", "pop", "a_release", "a_rewind")
        flags += ("b_release", "b_rewind", "stall_input", "stall_output", "stall_drain")
        super().__init__(
            {
                "start": In(1),
                "job": In(JOB),
                "busy": Out(1),
                "a_available": In(1),
                "b_available": In(1),
                "row_out": In(1),
                "empty": Out(1, init=1),
                "one_left": Out(1),
                **{flag: Out(1) for flag in flags},
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        p = self.params
        k_last = self._loops(m)
        room = self._room(m)
        gap = Signal(range(max(2, p.rows)))
        drain_free = Signal(init=1)  # gap is 0
        with m.If(self.take & k_last):
            m.d.sync += [gap.eq(p.rows - 1), drain_free.eq(p.rows == 1)]
        with m.Elif(~drain_free):
            m.d.sync += [gap.eq(gap - 1), drain_free.eq(gap == 1)]
        operands = self.a_available & self.b_available
        space = ~self.first_k | room
        drained = ~k_last | drain_free
        m.d.comb += [
            self.take.eq(self.busy & operands & space & drained),
            self.stall_input.eq(self.busy & ~operands),
            self.stall_output.eq(self.busy & operands & ~space),
            self.stall_drain.eq(self.busy & operands & space & ~drained),
            self.first.eq(self.take & self.first_k),
            self.last.eq(self.take & k_last),
        ]
        return m

    def _loops(self, m: Module) -> Signal:
        """Count k, row tiles, column tiles and groups; return whether this is a tile's last k."""
        job = self.job
        k, held, n, group = (Countdown(x, COUNT_BITS) for x in ("k", "held", "n", "group"))
        self.first_k = Signal()
        m.d.comb += [
            self.partial.eq(held.one & group.one),
            self.pop.eq(held.one & k.one),
            self.a_release.eq(n.one | job.stream_a),
            self.a_rewind.eq(k.one & held.one & ~self.a_release),
            self.b_release.eq(held.one),
            self.b_rewind.eq(k.one & ~held.one),
        ]
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1), self.first_k.eq(1), *k.load(job.k), *n.load(job.n_tiles),
                *held.choose(job.groups == 1, job.last_held, job.held), *group.load(job.groups),
            ]  # fmt: skip
        with m.Elif(self.take):
            m.d.sync += [self.first_k.eq(k.one), *k.step()]
            with m.If(k.one):
                m.d.sync += [*k.load(job.k), *held.step()]
                with m.If(held.one):
                    m.d.sync += [*held.choose(group.one, job.last_held, job.held), *n.step()]
                    with m.If(n.one):
                        m.d.sync += [
                            *held.choose(group.two, job.last_held, job.held),
                            *n.load(job.n_tiles), *group.step(),
                        ]  # fmt: skip
                        with m.If(group.one):
                            m.d.sync += self.busy.eq(0)
        return k.one

    def _room(self, m: Module) -> Signal:
        """Count free rows of the output buffer; return whether a whole tile fits.

        ``margin`` is what is free beyond a tile, so that its sign is the answer.
        """
        p = self.params
        most = p.out_depth - p.rows
        margin = Signal(range(-p.rows, most + 1), init=most)
        spent = Signal.like(margin)
        drop = Signal.like(margin)
        less = Signal.like(margin)  # minus a partial tile's rows; the job is stable
        room = Signal()
        m.d.sync += less.eq(-self.job.last_rows)
        m.d.comb += [
            room.eq(~margin[-1]),
            drop.eq(Mux(self.partial, less, -p.rows)),
            spent.eq(_sum(margin, drop, self.row_out)),
        ]
        with m.If(self.first):
            m.d.sync += [margin.eq(spent), self.empty.eq(0), self.one_left.eq(0)]
        with m.Else():
            with m.If(self.row_out):
                m.d.sync += margin.eq(margin + 1)
            m.d.sync += [
                self.empty.eq(Mux(self.row_out, margin == most - 1, margin == most)),
                self.one_left.eq(Mux(self.row_out, margin == most - 2, margin == most - 1)),
            ]
        return room


def _sum(a: Signal, b: Signal, carry: Value) -> Value:
    """Return ``a + b + carry`` in one carry chain."""
    return (Cat(Const(1, 1), a) + Cat(carry, b))[1 : 1 + len(a)]
