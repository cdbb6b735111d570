"""Issuing for the weight-stationary array: weights ahead of their block, then its rows of A."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value

from archsim.config.matrix import ACCUMULATE_CYCLES
from hdl.lib.countdown import Countdown, Preset
from hdl.matrix.issue import Issuer


class BlockIssuer(Issuer):
    """Weight-stationary: ``held`` counts weight blocks along K, ``k`` a group's rows of A.

    A block's weights, ``rows`` words of B, move into the array while the block before computes;
    the last of them waits until that one's weights are in use. Blocks start at least
    ``interval`` cycles apart, and the same row of two blocks ``ACCUMULATE_CYCLES``, however late
    a row of A came. ``info``: the first block of its sums; the last; a block's last row.
    """

    INFO_BITS = 3

    def _sizes(self, job: dict[str, Preset]) -> tuple[tuple[Preset, Preset], ...]:
        return (job["k"], job["last_rows"]), (job["held"], job["held"])

    def _reservation(self) -> tuple[Value, Value, Value, Value, Value]:
        emits = self.begins & self.held.one
        return emits, self.job.k, self.job.last_rows, self.group.one, self.after_last

    def _issue(self, m: Module, room: tuple[Value, Value]) -> None:
        loaded = Signal()  # the next block's weights are in the array
        fresh = Signal(init=1)
        word_one, begun = self._weights(m)
        settled, next_settled = self._settled(m)
        emits = self.first_k & self.held.one
        there = ~self.first_k | loaded
        ready = there & (~self.first_k | settled)
        operands = self.a_available & (there | (word_one & self.b_available))
        space = ~emits | room[0]
        stalled = self.busy & operands
        next_loaded = self.b_capture | (loaded & ~begun)
        m.d.sync += [
            loaded.eq(next_loaded),
            self.take.eq(
                self.next_busy & self.a_soon
                & (
                    ~self.next_first
                    | (next_loaded & next_settled & (~self.next_held_one | room[1]))
                )
            ),
        ]  # fmt: skip
        with m.If(self.start):
            m.d.sync += fresh.eq(1)
        with m.Elif(self.take & self.k.one):
            m.d.sync += fresh.eq(self.held.one)
        word, *info = self._before(m, word_one, fresh, self.held.one, self.k.one)
        m.d.comb += [
            begun.eq(self.begins),
            self.stall_input.eq(self.busy & ~operands),
            self.stall_drain.eq(stalled & ~ready),
            self.stall_output.eq(stalled & ready & ~space),
            self.last.eq(self.sent),
            self.capture.eq(self.shift & word),
            self.info.eq(Cat(info)),
            self.b_release.eq(1),
            self.b_rewind.eq(0),
        ]

    def _settled(self, m: Module) -> tuple[Value, Value]:
        """Return whether the sums of the block before may be read, now and in the next cycle.

        Its first row's are there in time after four rows; fewer wait after the last of them.
        """
        waits = []
        for name in ("k", "last_rows"):  # rows of a group, the last group's
            rows = getattr(self.job, name)
            waits.append(Signal(range(ACCUMULATE_CYCLES), name=f"{name}_wait"))
            m.d.sync += waits[-1].eq(Mux(rows < ACCUMULATE_CYCLES, ACCUMULATE_CYCLES - rows, 0))
        wait = Signal(range(ACCUMULATE_CYCLES))
        settled = Signal(init=1)  # wait is 0
        ends = self.take & self.k.one
        following = Mux(self.group.one, waits[1], waits[0])
        next_settled = Mux(ends, following == 0, settled | (wait == 1))
        m.d.sync += settled.eq(next_settled)
        with m.If(ends):
            m.d.sync += wait.eq(following)
        with m.Elif(~settled):
            m.d.sync += wait.eq(wait - 1)
        return settled, next_settled

    def _weights(self, m: Module) -> tuple[Signal, Signal]:
        """Take the words of the next block; the last only when it may overwrite the one before.

        Return whether the next word is the last, and the place for whether a block begins now.
        """
        rows = self.params.rows
        interval = self.params.min_interval_cycles
        word = Countdown(m, "word", Preset.fixed(rows), init=rows)
        begun = Signal()
        unlocked = Signal(init=1)
        gap = Signal(range(interval))
        gap_one = Signal()
        next_unlocked = (unlocked | gap_one) & ~self.b_capture
        after = int(rows == 1)
        next_one = Mux(self.b_take, Mux(word.one, after, word.two), word.one)
        m.d.comb += self.b_capture.eq(self.b_take & word.one)
        m.d.sync += [
            unlocked.eq(next_unlocked),
            self.b_take.eq(self.b_soon & (~next_one | next_unlocked)),
            gap_one.eq(Mux(begun, interval == 3, gap == 2)),
        ]
        with m.If(begun):
            m.d.sync += gap.eq(interval - 2)
        with m.Elif(gap != 0):
            m.d.sync += gap.eq(gap - 1)
        with m.If(self.b_take):
            m.d.sync += word.step()
        with m.If(self.b_capture):
            m.d.sync += word.load()
        return word.one, begun
