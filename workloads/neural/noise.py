"""Seedless value noise in any dimension: the detail of the procedural scenes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_MULTIPLIERS = np.array([374761393, 668265263, 2147483647], np.uint32)


def value_noise(points: Array, seed: int = 0) -> Array:
    """Return smooth noise in [0, 1] of ``points`` ``[n, dims]``, one lattice cell a unit."""
    whole = np.floor(points)
    within = points - whole
    weight = within * within * (3 - 2 * within)
    cell = whole.astype(np.int64).astype(np.uint32)
    total = np.zeros(len(points))
    for corner in product((0, 1), repeat=points.shape[1]):
        bits = np.array(corner, np.uint32)
        share = np.where(bits, weight, 1 - weight).prod(axis=1)
        total += share * _lattice(cell + bits, seed)
    return total


def fractal_noise(points: Array, octaves: int, seed: int = 0) -> Array:
    """Return ``octaves`` of noise, each of twice the frequency and half the height, in [0, 1]."""
    total = np.zeros(len(points))
    for octave in range(octaves):
        total += value_noise(points * 2**octave, seed + octave) * 0.5 ** (octave + 1)
    return total / (1 - 0.5**octaves)


def _lattice(cell: Array, seed: int) -> Array:
    """A number in [0, 1) of each lattice point."""
    mixed = np.full(len(cell), (seed * 2654435761 + 97) & 0xFFFFFFFF, np.uint32)
    for axis in range(cell.shape[1]):
        mixed = (mixed ^ cell[:, axis]) * _MULTIPLIERS[axis]
        mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(1274126177)
    return (mixed ^ (mixed >> np.uint32(16))).astype(np.float64) / 2**32
