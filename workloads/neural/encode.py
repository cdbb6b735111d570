"""Compiled grid encoding with its gradient, for training; ``archsim.functional`` is its reference.

The corners' entries and weights of a batch are computed once and serve both passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from archsim.config.ngpc_grid import PRIMES, GridParams

Array = NDArray[Any]

_PRIMES = np.array(PRIMES, np.uint32)


class GridBatch:
    """Corners of a batch of positions in a grid: encode with a table, or push gradients to it."""

    def __init__(self, grid: GridParams, positions: Array) -> None:
        self.grid = grid
        levels = grid.tables
        shape = (len(positions), grid.levels, grid.corners)
        self.entries = np.empty(shape, np.int64)
        self.shares = np.empty(shape, np.float32)
        _corners(
            positions.astype(np.float32),
            np.array([level.scale for level in levels], np.float32),
            np.array([level.resolution for level in levels], np.uint32),
            np.array([level.entries for level in levels], np.uint32),
            np.array([level.offset for level in levels], np.int64),
            np.array([level.hashed for level in levels]),
            grid.interpolation == "smoothstep",
            _PRIMES,
            self.entries,
            self.shares,
        )

    def encode(self, table: Array) -> Array:
        """Return features ``[n, levels * features]``."""
        out = np.zeros((len(self.entries), self.grid.levels, self.grid.features), np.float32)
        _gather(self.entries, self.shares, table, out)
        return out.reshape(len(out), -1)

    def gradient(self, upstream: Array) -> Array:
        """Return the table's gradient for that of the features."""
        total = np.zeros((self.grid.entries, self.grid.features), np.float32)
        shape = (len(self.entries), self.grid.levels, self.grid.features)
        _scatter(self.entries, self.shares, upstream.reshape(shape), total)
        return total


@njit(cache=True, fastmath=False)
def _corners(
    positions: Any, scales: Any, resolutions: Any, counts: Any, offsets: Any, hashed: Any,
    smooth: bool, primes: Any, entries: Any, shares: Any,
) -> None:  # fmt: skip
    n, dims = positions.shape
    for i in range(n):
        for level in range(len(scales)):
            for corner in range(1 << dims):
                index = np.uint32(0)
                stride = np.uint32(1)
                share = np.float32(1)
                for axis in range(dims):
                    scaled = scales[level] * positions[i, axis] + np.float32(0.5)
                    whole = np.floor(scaled)
                    within = scaled - whole
                    if smooth:
                        within = within * within * (np.float32(3) - np.float32(2) * within)
                    bit = corner >> axis & 1
                    vertex = np.uint32(np.int64(whole) + bit)
                    share *= within if bit else np.float32(1) - within
                    if hashed[level]:
                        index ^= np.uint32(vertex * primes[axis])
                    else:
                        index += np.uint32(vertex * stride)
                        stride *= resolutions[level]
                entries[i, level, corner] = offsets[level] + np.int64(
                    np.uint32(index) % counts[level]
                )
                shares[i, level, corner] = share


@njit(cache=True)
def _gather(entries: Any, shares: Any, table: Any, out: Any) -> None:
    n, levels, corners = entries.shape
    for i in range(n):
        for level in range(levels):
            for corner in range(corners):
                for f in range(out.shape[2]):
                    out[i, level, f] += (
                        shares[i, level, corner] * table[entries[i, level, corner], f]
                    )


@njit(cache=True)
def _scatter(entries: Any, shares: Any, upstream: Any, total: Any) -> None:
    n, levels, corners = entries.shape
    for i in range(n):
        for level in range(levels):
            for corner in range(corners):
                for f in range(upstream.shape[2]):
                    total[entries[i, level, corner], f] += (
                        shares[i, level, corner] * upstream[i, level, f]
                    )
