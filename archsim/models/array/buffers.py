"""The matrix engine's buffers: when operands arrive, are given free, and results leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from archsim.config.matrix import MatrixParams
from archsim.models.array import latency
from archsim.models.array.port import Port


class Ring:
    """One operand buffer: when its words arrive and when they are given free.

    ``starts`` and ``ends`` hold, block by block, the cycles in which the first and last word
    were read for the last time. All blocks have ``k`` words, but those after ``resize``.
    """

    def __init__(self, depth: int, k: int, port: Port) -> None:
        self.depth = depth
        self.k = k
        self.port = port
        self.words = 0
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.first = 0
        self.last = 0
        self._slope = 1
        self._own = -1
        self._before = (0, 0, k)  # words, blocks and their size before the resize

    def resize(self, k: int) -> None:
        """From now on blocks have ``k`` words; may be called once."""
        if k != self.k:
            words, blocks, size = self._before
            self._before = (self.words, blocks + (self.words - words) // size, self.k)
            self.k = k

    def load(self, time: int, beats: int, slope: int) -> None:
        """Load the next block: its first word takes ``beats`` after ``time``, the others ``slope``.

        A word waits for the word whose place it takes.
        """
        k = self.k
        origin = self.words - self.depth  # the word whose place word 0 takes
        own = self.words
        self.words += k
        self._slope = slope
        self._own = -1
        port = self.port
        self.first = port.next(time, beats, self._free(origin) + latency.REUSE)
        last = port.next(self.first, slope * (k - 1))
        word = max(0, origin)
        while word < origin + k:
            if word >= own:  # a block longer than the buffer waits for itself
                self._own = origin + k - 1 - word
                break
            end = min(self._end(word), origin + k - 1)
            for one in {word, end}:
                free = self._free(one) + latency.REUSE
                left = slope * (origin + k - 1 - one)
                port.ahead |= not left and free > last
                last = max(last, port.after(free, left, ahead=True))
            word = end + 1
        self.last = last

    def enter(self, time: int, beats: int) -> int:
        """Load one word of a block that fits the ring, ``beats`` after ``time``; return when."""
        free = self._free(self.words - self.depth) + latency.REUSE
        self.words += 1
        return self.port.next(time, beats, free)

    def issued(self, first: int) -> None:
        """The block's first word is read in cycle ``first``; a block longer than the ring waits."""
        if self._own >= 0:
            self.last = max(self.last, first + latency.REUSE + self._slope * self._own)

    def release(self, first: int, last: int) -> None:
        """The block was read for the last time between these cycles."""
        self.starts.append(first)
        self.ends.append(last)

    def _place(self, word: int) -> tuple[int, int, int]:
        """Return the block of ``word``, its place in it, and the block's words."""
        words, blocks, size = self._before
        if word < words:
            block, offset = divmod(word, size)
            return block, offset, size
        block, offset = divmod(word - words, self.k)
        return blocks + block, offset, self.k

    def _end(self, word: int) -> int:
        """Return the last word of the block of ``word``."""
        _, offset, size = self._place(word)
        return word + size - 1 - offset

    def _free(self, word: int) -> int:
        """Return the cycle in which ``word`` was given free; -1 before the first word."""
        if word < 0:
            return -1
        block, offset, size = self._place(word)
        start = self.starts[block]
        if not offset:
            return start
        return start + offset * (self.ends[block] - start) // (size - 1)


class Heads:
    """The column tiles' parameters on the input port."""

    def __init__(self, params: MatrixParams) -> None:
        self.beats = params.beats(params.param_word_bits) if params.has_params else 0
        self._pops: list[int] = []
        self._count = 0
        self._drain = latency.last_row(params) - latency.POP

    def load(self, time: int, port: Port) -> int:
        """Return the cycle of the parameters' last beat, all after ``time``."""
        if not self.beats:
            return time
        free = self._count - latency.PARAM_WORDS
        self._count += 1
        return port.next(time, self.beats, self._pops[free] + latency.REUSE if free >= 0 else 0)

    def used(self, last: int) -> None:
        """The column tile's last word of A was issued in cycle ``last``."""
        self._pops.append(last + self._drain)


class Output:
    """The output buffer and stream: rows in order, ``beats`` beats each."""

    def __init__(self, params: MatrixParams, port: Port) -> None:
        self.depth = params.out_depth
        self.port = port
        self.beats = params.beats(params.out_word_bits)
        self.delay = latency.first_row(params) + self.beats - 1
        self.rows = 0  # reserved so far
        self.last = 0  # cycle in which the last row left
        self._tiles: list[tuple[int, Callable[[int], int]]] = []  # rows before; a row's exit
        self._seen = 0

    def room(self, rows: int) -> int:
        """Return the cycle after which a tile of ``rows`` finds room (0: at once)."""
        need = self.rows + rows - self.depth  # rows that must have left
        if need <= 0:
            return 0
        tiles = self._tiles
        while self._seen + 1 < len(tiles) and tiles[self._seen + 1][0] < need:
            self._seen += 1
        before, exit_of = tiles[self._seen]
        return latency.ROOM + exit_of(need - 1 - before)

    def tile(self, first_issue: int, last_issue: int, rows: int) -> None:
        """A tile of ``rows`` rows; its first row's sums are complete with the word issued first."""
        first = max(first_issue + self.delay, self.last + self.beats)
        last = max(first + self.beats * (rows - 1), last_issue + self.delay)
        self.port.take(first - self.beats + 1, last)
        self.last = last
        steps = max(1, rows - 1)

        def exit_of(row: int) -> int:
            done = first_issue + self.delay + row * (last_issue - first_issue) // steps
            return max(first + self.beats * row, done)

        self._tiles.append((self.rows, exit_of))
        self.rows += rows

    def row_by_row(self, issues: Iterable[int]) -> int:
        """A tile whose rows' words are issued in these cycles; return the last of them."""
        exits, issue = [], 0
        for issue in issues:
            self.last = max(issue + self.delay, self.last + self.beats)
            self.port.take(self.last - self.beats + 1, self.last)
            exits.append(self.last)
        self._tiles.append((self.rows, exits.__getitem__))
        self.rows += len(exits)
        return issue
