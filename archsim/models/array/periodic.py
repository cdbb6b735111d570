"""Long jobs: once column tiles repeat exactly, the rest of a group is a multiple of one."""

from __future__ import annotations

from dataclasses import astuple, replace

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.models.array.timing import Cycles, engine_cycles

TILES_IN_FULL = 40_000
"""Jobs of at most this many tiles are walked tile by tile."""


def job_cycles(params: MatrixParams, job: Job, shared: bool = False) -> Cycles:
    """Return ``engine_cycles``, that of long jobs by extrapolation over their column tiles.

    Two shorter jobs of the same kind are walked; the cycles of a column tile in between are
    constant once the buffers are in their steady state.
    """
    steps = job.groups * job.held if params.weights_stay else job.m_tiles  # of a column tile
    if steps * job.n_tiles <= TILES_IN_FULL:
        return engine_cycles(params, job, shared)
    few = min(job.n_tiles, max(8, TILES_IN_FULL // steps))
    half = max(1, few // 2)
    short, long = (
        astuple(engine_cycles(params, replace(job, n_tiles=columns), shared))
        for columns in (half, few)
    )
    if few == half:
        return Cycles(*long)
    left = job.n_tiles - few
    grown = [b + round((b - a) * left / (few - half)) for a, b in zip(short, long, strict=True)]
    cycles = Cycles(*grown)
    parts = cycles.compute + cycles.stall_input + cycles.stall_output + cycles.stall_drain
    return replace(cycles, cycles=parts + cycles.tail)
