"""Bank conflicts of an encoding engine, cycle by cycle, from the addresses of real positions.

Each cycle the engine offers the words of one sample's cell: one or two a row, and none where the
sample lies in the cell of the one before (an engine with one bank has no such reuse). They enter
the queues of their banks in that cycle if every one of these has room, else the sample waits. Each
bank serves one request a cycle.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_grid import GridLevel, GridParams
from archsim.config.ngpc_layout import level_layout
from archsim.config.ngpc_params import ENTRIES_PER_WORD
from archsim.engine.jit import njit
from archsim.functional.ngpc.cells import entry_index

Array = NDArray[Any]

SAMPLES = 4096
"""Positions simulated for a rate; its standard error is below 0.5 %."""


def words_of(grid: GridParams, level: GridLevel, cells: Array) -> Array:
    """Return the words of the corners of ``cells`` uint32 ``[n, dims]``, int64 ``[n, corners]``."""
    steps = np.array(
        [[c >> d & 1 for d in range(grid.dims)] for c in range(grid.corners)], np.uint32
    )
    vertices = cells[:, None, :] + steps[None]
    if level.hashed:
        return entry_index(level, vertices) // ENTRIES_PER_WORD
    layout = level_layout(grid, level)
    words = (vertices[..., 0] // ENTRIES_PER_WORD).astype(np.int64)
    words += layout.row_words * vertices[..., 1].astype(np.int64)
    if grid.dims == 3:
        words += layout.plane_words * vertices[..., 2].astype(np.int64)
    return words


@njit
def sample_ends(words: Any, banks: int, depth: int, ends: Any, reuse: bool = True) -> int:
    """Fill ``ends`` with the cycles until each sample has its words; return the words read."""
    n, corners = words.shape
    waiting = np.zeros(banks, np.int64)
    wanted = np.zeros(banks, np.int64)
    cycle = 0
    read = 0
    sample = 0
    done = -1  # the cycle in which the sample before was complete and handed on
    while sample < n:
        wanted[:] = 0
        moved = sample == 0 or not reuse
        for c in range(corners):
            moved = moved or words[sample, c] != words[sample - 1, c]
        for c in range(corners):
            paired = c & 1 == 1 and words[sample, c - 1] == words[sample, c]
            if moved and not paired:
                wanted[words[sample, c] % banks] += 1
        room = True
        for b in range(banks):
            # a queue that cannot hold a sample's requests takes them when it is empty
            if wanted[b] > 0 and waiting[b] > 0 and waiting[b] + wanted[b] > depth:
                room = False
        if room:
            complete = cycle
            for b in range(banks):
                if wanted[b] > 0:
                    complete = max(complete, cycle + waiting[b] + wanted[b] - 1)
                waiting[b] += wanted[b]
                read += wanted[b]
            done = max(done + 1, complete)
            ends[sample] = done + 1
            sample += 1
        for b in range(banks):
            if waiting[b] > 0:
                waiting[b] -= 1
        cycle += 1
    return read


@njit
def count_cycles(words: Any, banks: int, depth: int, reuse: bool = True) -> tuple[int, int]:
    """Return the cycles until the last sample has its words, in order, and the words read."""
    ends = np.zeros(len(words), np.int64)
    read = sample_ends(words, banks, depth, ends, reuse)
    return ends[-1], read


@lru_cache(maxsize=4096)
def interval(
    grid: GridParams, number: int, banks: int, depth: int, along_rays: bool
) -> tuple[float, float]:
    """Return cycles and words read for each sample at level ``number`` of ``grid``."""
    level = grid.tables[number]
    positions = ray_positions(grid.dims) if along_rays else random_positions(grid.dims)
    cells = np.floor(level.scale * positions + 0.5).astype(np.uint32)
    cycles, read = count_cycles(words_of(grid, level, cells), banks, depth, banks > 1)
    return cycles / SAMPLES, read / SAMPLES


@lru_cache(maxsize=4)
def random_positions(dims: int) -> Array:
    """Return ``SAMPLES`` positions anywhere in the unit cube."""
    return np.random.default_rng(7).random((SAMPLES, dims))


@lru_cache(maxsize=4)
def ray_positions(dims: int) -> Array:
    """Return ``SAMPLES`` positions along rays (32 of each, 1024 to a unit), or a row of pixels."""
    rng = np.random.default_rng(8)
    if dims == 2:
        at = np.arange(SAMPLES)
        return np.stack((at % 1024 / 1024, at // 1024 / 1024 + 0.37), axis=1)
    run = 32
    directions = rng.normal(size=(SAMPLES // run, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    start = rng.uniform(0.1, 0.9, (SAMPLES // run, 3))
    t = np.arange(run) * 3**0.5 / 1024
    points = start[:, None] + directions[:, None] * t[None, :, None]
    return np.clip(points.reshape(-1, 3), 0.0, 1.0)
