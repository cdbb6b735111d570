"""Long jobs: once column tiles repeat exactly, the rest of a group is a multiple of one."""

from __future__ import annotations

from dataclasses import astuple, replace

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array.timing import Cycles, engine_cycles

TILES_IN_FULL = 40_000
"""Jobs of at most this many tiles are walked tile by tile."""


def job_cycles(params: MatrixParams, job: Job) -> Cycles:
    """Return ``engine_cycles(params, job)``, long jobs by extrapolation over their column tiles.

    Two shorter jobs of the same kind are walked; the cycles of a column tile in between are
    constant once the buffers are in their steady state.
    """
    tiles = job.m_tiles * job.n_tiles
    if tiles <= TILES_IN_FULL:
        return engine_cycles(params, job)
    few = max(8, TILES_IN_FULL // job.m_tiles)
    return _extrapolated(params, job, few)


def _extrapolated(params: MatrixParams, job: Job, columns: int) -> Cycles:
    columns = min(columns, job.n_tiles)
    half = max(1, columns // 2)
    short = astuple(engine_cycles(params, replace(job, n_tiles=half)))
    long = astuple(engine_cycles(params, replace(job, n_tiles=columns)))
    if columns == half:
        return Cycles(*long)
    left = job.n_tiles - columns
    grown = [b + round((b - a) * left / (columns - half)) for a, b in zip(short, long, strict=True)]
    cycles = Cycles(*grown)
    parts = cycles.compute + cycles.stall_input + cycles.stall_output + cycles.stall_drain
    return replace(cycles, cycles=parts + cycles.tail)
