"""Cycles of an output-stationary job, tile by tile."""

from __future__ import annotations

from archsim.engine.hot import Ints
from archsim.models.array import buffers, latency
from archsim.models.array.buffers import (
    FIRST,
    HEAD_BEATS,
    LAST,
    Heads,
    Output,
    Ring,
    heads_used,
    issued,
    leave_tile,
    load,
    load_heads,
    release,
    room,
)
from archsim.models.array.port import FUNCTIONS as PORT
from archsim.models.array.port import Port, after
from archsim.models.array.walk import BEATS, DRAINED, INPUT, NOW, OUTPUT, Work

TIME, READY, READY_LAST, FIRST_ISSUE, NEW_A, NEW_B = range(6)
"""Of the loader: the last beat taken; when the tile's operands' first and last word are there; when
its first k was issued; which operands are new."""


def walk(
    work: Work, port: Port, a: Ring, b: Ring, heads: Heads, output: Output, own: Ints, found: Ints
) -> None:
    """Walk all tiles; ``own`` is the loader's state, ``found`` the engine's (``walk``)."""
    own[TIME] = latency.FIRST_BEAT - 1
    for group in range(work.groups):
        last_group = group == work.groups - 1
        held = work.last_held if last_group else work.held
        for n in range(work.n_tiles):
            for h in range(held):
                _fetch(work, port, a, b, heads, own, found, n, h)
                rows = work.last_rows if last_group and h == held - 1 else work.rows
                _tile(work, port, a, b, output, own, found, rows)
                if n == work.n_tiles - 1 or work.stream_a:
                    release(a, own[FIRST_ISSUE], found[NOW])
                if h == held - 1:
                    release(b, own[FIRST_ISSUE], found[NOW])
                    heads_used(heads, found[NOW])


def _fetch(
    work: Work, port: Port, a: Ring, b: Ring, heads: Heads, own: Ints, found: Ints, n: int, h: int
) -> None:
    """Make the operands of row tile ``h`` of the group and column tile ``n`` arrive.

    Words come in the order of ``hdl.matrix.load``, one beat a cycle.
    """
    both = (n == 0 and h == 0) or work.stream_a
    if h == 0:
        own[TIME] = load_heads(heads, port, own[TIME])
        found[BEATS] += heads.state[HEAD_BEATS]
    own[NEW_A] = 1 if both or n == 0 else 0
    own[NEW_B] = 1 if both or (h == 0 and n != 0) else 0
    if both:
        slope = work.a_beats + work.b_beats
        load(a, port, own[TIME], work.a_beats, slope)
        load(b, port, a.state[FIRST], work.b_beats, slope)
        _b_follows(work, port, a, b)
        found[BEATS] += slope * work.k
    elif own[NEW_A]:
        load(a, port, own[TIME], work.a_beats, work.a_beats)
        found[BEATS] += work.a_beats * work.k
    elif own[NEW_B]:
        load(b, port, own[TIME], work.b_beats, work.b_beats)
        found[BEATS] += work.b_beats * work.k
    own[READY] = own[READY_LAST] = 0
    if own[NEW_A]:
        own[READY], own[READY_LAST] = a.state[FIRST], a.state[LAST]
    if own[NEW_B]:
        own[READY] = max(own[READY], b.state[FIRST])
        own[READY_LAST] = max(own[READY_LAST], b.state[LAST])
    if own[NEW_B]:
        own[TIME] = b.state[LAST]
    elif own[NEW_A]:
        own[TIME] = a.state[LAST]


def _b_follows(work: Work, port: Port, a: Ring, b: Ring) -> None:
    """Each word of B comes after the word of A of the same k."""
    b.state[LAST] = max(b.state[LAST], after(port, a.state[LAST], work.b_beats, 0))


def _issued(work: Work, port: Port, a: Ring, b: Ring, own: Ints, first: int) -> None:
    """The tile's first k is issued in cycle ``first``."""
    own[FIRST_ISSUE] = first
    if not own[READY_LAST]:
        return
    if own[NEW_A]:
        issued(a, first)
    if own[NEW_B]:
        issued(b, first)
    last = 0
    if own[NEW_A] and own[NEW_B]:
        _b_follows(work, port, a, b)
    if own[NEW_A]:
        last = a.state[LAST]
    if own[NEW_B]:
        last = max(last, b.state[LAST])
    own[READY_LAST] = own[TIME] = last


def _tile(
    work: Work, port: Port, a: Ring, b: Ring, output: Output, own: Ints, found: Ints, rows: int
) -> None:
    """Issue a tile with ``rows`` rows of results."""
    now = found[NOW]
    ready = max(now, own[READY])
    first = max(ready, room(output, work.rows)) + 1
    _issued(work, port, a, b, own, first)
    steady = first + work.k - 1
    supplied = max(steady, own[READY_LAST] + 1)
    last = max(supplied, now + work.rows) if now else supplied
    found[INPUT] += ready - now + supplied - steady
    found[OUTPUT] += first - 1 - ready
    found[DRAINED] += last - supplied
    found[NOW] = last
    leave_tile(output, port, last, last, rows)


FUNCTIONS = (*PORT, *buffers.FUNCTIONS, _fetch, _b_follows, _issued, _tile)
