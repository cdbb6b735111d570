"""Issuing: one word of A a cycle into the array, whenever its operands are there.

``TileIssuer`` walks the tiles of an output-stationary engine, ``hdl.matrix.issue_blocks`` has the
weight-stationary one. ``take`` is a register: whether the next cycle can issue is known one cycle
before, from what each condition will be then.
"""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from archsim.config.matrix import COUNT_BITS, MatrixParams
from hdl.lib.countdown import Countdown, Preset
from hdl.matrix.job import JOB


class Issuer(wiring.Component):
    """Four nested loops: group, column tile, ``held`` (row tile or weight block), ``k``.

    Rows of the output buffer are reserved before a tile or block starts, so nothing behind the
    array ever has to wait.

    Ports:

    * ``start`` (1, in), a cycle after ``job`` is stable; ``busy`` (1, out) until the last word was
      issued.
    * ``a_available``, ``b_available`` (1, in): the next word can be taken; ``a_soon``, ``b_soon``
      (1, in): it can in the next cycle.
    * ``take``, ``b_take`` (1, out): a word of A or B is taken in this cycle. Idle 0.
      ``a_release``, ``a_rewind``, ``b_release``, ``b_rewind``: for the buffers, with the takes.
    * ``b_capture`` (1, out): with ``b_take``, the last word of a block of weights. Idle 0.
    * ``sent``, ``first``, ``last``, ``shift``, ``capture`` (1, out), ``info`` (``info_bits``, out):
      for the array, one cycle later: a ``take``, the first, the last; a ``b_take``, a
      ``b_capture``. Idle 0 but for ``info``.
    * ``row_out`` (1, in): a row has left the output buffer. ``empty``,
      ``one_left`` (1, out): how many are still on their way, meant for when ``busy`` is 0.
    * ``stall_input``, ``stall_output``, ``stall_drain`` (1, out): why nothing is issued.
    """

    INFO_BITS = 0

    def __init__(self, params: MatrixParams) -> None:
        self.params = params
        flags = ("take", "b_take", "sent", "first", "last", "shift", "capture", "a_release")
        flags += ("a_rewind", "b_release", "b_rewind", "b_capture")
        flags += ("stall_input", "stall_output", "stall_drain")
        offers = ("a_available", "b_available", "a_soon", "b_soon", "row_out")
        super().__init__(
            {
                "start": In(1),
                "job": In(JOB),
                "busy": Out(1),
                "info": Out(self.INFO_BITS),
                "empty": Out(1, init=1),
                "one_left": Out(1),
                **{offer: In(1) for offer in offers},
                **{flag: Out(1) for flag in flags},
            }
        )

    def elaborate(self, _platform: object) -> Module:
        """Build the logic."""
        m = Module()
        self._loops(m)
        self._issue(m, self._room(m))
        return m

    @abstractmethod
    def _issue(self, m: Module, room: tuple[Value, Value]) -> None:
        """Decide ``take``; ``room``: now and in the next cycle, whether a whole tile fits."""

    def _presets(self, m: Module) -> dict[str, Preset]:
        job = self.job
        names = ("k", "groups", "held", "last_held", "n_tiles", "last_rows")
        return {name: Preset(m, name, getattr(job, name)) for name in names}

    @abstractmethod
    def _sizes(self, job: dict[str, Preset]) -> tuple[tuple[Preset, Preset], ...]:
        """Return the presets of ``k`` and ``held``, each for other groups and for the last."""

    def _loops(self, m: Module) -> None:
        """Count; leave flags of this word (``first_k``, ``final``) and of the next (``next_*``)."""
        job = self._presets(m)
        ks, helds = self._sizes(job)
        self.k = k = Countdown(m, "k", *ks)
        self.held = held = Countdown(m, "held", *helds)
        self.n = n = Countdown(m, "n", job["n_tiles"])
        self.group = group = Countdown(m, "group", job["groups"])
        self.first_k, self.begins = Signal(), Signal()
        final = Signal()
        rewinds = Signal()  # A is read again after this tile or block
        next_last = self.after_last = Signal()  # the next tile or block is in the last group
        m.d.comb += [
            final.eq(k.one & held.one & n.one & group.one),
            next_last.eq(Mux(held.one & n.one, group.two, group.one)),
            self.a_release.eq(n.one | self.job.stream_a),
            self.a_rewind.eq(k.one & rewinds),
            self.begins.eq(self.take & self.first_k),
        ]
        turn = self.take & k.one
        self.next_busy = self.busy & ~(self.take & final)
        self.next_first = Mux(self.take, k.one, self.first_k)
        k_one = Mux(next_last, ks[1].one, ks[0].one)
        self.next_k_one = Mux(self.take, Mux(k.one, k_one, k.two), k.one)
        held_one = Mux(next_last, helds[1].one, helds[0].one)
        self.after_held_one = Mux(held.one, held_one, held.two)  # of the next tile or block
        self.next_held_one = Mux(turn, self.after_held_one, held.one)
        starts_one = Mux(job["groups"].one, helds[1].one, helds[0].one)
        next_n_one = Mux(held.one, Mux(n.one, job["n_tiles"].one, n.two), n.one)
        with m.If(self.start):
            m.d.sync += rewinds.eq(starts_one & ~job["n_tiles"].one & ~self.job.stream_a)
            m.d.sync += [
                self.busy.eq(1), self.first_k.eq(1), *n.load(), *group.load(),
                *k.load(job["groups"].one), *held.load(job["groups"].one),
            ]  # fmt: skip
        with m.Elif(self.take):
            m.d.sync += [self.first_k.eq(k.one), *k.step(), self.busy.eq(~final)]
            with m.If(k.one):
                m.d.sync += [*k.load(next_last), *held.step()]
                m.d.sync += rewinds.eq(self.after_held_one & ~next_n_one & ~self.job.stream_a)
                with m.If(held.one):
                    m.d.sync += [*held.load(next_last), *n.step()]
                    with m.If(n.one):
                        m.d.sync += [*n.load(), *group.step()]

    def _before(self, m: Module, *flags: Value) -> Signal:
        """Tell the array of the cycle before; return ``flags`` of then.

        They are combined here, not before the register, since the array is far.
        """
        begins = Signal()
        before = Signal(len(flags))
        m.d.comb += self.first.eq(self.sent & begins)
        m.d.sync += [
            self.sent.eq(self.take), self.shift.eq(self.b_take), begins.eq(self.first_k),
            before.eq(Cat(flags)),
        ]  # fmt: skip
        return before

    @abstractmethod
    def _reservation(self) -> tuple[Value, Value, Value, Value, Value]:
        """Return: this take reserves; rows of a tile; of the smaller one; whether this tile is
        that; whether the one after it is.
        """

    def _room(self, m: Module) -> tuple[Value, Value]:
        """Count free rows of the output buffer; return whether a whole tile fits, now and next.

        ``margin`` is what is free beyond a tile, so that its sign is the answer for the next cycle.
        It hears of a row that left one cycle later; ``owed``, which ends the job, at once, and of
        a tile one cycle later, long before its rows.
        """
        depth = self.params.out_depth
        reserve, whole, small, is_small, after = self._reservation()
        margin = Signal(range(-depth, depth + 1))
        spent, drop, less_whole, less_small = (
            Signal.like(margin, name=name) for name in ("spent", "drop", "less_whole", "less_small")
        )
        fits = Signal(init=1)
        left = Signal()  # a row left in the cycle before
        after_small = Signal()  # valid when a tile ends: two ends are ``rows`` cycles apart
        owed = Signal(range(depth + 1))
        reserved = Signal()  # a tile of ``rows`` began in the cycle before
        rows = Signal(range(depth + 1))
        m.d.sync += [  # the job is stable
            left.eq(self.row_out),
            less_whole.eq(-whole), less_small.eq(-small),
            after_small.eq(after),
            reserved.eq(reserve), rows.eq(Mux(is_small, small, whole)),
        ]  # fmt: skip
        next_small = Mux(self.take & self.k.one, after_small, is_small)
        m.d.sync += drop.eq(Mux(next_small, less_small, less_whole))
        m.d.comb += spent.eq(margin + drop)
        following = Mux(reserve, _sum(margin, drop, left), margin + left)
        soon = ~Mux(reserve, spent, margin)[-1]
        m.d.sync += [margin.eq(Mux(self.start, depth - whole, following)), fits.eq(soon)]
        with m.If(reserved):
            m.d.sync += owed.eq(owed + rows - self.row_out)
        with m.Elif(self.row_out):
            m.d.sync += owed.eq(owed - 1)
        with m.If(reserve | reserved):
            m.d.sync += [self.empty.eq(0), self.one_left.eq(0)]
        with m.Else():
            m.d.sync += [
                self.empty.eq(Mux(self.row_out, owed == 1, owed == 0)),
                self.one_left.eq(Mux(self.row_out, owed == 2, owed == 1)),
            ]
        # no tile follows in the next cycle, unless tiles may be one word long
        return fits, (soon if self.params.min_interval_cycles == 1 else ~margin[-1])


class TileIssuer(Issuer):
    """Output-stationary: ``held`` counts row tiles of a group, ``k`` one tile's inner dimension.

    A tile ends at least ``rows`` cycles after the one before. ``info``: the tile has
    ``job.last_rows`` rows; it is the column tile's last.
    """

    INFO_BITS = 2

    def _sizes(self, job: dict[str, Preset]) -> tuple[tuple[Preset, Preset], ...]:
        return (job["k"], job["k"]), (job["held"], job["last_held"])

    def _reservation(self) -> tuple[Value, Value, Value, Value, Value]:
        partial = self.held.one & self.group.one
        rows = Const(self.params.rows, COUNT_BITS)
        after = self.after_held_one & self.after_last
        return self.begins, rows, self.job.last_rows, partial, after

    def _issue(self, m: Module, room: tuple[Value, Value]) -> None:
        rows = self.params.rows
        k_last = self.k.one
        gap = Signal(range(max(2, rows)))
        gap_one = Signal()
        drain_free = Signal(init=1)  # gap is 0
        next_free = Mux(self.take & k_last, int(rows == 1), drain_free | gap_one)
        m.d.sync += drain_free.eq(next_free)
        with m.If(self.take & k_last):
            m.d.sync += [gap.eq(rows - 1), gap_one.eq(rows == 2)]
        with m.Elif(~drain_free):
            m.d.sync += [gap.eq(gap - 1), gap_one.eq(gap == 2)]
        operands = self.a_available & self.b_available
        space = ~self.first_k | room[0]
        drained = ~k_last | drain_free
        stalled = self.busy & operands
        m.d.sync += self.take.eq(
            self.next_busy & self.a_soon & self.b_soon
            & (~self.next_first | room[1]) & (~self.next_k_one | next_free)
        )  # fmt: skip
        ends, held_one, group_one = self._before(m, k_last, self.held.one, self.group.one)
        m.d.comb += [
            self.stall_input.eq(self.busy & ~operands),
            self.stall_output.eq(stalled & ~space),
            self.stall_drain.eq(stalled & space & ~drained),
            self.last.eq(self.sent & ends),
            self.info.eq(Cat(held_one & group_one, held_one & ends)),
            self.b_take.eq(self.take),
            self.b_release.eq(self.held.one),
            self.b_rewind.eq(k_last & ~self.held.one),
        ]


def _sum(a: Signal, b: Signal, carry: Value) -> Value:
    """Return ``a + b + carry`` in one carry chain."""
    return (Cat(Const(1, 1), a) + Cat(carry, b))[1 : 1 + len(a)]
