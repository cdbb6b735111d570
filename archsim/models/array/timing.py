"""Cycles of one job on the matrix engine, of either dataflow.

Every stream of the engine moves at a constant rate while nothing blocks it, so a block of K
words is described by the times of its first and last word, and each rule of the RTL becomes a
maximum of such times. Times are cycles after the start (cycle 0).
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array import blocks, tiles


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
    walk = (blocks if params.weights_stay else tiles).Walk(params, job, shared)
    walk.run()
    cycles = walk.output.last + 1
    bound = fold_bound(params, job)
    return Cycles(
        cycles=cycles,
        compute=bound,
        stall_input=walk.stall_input,
        stall_output=walk.stall_output,
        stall_drain=walk.stall_drain,
        tail=cycles - walk.now,
        bound=bound,
        beats_in=walk.beats_in,
        beats_out=walk.output.rows * walk.output.beats,
    )


def fold_bound(params: MatrixParams, job: Job) -> int:
    """Return the integer-fold bound: words of A that an array of this size must take."""
    if params.weights_stay:
        return job.m * job.n_tiles * job.held
    return job.m_tiles * job.n_tiles * job.k


def systolic_cycles(m: int, n: int, k: int, rows: int, columns: int) -> int:
    """Return SCALE-Sim's output-stationary compute cycles: every tile filled and drained alone."""
    return -(-m // rows) * -(-n // columns) * (k + rows + columns - 2) - 1
