"""Cycles of one job on the matrix engine, tile by tile.

Every stream of the engine moves at a constant rate while nothing blocks it, so a block of K
words is described by the times of its first and last word, and each rule of the RTL becomes a
maximum of such times. Times are cycles after the start (cycle 0).
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array import latency
from archsim.models.array.streams import Loader, Output


@dataclass(frozen=True, slots=True)
class Cycles:
    """Cycles of a job by reason, named as the engine's counters; ``cycles`` is their sum.

    ``compute``: a k was issued. ``stall_input``: operands were missing. ``stall_output``: the
    output buffer had no room for a tile. ``stall_drain``: the tile before was still leaving.
    ``tail``: from the last k to the last result. ``bound`` is the integer-fold bound: no engine of
    this size needs fewer cycles. ``words_in`` and ``words_out`` are beats through the ports.
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


def engine_cycles(params: MatrixParams, job: Job) -> Cycles:
    """Return the cycles of ``job`` from start to its last result, cold buffers, no other traffic.

    Input and output streams each move one beat a cycle.
    """
    loader = Loader(params, job)
    output = Output(params)
    stalls = [0, 0, 0]
    now = 0  # last issue
    for group, held in enumerate(job.group_sizes()):
        last_group = group == job.groups - 1
        for n in range(job.n_tiles):
            for h in range(held):
                loader.fetch(n, h, held)
                partial = last_group and h == held - 1
                now = _tile(params, job, loader, output, stalls, now)
                output.tile(now, job.last_rows if partial else params.rows)
                loader.used(n == job.n_tiles - 1, h == held - 1, now)
    cycles = output.last + 1
    compute = job.m_tiles * job.n_tiles * job.k
    return Cycles(
        cycles=cycles,
        compute=compute,
        stall_input=stalls[0],
        stall_output=stalls[1],
        stall_drain=stalls[2],
        tail=cycles - now,
        bound=compute,
        beats_in=loader.beats,
        beats_out=output.rows * output.beats,
    )


def _tile(
    params: MatrixParams, job: Job, loader: Loader, output: Output, stalls: list[int], now: int
) -> int:
    """Issue a tile; return the cycle of its last k. ``now`` is that of the tile before."""
    ready = max(now, loader.first_ready)
    first = max(ready, output.room(params.rows)) + 1
    stalls[0] += ready - now
    stalls[1] += first - 1 - ready
    loader.issued(first)
    steady = first + job.k - 1
    supplied = max(steady, loader.last_ready + 1)
    stalls[0] += supplied - steady
    last = max(supplied, now + params.rows) if now else supplied
    stalls[2] += last - supplied
    return last


def systolic_cycles(m: int, n: int, k: int, rows: int, columns: int) -> int:
    """Return SCALE-Sim's output-stationary compute cycles: every tile filled and drained alone."""
    return -(-m // rows) * -(-n // columns) * (k + rows + columns - 2) - 1


__all__ = ["Cycles", "engine_cycles", "latency", "systolic_cycles"]
