"""The two ends of the matrix engine: operands arriving, results leaving."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array import latency


class Ring:
    """One operand buffer: when its words arrive and when they are given free.

    ``starts`` and ``ends`` hold, block by block, the cycles in which the first and last word
    were read for the last time.
    """

    def __init__(self, depth: int, k: int) -> None:
        self.depth = depth
        self.k = k
        self.blocks = 0
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.first = 0
        self.last = 0
        self._slope = 1
        self._own = -1

    def load(self, earliest: int, slope: int) -> None:
        """Load the next block: first word not before ``earliest``, the others ``slope`` apart."""
        k = self.k
        origin = self.blocks * k - self.depth  # the word whose place word 0 takes
        self.blocks += 1
        self._slope = slope
        self._own = -1
        self.first = max(earliest, self._free(origin) + 1)
        last = self.first + slope * (k - 1)
        if origin + k > 0:
            edge = -origin % k  # the first word that takes the place of a later block's word
            if edge:
                last = max(last, self._free(origin + edge - 1) + 1 + slope * (k - edge))
            if (origin + edge) // k == self.blocks - 1:
                self._own = k - 1 - edge
            elif edge:
                last = max(last, self._free(origin + edge) + 1 + slope * (k - 1 - edge))
                last = max(last, self._free(origin + k - 1) + 1)
            else:
                last = max(last, self._free(origin + k - 1) + 1)
        self.last = last

    def issued(self, first: int) -> None:
        """The block's first word is read in cycle ``first``; a block longer than the ring waits."""
        if self._own >= 0:
            self.last = max(self.last, first + 1 + self._slope * self._own)

    def release(self, first: int, last: int) -> None:
        """The block was read for the last time between these cycles."""
        self.starts.append(first)
        self.ends.append(last)

    def _free(self, word: int) -> int:
        """Return the cycle in which ``word`` was given free; -1 before the first word."""
        if word < 0:
            return -1
        block, offset = divmod(word, self.k)
        start = self.starts[block]
        if not offset:
            return start
        return start + offset * (self.ends[block] - start) // (self.k - 1)


class Loader:
    """The input stream: words in the order of ``hdl.matrix.load``, one beat a cycle."""

    def __init__(self, params: MatrixParams, job: Job) -> None:
        self.job = job
        self.a = Ring(params.a_depth, job.k)
        self.b = Ring(params.b_depth, job.k)
        self.a_beats = params.beats(params.a_word_bits)
        self.b_beats = params.beats(params.b_word_bits)
        self.param_beats = params.beats(params.param_word_bits) if params.has_params else 0
        self.pops: list[int] = []
        self.heads = 0
        self.time = latency.FIRST_BEAT - 1  # the last beat taken
        self.beats = 0
        self.first_ready = 0
        self.last_ready = 0
        self._first_issue = 0
        self._drain = latency.OPERAND + latency.array(params) + params.rows - 1

    def fetch(self, n: int, h: int, held: int) -> None:
        """Make the operands of row tile ``h`` of the group and column tile ``n`` arrive."""
        both = (n == 0 and h == 0) or self.job.stream_a
        if h == 0:
            self._head()
        if both:
            self._both()
        elif n == 0:
            self._block(self.a, self.a_beats)
        elif h == 0:
            self._block(self.b, self.b_beats)
        else:
            self.first_ready = self.last_ready = 0
            return
        self._note(both, n)

    def _note(self, both: bool, n: int) -> None:
        """Remember when the tile's new operands are there; words move on in ``issued``."""
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
            self.last_ready = self.time = max(ring.last for ring in self._new)

    def used(self, last_column: bool, last_row: bool, last: int) -> None:
        """The tile ended in cycle ``last``: give free what is not needed again."""
        if last_column or self.job.stream_a:
            self.a.release(self._first_issue, last)
        if last_row:
            self.b.release(self._first_issue, last)
            self.pops.append(last + self._drain)

    def _head(self) -> None:
        """The parameters of a column tile."""
        if not self.param_beats:
            return
        self.time += self.param_beats
        self.beats += self.param_beats
        free = self.heads - latency.PARAM_WORDS
        if free >= 0:
            self.time = max(self.time, self.pops[free] + latency.FIFO_REUSE)
        self.heads += 1

    def _block(self, ring: Ring, beats: int) -> None:
        ring.load(self.time + beats, beats)
        self.time = ring.last
        self.beats += beats * self.job.k

    def _both(self) -> None:
        slope = self.a_beats + self.b_beats
        self.a.load(self.time + self.a_beats, slope)
        self.b.load(self.a.first + self.b_beats, slope)
        late = self.a.last + self.b_beats
        self.b.last = max(self.b.last, late)
        self.time = self.b.last
        self.beats += slope * self.job.k


class Output:
    """The output buffer and stream: rows in order, ``beats`` beats each."""

    def __init__(self, params: MatrixParams) -> None:
        self.depth = params.out_depth
        self.beats = params.beats(params.out_word_bits)
        self.delay = latency.first_row(params) + self.beats - 1
        self.rows = 0  # reserved so far
        self.last = 0  # cycle in which the last row left
        self._tiles: list[tuple[int, int]] = []  # rows before the tile, cycle of its first row
        self._seen = 0

    def room(self, rows: int) -> int:
        """Return the cycle after which a tile of ``rows`` finds room (0: at once)."""
        need = self.rows + rows - self.depth  # rows that must have left
        if need <= 0:
            return 0
        tiles = self._tiles
        while self._seen + 1 < len(tiles) and tiles[self._seen + 1][0] < need:
            self._seen += 1
        before, first = tiles[self._seen]
        return first + self.beats * (need - 1 - before)

    def tile(self, last: int, rows: int) -> None:
        """A tile of ``rows`` rows was issued, its last k in cycle ``last``."""
        first = max(last + self.delay, self.last + self.beats)
        self._tiles.append((self.rows, first))
        self.last = first + self.beats * (rows - 1)
        self.rows += rows
