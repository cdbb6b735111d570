"""Cycles of a job on the RTL of a neural field processor: the encoding's words, then rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.config.ngpc_schedule import LANE_CYCLES, READ_CYCLES, SUM_CYCLES, Schedule, schedule
from archsim.engine.jit import njit
from archsim.functional.ngpc.grid import FixedGrid
from archsim.models.ngpc.banks import sample_ends, words_of

Array = NDArray[Any]

_RING_CYCLES = 3
"""From a slot's last features to the round that they begin."""
_OUTPUT_CYCLES = 3
"""Through the FIFO of results."""
_DIRECT_CYCLES = -4
"""The perceptron engine alone, its features not handed over by an encoding engine."""


@dataclass(frozen=True)
class JobCycles:
    """``cycles`` from the first sample taken to the last result; ``bound``: the busier engine's
    work alone, which nothing can beat."""

    cycles: int
    bound: int


def job_cycles(params: NfpParams, positions: Array, latency: int = 0) -> JobCycles:
    """Return the cycles of a job of raw ``positions`` ``[n, dims]``.

    ``latency``: cycles of an encoding engine beside its words. Processors take samples in turn.
    """
    shares = [positions[n :: params.processors] for n in range(params.processors)]
    found = [_share(params, share, latency) for share in shares if len(share)]
    return JobCycles(max(f.cycles for f in found), max(f.bound for f in found))


def perceptron_cycles(params: NfpParams, samples: int) -> int:
    """Return the cycles of the perceptron engine alone, its features coming a turn a cycle."""
    each = np.full(samples, params.levels_per_engine, np.int64)
    return _engine_cycles(params, each, _DIRECT_CYCLES).cycles


def sample_cycles(params: NfpParams, positions: Array) -> tuple[float, float]:
    """Return the cycles between two samples of encoding and perceptrons, in a long job.

    ``positions``: raw ``[n, dims]``, for what the encoding takes of them.
    """
    encoding = float(encoded_at(params, positions)[-1]) / len(positions) / params.processors
    return encoding, schedule(params).slot_cycles / params.mlp_rows / params.processors


def _share(params: NfpParams, positions: Array, latency: int) -> JobCycles:
    """The cycles of one processor's samples."""
    return _engine_cycles(params, np.diff(encoded_at(params, positions), prepend=0), latency)


def _engine_cycles(params: NfpParams, each: Array, latency: int) -> JobCycles:
    """The cycles of samples that take ``each`` cycles to encode."""
    plan = schedule(params)
    count = -(-len(each) // params.mlp_rows)
    work = np.add.reduceat(each, np.arange(count) * params.mlp_rows)
    begin, taken = _rounds(work, plan.slots, plan.round_cycles)
    rows = len(each) - (count - 1) * params.mlp_rows
    end = begin + _last_output(params, plan, taken, rows)
    filled = latency + _RING_CYCLES
    least = plan.slot_cycles * count
    return JobCycles(int(end + filled + _OUTPUT_CYCLES), int(max(work.sum(), least)))


def encoded_at(params: NfpParams, positions: Array) -> Array:
    """Return the cycles until each sample's words were read, by the slowest engine ``[n]``."""
    grid, exact = params.grid, FixedGrid(params)
    if params.banks == 1:
        rows = grid.corners // 2
        slowest = np.zeros(len(positions), np.int64)
        for engine in range(params.engines):
            each = np.zeros(len(positions), np.int64)
            for number in range(engine, grid.levels, params.engines):
                cells, _ = exact.cells(grid.tables[number], positions)
                each += rows * (1 + (cells[:, 0] & 1).astype(np.int64))
            slowest = np.maximum(slowest, np.cumsum(each))
        return slowest
    found = np.zeros(len(positions), np.int64)
    for level in grid.tables:
        cells, _ = exact.cells(level, positions)
        ends = np.zeros(len(positions), np.int64)
        sample_ends(words_of(grid, level, cells), params.banks, params.queue_depth, ends)
        found = np.maximum(found, ends)
    return found


@njit
def _rounds(work: Any, slots: int, round_cycles: int) -> tuple[int, int]:
    """Return when the last round begins and how many slots it takes.

    ``work``: encoding cycles of each slot; the encoding waits while all ``2 * slots`` are held.
    """
    count = len(work)
    encoded = np.zeros(count, np.int64)
    released = np.zeros(count, np.int64)
    known = 0
    free = 0  # when the perceptron engine can begin
    first = 0
    begin = 0
    taken = 0
    while first < count:
        while known < count and known < first + 2 * slots:
            start = encoded[known - 1] if known else 0
            if known >= 2 * slots:
                start = max(start, released[known - 2 * slots])
            encoded[known] = start + work[known]
            known += 1
        begin = max(free, encoded[first])
        taken = 1
        while taken < slots and first + taken < known and encoded[first + taken] <= begin:
            taken += 1
        free = begin + round_cycles
        for k in range(first, first + taken):
            released[k] = free
        first += taken
    return begin, taken


def _last_output(params: NfpParams, plan: Schedule, slots: int, rows: int) -> int:
    """From the beginning of a round of ``slots`` to its last result, ``rows`` in the last slot."""
    final = plan.tiles[-1]
    before = plan.slots * (plan.slot_cycles - final.cycles) + (slots - 1) * final.cycles
    beats = (rows - 1) * (params.mlp_columns // params.mlp_lanes)
    beats += -(-params.mlps[-1].outputs // params.mlp_lanes)
    return before + final.cycles + READ_CYCLES + SUM_CYCLES + LANE_CYCLES + beats
