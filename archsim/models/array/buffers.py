"""The matrix engine's buffers: when operands arrive, are given free, and results leave."""

from __future__ import annotations

from typing import NamedTuple

from archsim.engine.hot import Ints
from archsim.models.array import latency
from archsim.models.array.port import AHEAD, Port, after, following, take

DEPTH, K, WORDS, BLOCKS, FIRST, LAST, SLOPE, OWN, OLD_WORDS, OLD_BLOCKS, OLD_K = range(11)
"""Of a ring: words that it holds, words of a block, words loaded and blocks released so far; the
last block's first and last word's arrival, cycles from word to word, and words behind the first one
that takes the place of a word of the same block (-1: none does); words, blocks and their size
before the resize."""


class Ring(NamedTuple):
    """One operand buffer: when its words arrive and when they are given free.

    ``starts`` and ``ends`` hold, block by block, the cycles in which the first and last word
    were read for the last time. All blocks have ``k`` words, but those after ``resize``.
    """

    state: Ints
    starts: Ints
    ends: Ints


def resize(ring: Ring, k: int) -> None:
    """From now on blocks have ``k`` words; may be called once."""
    state = ring.state
    if k != state[K]:
        state[OLD_BLOCKS] += (state[WORDS] - state[OLD_WORDS]) // state[OLD_K]
        state[OLD_WORDS], state[OLD_K], state[K] = state[WORDS], state[K], k


def load(ring: Ring, port: Port, time: int, beats: int, slope: int) -> None:
    """Load the next block: its first word takes ``beats`` after ``time``, the others ``slope``.

    A word waits for the word whose place it takes.
    """
    state = ring.state
    k, own = state[K], state[WORDS]
    origin = own - state[DEPTH]  # the word whose place word 0 takes
    state[WORDS] = own + k
    state[SLOPE] = slope
    state[OWN] = -1
    first = following(port, time, beats, free(ring, origin) + latency.REUSE)
    last = following(port, first, slope * (k - 1), 0)
    word = max(0, origin)
    while word < origin + k:
        if word >= own:  # a block longer than the buffer waits for itself
            state[OWN] = origin + k - 1 - word
            break
        end = min(last_of_block(ring, word), origin + k - 1)
        last = _waited(ring, port, word, origin + k - 1, last)
        if end != word:
            last = _waited(ring, port, end, origin + k - 1, last)
        word = end + 1
    state[FIRST], state[LAST] = first, last


def _waited(ring: Ring, port: Port, word: int, final: int, last: int) -> int:
    """Return when a block's last word comes, that of ``final``, ``last`` before; ``word`` waits."""
    gate = free(ring, word) + latency.REUSE
    left = ring.state[SLOPE] * (final - word)
    if not left and gate > last:
        port.state[AHEAD] = 1
    return max(last, after(port, gate, left, 1))


def enter(ring: Ring, port: Port, time: int, beats: int) -> int:
    """Load one word of a block that fits the ring, ``beats`` after ``time``; return when."""
    gate = free(ring, ring.state[WORDS] - ring.state[DEPTH]) + latency.REUSE
    ring.state[WORDS] += 1
    return following(port, time, beats, gate)


def issued(ring: Ring, first: int) -> None:
    """The block's first word is read in cycle ``first``; a block longer than the ring waits."""
    state = ring.state
    if state[OWN] >= 0:
        state[LAST] = max(state[LAST], first + latency.REUSE + state[SLOPE] * state[OWN])


def release(ring: Ring, first: int, last: int) -> None:
    """The block was read for the last time between these cycles."""
    blocks = ring.state[BLOCKS]
    ring.starts[blocks], ring.ends[blocks] = first, last
    ring.state[BLOCKS] = blocks + 1


def last_of_block(ring: Ring, word: int) -> int:
    """Return the last word of the block of ``word``."""
    old = ring.state[OLD_WORDS]
    if word < old:
        return word + ring.state[OLD_K] - 1 - word % ring.state[OLD_K]
    return word + ring.state[K] - 1 - (word - old) % ring.state[K]


def free(ring: Ring, word: int) -> int:
    """Return the cycle in which ``word`` was given free; -1 before the first word."""
    if word < 0:
        return -1
    old, size = ring.state[OLD_WORDS], ring.state[K]
    if word < old:
        size = ring.state[OLD_K]
        block, offset = word // size, word % size
    else:
        block, offset = (word - old) // size + ring.state[OLD_BLOCKS], (word - old) % size
    start = ring.starts[block]
    if not offset:
        return start
    return start + offset * (ring.ends[block] - start) // (size - 1)


HEAD_BEATS, DRAIN, LOADED, POPPED = range(4)
"""Beats of a column tile's parameters; from its last issue to their end; tiles so far."""


class Heads(NamedTuple):
    """The column tiles' parameters on the input port."""

    state: Ints
    pops: Ints


def load_heads(heads: Heads, port: Port, time: int) -> int:
    """Return the cycle of the parameters' last beat, all after ``time``."""
    state = heads.state
    if not state[HEAD_BEATS]:
        return time
    before = state[LOADED] - latency.PARAM_WORDS
    state[LOADED] += 1
    gate = heads.pops[before] + latency.REUSE if before >= 0 else 0
    return following(port, time, state[HEAD_BEATS], gate)


def heads_used(heads: Heads, last: int) -> None:
    """The column tile's last word of A was issued in cycle ``last``."""
    heads.pops[heads.state[POPPED]] = last + heads.state[DRAIN]
    heads.state[POPPED] += 1


OUT_DEPTH, OUT_BEATS, DELAY, ROWS, LEFT, TILES, SEEN = range(7)
"""Rows that it holds, beats of a row, and from issue to exit; rows reserved so far, the cycle in
which the last one left, tiles so far, and the tile looked at last."""


class Output(NamedTuple):
    """The output buffer and stream: rows in order.

    By tile: rows ``before`` it, its ``first`` exit, the cycles in which its words are issued first
    and last, and its rows, 0 where ``exits`` holds the cycle of each (the last ``depth`` rows').
    """

    state: Ints
    before: Ints
    first: Ints
    issue: Ints
    issue_last: Ints
    rows: Ints
    exits: Ints


def room(output: Output, rows: int) -> int:
    """Return the cycle after which a tile of ``rows`` finds room (0: at once)."""
    state = output.state
    need = state[ROWS] + rows - state[OUT_DEPTH]  # rows that must have left
    if need <= 0:
        return 0
    seen = state[SEEN]
    while seen + 1 < state[TILES] and output.before[seen + 1] < need:
        seen += 1
    state[SEEN] = seen
    return latency.ROOM + _exit_of(output, seen, need - 1)


def _exit_of(output: Output, tile: int, number: int) -> int:
    """Return when row ``number`` of all, one of ``tile``, left."""
    rows = output.rows[tile]
    if not rows:
        return output.exits[number % output.state[OUT_DEPTH]]
    row, issue = number - output.before[tile], output.issue[tile]
    done = issue + output.state[DELAY] + row * (output.issue_last[tile] - issue) // max(1, rows - 1)
    return max(output.first[tile] + output.state[OUT_BEATS] * row, done)


def begin_tile(output: Output, rows: int) -> None:
    """A tile follows with ``rows`` rows in closed form, or 0 whose exits are noted one by one."""
    tile = output.state[TILES]
    output.before[tile], output.rows[tile] = output.state[ROWS], rows
    output.state[TILES] = tile + 1


def leave_tile(output: Output, port: Port, first_issue: int, last_issue: int, rows: int) -> None:
    """A tile of ``rows`` rows; its first row's sums are complete with the word issued first."""
    state = output.state
    delay, beats, tile = state[DELAY], state[OUT_BEATS], state[TILES]
    first = max(first_issue + delay, state[LEFT] + beats)
    last = max(first + beats * (rows - 1), last_issue + delay)
    take(port, first - beats + 1, last)
    output.first[tile], output.issue[tile], output.issue_last[tile] = first, first_issue, last_issue
    begin_tile(output, rows)
    state[LEFT] = last
    state[ROWS] += rows


def leave_row(output: Output, port: Port, issue: int) -> None:
    """A row whose words are issued in cycle ``issue``."""
    state = output.state
    left = max(issue + state[DELAY], state[LEFT] + state[OUT_BEATS])
    take(port, left - state[OUT_BEATS] + 1, left)
    output.exits[state[ROWS] % state[OUT_DEPTH]] = left
    state[LEFT] = left
    state[ROWS] += 1


FUNCTIONS = (
    resize, load, _waited, enter, issued, release, last_of_block, free, load_heads, heads_used,
    room, _exit_of, begin_tile, leave_tile, leave_row,
)  # fmt: skip
