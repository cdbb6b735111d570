"""Cycles of one job on the matrix engine, of either dataflow.

Every stream of the engine moves at a constant rate while nothing blocks it, so a block of K
words is described by the times of its first and last word, and each rule of the RTL becomes a
maximum of such times. Times are cycles after the start (cycle 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archsim.config.matrix import MatrixParams
from archsim.engine.hot import Hot, Makers
from archsim.mapping.array import Job
from archsim.models.array import blocks, buffers, latency, tiles
from archsim.models.array.buffers import Heads, Output, Ring
from archsim.models.array.port import Port
from archsim.models.array.walk import BEATS, DRAINED, INPUT, NOW, OUTPUT, Work

_TILES = Hot[Callable[..., None]](tiles.walk, *tiles.FUNCTIONS)
_BLOCKS = Hot[Callable[..., None]](blocks.walk, *blocks.FUNCTIONS)
_SMALL = 200_000
"""Numbers to be noted up to which a walk may be interpreted: lists take their memory at once."""


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles of a job by reason, named as the engine's counters; ``cycles`` is their sum.

    ``compute``: a k was issued. ``stall_input``: operands were missing. ``stall_output``: the
    output buffer had no room for a tile. ``stall_drain``: the tile before was still
    leaving, or the next weights still entering.
    ``tail``: from the last k to the last result. ``bound`` is the integer-fold bound: no engine of
    this size needs fewer cycles. ``beats_in`` and ``beats_out`` are beats through the ports.
    """

    cycles: int
    compute: int
    stall_input: int
    stall_output: int
    stall_drain: int
    tail: int
    bound: int
    beats_in: int
    beats_out: int


def engine_cycles(params: MatrixParams, job: Job, shared: bool = False) -> Cycles:
    """Return the cycles of ``job`` from start to its last result, cold buffers, no other traffic.

    Input and output streams each move one beat a cycle; with ``shared`` both together do, results
    before operands.
    """
    steps = (job.held * job.groups if params.weights_stay else job.m_tiles) * job.n_tiles
    singly = job.m * (job.n_tiles if job.stream_a else 1) if shared else 0
    hot = _BLOCKS if params.weights_stay else _TILES
    walk, make = hot.ready(steps) if steps + singly < _SMALL else hot.compiled()
    ints, given = make.integers, make.given
    output = _output(params, make, steps)
    found = ints(5)
    memory = Port(given([int(shared), 0, 0]), ints(steps + singly), ints(steps + singly))
    drain = latency.last_row(params) - latency.POP
    head_beats = params.beats(params.param_word_bits) if params.has_params else 0
    heads = Heads(given([head_beats, drain, 0, 0]), ints(job.groups * job.n_tiles))
    first = job.group_rows[0] if params.weights_stay else job.k
    a = _ring(params.a_depth, first, make, steps)
    b: Any = ints(steps) if params.weights_stay else _ring(params.b_depth, job.k, make, steps)
    walk(_work(params, job), memory, a, b, heads, output, ints(6), found)
    cycles = int(output.state[buffers.LEFT]) + 1
    bound = fold_bound(params, job)
    return Cycles(
        cycles=cycles,
        compute=bound,
        stall_input=int(found[INPUT]),
        stall_output=int(found[OUTPUT]),
        stall_drain=int(found[DRAINED]),
        tail=cycles - int(found[NOW]),
        bound=bound,
        beats_in=int(found[BEATS]),
        beats_out=int(output.state[buffers.ROWS]) * params.beats(params.out_word_bits),
    )


def _ring(depth: int, k: int, make: Makers, blocks: int) -> Ring:
    """Return an empty ring for at most ``blocks`` blocks."""
    state = make.given([depth, k, 0, 0, 0, 0, 1, -1, 0, 0, k])
    return Ring(state, make.integers(blocks), make.integers(blocks))


def _output(params: MatrixParams, make: Makers, tiles: int) -> Output:
    """Return an empty output buffer for at most ``tiles`` tiles."""
    beats = params.beats(params.out_word_bits)
    delay = latency.first_row(params) + beats - 1
    state = make.given([params.out_depth, beats, delay, 0, 0, 0, 0])
    before, first, issue, last, rows = (make.integers(tiles) for _ in range(5))
    exits = make.integers(params.out_depth if params.weights_stay else 0)
    return Output(state, before, first, issue, last, rows, exits)


def _work(params: MatrixParams, job: Job) -> Work:
    return Work(
        rows=params.rows, k=job.k, groups=job.groups, held=job.held, last_held=job.last_held,
        n_tiles=job.n_tiles, last_rows=job.group_rows[-1] if params.weights_stay else job.last_rows,
        stream_a=int(job.stream_a), group_rows=job.group_rows[0], depth=job.depth,
        a_beats=params.beats(params.a_word_bits), b_beats=params.beats(params.b_word_bits),
        b_depth=params.b_depth, min_interval_cycles=params.min_interval_cycles,
    )  # fmt: skip


def fold_bound(params: MatrixParams, job: Job) -> int:
    """Return the integer-fold bound: words of A that an array of this size must take."""
    if params.weights_stay:
        return job.m * job.n_tiles * job.held
    return job.m_tiles * job.n_tiles * job.k


def systolic_cycles(m: int, n: int, k: int, rows: int, columns: int) -> int:
    """Return SCALE-Sim's output-stationary compute cycles: every tile filled and drained alone."""
    return -(-m // rows) * -(-n // columns) * (k + rows + columns - 2) - 1
