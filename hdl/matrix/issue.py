"""Issuing: one k of one tile a cycle into the array, whenever its operands are there."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import COUNT_BITS, MatrixParams
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
      ``one_left`` (1, out): how many are still on their way.
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
        tile_end = self._loops(m)
        room = self._room(m)
        gap = Signal(range(max(2, p.rows)))
        k_last = Signal()
        m.d.comb += k_last.eq(tile_end)
        with m.If(self.take & k_last):
            m.d.sync += gap.eq(p.rows - 1)
        with m.Elif(gap != 0):
            m.d.sync += gap.eq(gap - 1)
        operands = self.a_available & self.b_available
        space = ~self.first_k | room
        drained = ~k_last | (gap == 0)
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
        k, held, n, group = (Signal(COUNT_BITS, name=x) for x in ("k", "held", "n", "group"))
        self.first_k = Signal()
        k_last, held_last, n_last = Signal(), Signal(), Signal()
        m.d.comb += [
            k_last.eq(k == 1), held_last.eq(held == 1), n_last.eq(n == 1),
            self.partial.eq(held_last & (group == 1)),
            self.pop.eq(held_last & k_last),
            self.a_release.eq(n_last | job.stream_a),
            self.a_rewind.eq(k_last & held_last & ~self.a_release),
            self.b_release.eq(held_last),
            self.b_rewind.eq(k_last & ~held_last),
        ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1), self.first_k.eq(1), k.eq(job.k), n.eq(job.n_tiles),
                held.eq(Mux(job.groups == 1, job.last_held, job.held)), group.eq(job.groups),
            ]  # fmt: skip
        with m.Elif(self.take):
            m.d.sync += [self.first_k.eq(k_last), k.eq(Mux(k_last, job.k, k - 1))]
            with m.If(k_last):
                m.d.sync += held.eq(held - 1)
                with m.If(held_last):
                    m.d.sync += [held.eq(Mux(group == 1, job.last_held, job.held)), n.eq(n - 1)]
                    with m.If(n_last):
                        m.d.sync += [
                            held.eq(Mux(group == 2, job.last_held, job.held)),
                            n.eq(job.n_tiles), group.eq(group - 1),
                        ]  # fmt: skip
                        with m.If(group == 1):
                            m.d.sync += self.busy.eq(0)
        return k_last

    def _room(self, m: Module) -> Signal:
        """Count free rows of the output buffer; return whether a whole tile fits."""
        p = self.params
        free = Signal(range(p.out_depth + 1), init=p.out_depth)
        after = Signal.like(free)
        room = Signal(init=1)
        rows = Mux(self.partial, self.job.last_rows, p.rows)
        m.d.comb += after.eq(free - Mux(self.first, rows, 0) + self.row_out)
        m.d.sync += [
            free.eq(after),
            room.eq(after >= p.rows),
            self.empty.eq(after == p.out_depth),
            self.one_left.eq(after == p.out_depth - 1),
        ]
        return room
