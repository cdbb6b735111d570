"""From the vertex of a cell to the entry that holds it, by tiny-cuda-nn's index rule."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_grid import PRIMES, GridLevel

Ints = NDArray[Any]


def hash_index(vertices: Ints) -> Ints:
    """Return the CoherentPrime hash, uint32 ``[n]``, of ``vertices`` uint32 ``[n, dims]``."""
    hashed = np.zeros(vertices.shape[:-1], dtype=np.uint32)
    for axis in range(vertices.shape[-1]):
        hashed ^= vertices[..., axis] * np.uint32(PRIMES[axis])
    return hashed


def entry_index(level: GridLevel, vertices: Ints) -> Ints:
    """Return the entry of each vertex within its level, int64 ``[n]`` below ``level.entries``."""
    if level.hashed:
        index = hash_index(vertices)
    else:
        index = np.zeros(vertices.shape[:-1], dtype=np.uint32)
        for axis in range(vertices.shape[-1]):
            index += vertices[..., axis] * np.uint32(level.resolution**axis)
    return (index % np.uint32(level.entries)).astype(np.int64)


def corner_indices(level: GridLevel, cells: Ints) -> Ints:
    """Return the entries of the ``2**dims`` corners of ``cells`` uint32 ``[n, dims]``.

    int64 ``[n, 2**dims]``; bit d of the corner's number is set where the corner lies one vertex
    on along axis d.
    """
    dims = cells.shape[-1]
    steps = np.array([[c >> d & 1 for d in range(dims)] for c in range(1 << dims)], np.uint32)
    return entry_index(level, cells[:, None, :] + steps[None])
