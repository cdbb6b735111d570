"""Cycles of an output-stationary job, tile by tile."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array import latency
from archsim.models.array.buffers import Heads, Output, Ring
from archsim.models.array.port import Port


class Loader:
    """The input stream: words in the order of ``hdl.matrix.load``, one beat a cycle."""

    def __init__(self, params: MatrixParams, job: Job, port: Port) -> None:
        self.job = job
        self.port = port
        self.a = Ring(params.a_depth, job.k, port)
        self.b = Ring(params.b_depth, job.k, port)
        self.a_beats = params.beats(params.a_word_bits)
        self.b_beats = params.beats(params.b_word_bits)
        self.heads = Heads(params)
        self.time = latency.FIRST_BEAT - 1  # the last beat taken
        self.beats = 0
        self.first_ready = 0
        self.last_ready = 0
        self._first_issue = 0

    def fetch(self, n: int, h: int) -> None:
        """Make the operands of row tile ``h`` of the group and column tile ``n`` arrive."""
        both = (n == 0 and h == 0) or self.job.stream_a
        if h == 0:
            self.time = self.heads.load(self.time, self.port)
            self.beats += self.heads.beats
        if both:
            self._both()
        elif n == 0:
            self._block(self.a, self.a_beats)
        elif h == 0:
            self._block(self.b, self.b_beats)
        else:
            self.first_ready = self.last_ready = 0
            return
        rings = (self.a, self.b) if both else ((self.a,) if n == 0 else (self.b,))
        self.first_ready = max(ring.first for ring in rings)
        self.last_ready = max(ring.last for ring in rings)
        self._new = rings

    def issued(self, first: int) -> None:
        """The tile's first k is issued in cycle ``first``."""
        self._first_issue = first
        if self.last_ready:
            for ring in self._new:
                ring.issued(first)
            if len(self._new) == 2:
                self._b_follows()
            self.last_ready = self.time = max(ring.last for ring in self._new)

    def used(self, last_column: bool, last_row: bool, last: int) -> None:
        """The tile ended in cycle ``last``: give free what is not needed again."""
        if last_column or self.job.stream_a:
            self.a.release(self._first_issue, last)
        if last_row:
            self.b.release(self._first_issue, last)
            self.heads.used(last)

    def _block(self, ring: Ring, beats: int) -> None:
        ring.load(self.time, beats, beats)
        self.time = ring.last
        self.beats += beats * self.job.k

    def _both(self) -> None:
        slope = self.a_beats + self.b_beats
        self.a.load(self.time, self.a_beats, slope)
        self.b.load(self.a.first, self.b_beats, slope)
        self._b_follows()
        self.time = self.b.last
        self.beats += slope * self.job.k

    def _b_follows(self) -> None:
        """Each word of B comes after the word of A of the same k."""
        self.b.last = max(self.b.last, self.port.after(self.a.last, self.b_beats))


class Walk:
    """The engine's state between two tiles: ``now`` is the last issue; stalls by reason."""

    def __init__(self, params: MatrixParams, job: Job, shared: bool) -> None:
        self.params = params
        self.job = job
        port = Port(shared)
        self.loader = Loader(params, job, port)
        self.output = Output(params, port)
        self.now = 0
        self.stall_input = self.stall_output = self.stall_drain = 0

    @property
    def beats_in(self) -> int:
        """Beats read so far."""
        return self.loader.beats

    def run(self) -> None:
        """Walk all tiles."""
        job, loader = self.job, self.loader
        for group, held in enumerate(job.group_sizes()):
            last_group = group == job.groups - 1
            for n in range(job.n_tiles):
                for h in range(held):
                    loader.fetch(n, h)
                    partial = last_group and h == held - 1
                    self._tile(job.last_rows if partial else self.params.rows)
                    loader.used(n == job.n_tiles - 1, h == held - 1, self.now)

    def _tile(self, rows: int) -> None:
        """Issue a tile with ``rows`` rows of results."""
        now, loader = self.now, self.loader
        ready = max(now, loader.first_ready)
        first = max(ready, self.output.room(self.params.rows)) + 1
        self.stall_input += ready - now
        self.stall_output += first - 1 - ready
        loader.issued(first)
        steady = first + self.job.k - 1
        supplied = max(steady, loader.last_ready + 1)
        self.stall_input += supplied - steady
        last = max(supplied, now + self.params.rows) if now else supplied
        self.stall_drain += last - supplied
        self.now = last
        self.output.tile(last, last, rows)
