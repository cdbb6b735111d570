"""Cycles of a weight-stationary job, block of weights by block of weights.

The loader takes words in the order of ``hdl.matrix.load_blocks``. A block's weights may enter the
B buffer when it has room for all of them, and the array as ``hdl.matrix.issue_blocks`` says; its
rows of A follow.
"""

from __future__ import annotations

from archsim.config.matrix import ACCUMULATE_CYCLES
from archsim.engine.hot import Ints
from archsim.models.array import buffers, latency
from archsim.models.array.buffers import (
    FIRST,
    HEAD_BEATS,
    LAST,
    Heads,
    Output,
    Ring,
    begin_tile,
    enter,
    heads_used,
    leave_row,
    leave_tile,
    load,
    load_heads,
    release,
    resize,
    room,
)
from archsim.models.array.port import FUNCTIONS as PORT
from archsim.models.array.port import SHARED, Port, following
from archsim.models.array.walk import BEATS, DRAINED, INPUT, NOW, OUTPUT, Work

_NEVER = -(1 << 40)

TIME, BEGUN, SETTLED, CAPTURES = range(4)
"""The last beat taken; first issue of the block before; the cycle before its sums may be read;
blocks whose weights were taken."""


def walk(
    work: Work, port: Port, a: Ring, captures: Ints, heads: Heads, output: Output, own: Ints,
    found: Ints,
) -> None:  # fmt: skip
    """Walk all blocks; ``captures`` gets the cycle in which each block's last weights were taken.

    ``own`` is the loader's state, ``found`` the engine's (``walk``).
    """
    own[TIME], own[CAPTURES] = latency.FIRST_BEAT - 1, 0
    own[BEGUN] = own[SETTLED] = _NEVER
    for group in range(work.groups):
        rows = work.group_rows
        if group == work.groups - 1:
            rows = work.last_rows
            resize(a, rows)
        for n in range(work.n_tiles):
            own[TIME] = load_heads(heads, port, own[TIME])
            found[BEATS] += heads.state[HEAD_BEATS]
            with_a = 1 if n == 0 or work.stream_a else 0
            done = n == work.n_tiles - 1 or work.stream_a
            for block in range(work.held):
                emits = 1 if block == work.held - 1 else 0
                first = _block(work, port, a, captures, output, own, found, rows, with_a, emits)
                if done:
                    release(a, first, found[NOW])
            heads_used(heads, found[NOW])


def _block(
    work: Work, port: Port, a: Ring, captures: Ints, output: Output, own: Ints, found: Ints,
    rows: int, with_a: int, emits: int,
) -> int:  # fmt: skip
    """Load and issue one block, ``rows`` rows of A; return its first issue."""
    arrived = _weights(work, port, captures, own, found)
    capture = max(arrived, own[BEGUN] + work.min_interval_cycles - 1)
    captures[own[CAPTURES]] = capture
    own[CAPTURES] += 1
    first_a = last_a = 0
    mixed = with_a and emits and port.state[SHARED]  # the block's results delay its own A
    if mixed:
        own[TIME] = first_a = enter(a, port, own[TIME], work.a_beats)
    elif with_a:
        load(a, port, own[TIME], work.a_beats, work.a_beats)
        first_a, last_a = a.state[FIRST], a.state[LAST]
        own[TIME] = last_a
    if with_a:
        found[BEATS] += work.a_beats * rows
    supplied = max(found[NOW], first_a, arrived - 1)
    drained = max(supplied, capture, own[SETTLED])
    first = max(drained, room(output, work.depth) if emits else 0) + 1
    steady = first + rows - 1
    if mixed:
        last = _mixed(work, port, a, output, own, first, rows)
    else:
        last = max(steady, last_a + 1)
        if emits:
            leave_tile(output, port, first, last, rows)
    found[INPUT] += supplied - found[NOW] + last - steady
    found[DRAINED] += drained - supplied
    found[OUTPUT] += first - 1 - drained
    found[NOW], own[BEGUN] = last, first
    own[SETTLED] = last + max(0, ACCUMULATE_CYCLES - rows)
    return first


def _mixed(
    work: Work, port: Port, a: Ring, output: Output, own: Ints, first: int, rows: int
) -> int:
    """Issue a block while its results leave through the port that its A comes through.

    The first row's word is there, and issued in cycle ``first``. Return the last one's.
    """
    begin_tile(output, 0)
    issue = first
    leave_row(output, port, issue)
    for _ in range(rows - 1):
        own[TIME] = enter(a, port, own[TIME], work.a_beats)
        issue = max(issue, own[TIME]) + 1
        leave_row(output, port, issue)
    return issue


def _weights(work: Work, port: Port, captures: Ints, own: Ints, found: Ints) -> int:
    """Load a block's words; return the first cycle in which the last could be taken."""
    rows, taken = work.rows, own[CAPTURES]
    freed = taken - work.b_depth // rows  # the block whose place is taken
    gate = captures[freed] + latency.REUSE if freed >= 0 else 0
    first = following(port, own[TIME], work.b_beats, gate)
    own[TIME] = following(port, first, work.b_beats * (rows - 1), 0)
    found[BEATS] += work.b_beats * rows
    return max(own[TIME] + 1, captures[taken - 1] + rows if taken else 0)


FUNCTIONS = (*PORT, *buffers.FUNCTIONS, _block, _mixed, _weights)
