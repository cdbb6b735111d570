"""Cycles of a weight-stationary job, block of weights by block of weights."""

from __future__ import annotations

from collections.abc import Iterator

from archsim.config.matrix import ACCUMULATE_CYCLES, MatrixParams
from archsim.mapping.array import Job
from archsim.models.array import latency
from archsim.models.array.buffers import Heads, Output, Ring
from archsim.models.array.port import Port

_NEVER = -(1 << 40)


class Walk:
    """The engine's state between two blocks: ``now`` is the last issue; stalls by reason.

    The loader takes words in the order of ``hdl.matrix.load_blocks``. A block's weights may enter
    the B buffer when it has room for all of them, and the array as ``hdl.matrix.issue_blocks``
    says; its rows of A follow.
    """

    def __init__(self, params: MatrixParams, job: Job, shared: bool) -> None:
        self.params = params
        self.job = job
        self.port = Port(shared)
        self.output = Output(params, self.port)
        self.a = Ring(params.a_depth, job.group_rows[0], self.port)
        self.a_beats = params.beats(params.a_word_bits)
        self.b_beats = params.beats(params.b_word_bits)
        self.heads = Heads(params)
        self.time = latency.FIRST_BEAT - 1  # the last beat taken
        self.beats_in = 0
        self.now = 0
        self.stall_input = self.stall_output = self.stall_drain = 0
        self._captures: list[int] = []  # cycle in which each block's last weights were taken
        self._begun = _NEVER  # first issue of the block before
        self._settled = _NEVER  # the cycle before its sums may be read

    def run(self) -> None:
        """Walk all blocks."""
        job = self.job
        for group, rows in enumerate(job.group_rows):
            if group == job.groups - 1:
                self.a.resize(rows)
            for n in range(job.n_tiles):
                self.time = self.heads.load(self.time, self.port)
                self.beats_in += self.heads.beats
                with_a = n == 0 or job.stream_a
                release = n == job.n_tiles - 1 or job.stream_a
                for block in range(job.held):
                    self._block(rows, with_a, release, block == job.held - 1)
                self.heads.used(self.now)

    def _block(self, rows: int, with_a: bool, release: bool, emits: bool) -> None:
        """Load and issue one block, ``rows`` rows of A."""
        begun = self._begun
        arrived = self._weights()
        capture = max(arrived, begun + self.params.min_interval_cycles - 1)
        self._captures.append(capture)
        first_a = last_a = 0
        mixed = with_a and emits and self.port.shared  # the block's results delay its own A
        if mixed:
            self.time = first_a = self.a.enter(self.time, self.a_beats)
            self.beats_in += self.a_beats * rows
        elif with_a:
            self.a.load(self.time, self.a_beats, self.a_beats)
            self.time = self.a.last
            self.beats_in += self.a_beats * rows
            first_a, last_a = self.a.first, self.a.last
        supplied = max(self.now, first_a, arrived - 1)
        drained = max(supplied, capture, self._settled)
        room = self.output.room(self.job.depth) if emits else 0
        first = max(drained, room) + 1
        self.stall_input += supplied - self.now
        self.stall_drain += drained - supplied
        self.stall_output += first - 1 - drained
        steady = first + rows - 1
        last = max(steady, last_a + 1)
        if mixed:
            last = self.output.row_by_row(self._mixed(first, rows))
        elif emits:
            self.output.tile(first, last, rows)
        self.stall_input += last - steady
        self.now, self._begun = last, first
        self._settled = last + max(0, ACCUMULATE_CYCLES - rows)
        if release:
            self.a.release(first, last)

    def _mixed(self, first: int, rows: int) -> Iterator[int]:
        """Issue a block while its results leave through the port that its A comes through.

        The first row's word is there, and issued in cycle ``first``.
        """
        yield (issue := first)
        for _ in range(rows - 1):
            self.time = self.a.enter(self.time, self.a_beats)
            yield (issue := max(issue, self.time) + 1)

    def _weights(self) -> int:
        """Load a block's words; return the first cycle in which the last could be taken."""
        rows, captures = self.params.rows, self._captures
        freed = len(captures) - self.params.b_depth // rows  # the block whose place is taken
        gate = captures[freed] + latency.REUSE if freed >= 0 else 0
        first = self.port.next(self.time, self.b_beats, gate)
        self.time = self.port.next(first, self.b_beats * (rows - 1))
        self.beats_in += self.b_beats * rows
        return max(self.time + 1, captures[-1] + rows if captures else 0)
