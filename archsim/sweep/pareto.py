"""Pareto fronts for minimisation.

A point is on the front where no other point is at most equal in every objective and smaller in
one. Points with equal objectives do not dominate each other: all stay, in their given order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
BLOCK = 256
"""Rows compared at once for four and more objectives: 256 x 256 x k comparisons fit in cache."""


def pareto_front(values: Values) -> NDArray[np.intp]:
    """Return the rising indices of the rows of ``values`` (n x k) on the Pareto front.

    O(n log n) for up to three objectives, O(n x front) beyond. Raises ``ValueError`` for an array
    of another shape or with values that are not finite.
    """
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"values must have the shape (n, k) with k >= 1, not {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("values must be finite, not NaN or infinite")
    if len(values) == 0:
        return np.empty(0, dtype=np.intp)
    order = np.lexsort(values.T[::-1])
    ordered = values[order]
    changed = np.any(ordered[1:] != ordered[:-1], axis=1)
    group = np.concatenate(([0], np.cumsum(changed)))
    distinct = ordered[np.concatenate(([True], changed))]
    keep = _distinct_front(distinct)
    return np.sort(order[keep[group]])


def _distinct_front(points: Values) -> NDArray[np.bool_]:
    """Mark the front of distinct rows in lexicographic order.

    Only an earlier row can dominate a later one, and it does where it is at most equal in
    objectives 1 to k - 1.
    """
    objectives = points.shape[1]
    if objectives == 1:
        keep = np.zeros(len(points), dtype=np.bool_)
        keep[0] = True
        return keep
    if objectives == 2:
        second = points[:, 1]
        best = np.minimum.accumulate(second)
        keep = np.ones(len(points), dtype=np.bool_)
        keep[1:] = second[1:] < best[:-1]
        return keep
    if objectives == 3:
        return _staircase(points)
    return _by_blocks(points)


def _staircase(points: Values) -> NDArray[np.bool_]:
    """Keep the front of (objective 1, objective 2) of the rows so far as a sorted staircase."""
    keep = np.zeros(len(points), dtype=np.bool_)
    rising: list[float] = []
    falling: list[float] = []
    for row, (y, z) in enumerate(points[:, 1:].tolist()):
        place = bisect_right(rising, y)
        if place and falling[place - 1] <= z:
            continue
        keep[row] = True
        first = bisect_left(rising, y, 0, place)
        end = first
        while end < len(falling) and falling[end] >= z:
            end += 1
        rising[first:end] = [y]
        falling[first:end] = [z]
    return keep


def _by_blocks(points: Values) -> NDArray[np.bool_]:
    """Compare each block with the front so far, then with itself."""
    keep = np.zeros(len(points), dtype=np.bool_)
    front = np.empty((0, points.shape[1] - 1))
    for start in range(0, len(points), BLOCK):
        rest = points[start : start + BLOCK, 1:]
        alive = np.arange(len(rest))
        for chunk in range(0, len(front), BLOCK):
            alive = alive[~_dominated(rest[alive], front[chunk : chunk + BLOCK])]
            if not len(alive):
                break
        block = rest[alive]
        earlier = np.tri(len(block), k=-1, dtype=np.bool_)
        beaten = (np.all(block[None, :, :] <= block[:, None, :], axis=2) & earlier).any(axis=1)
        keep[start + alive[~beaten]] = True
        front = np.concatenate((front, block[~beaten]))
    return keep


def _dominated(rows: Values, front: Values) -> NDArray[np.bool_]:
    """Mark the rows that some row of ``front`` does not exceed in any objective."""
    below = front[None, :, 0] <= rows[:, None, 0]
    for column in range(1, rows.shape[1]):
        below &= front[None, :, column] <= rows[:, None, column]
    return np.asarray(below.any(axis=1))


HELD = 2048
"""Points that a ``FrontStream`` takes before it looks which of them are on the front."""


class FrontStream:
    """The Pareto front of points that arrive one by one, in memory of the front's size."""

    def __init__(self, objectives: int) -> None:
        self._objectives = objectives
        self._values: list[tuple[float, ...]] = []
        self._names: list[str] = []
        self._limit = HELD

    def add(self, name: str, values: tuple[float, ...]) -> None:
        """Take one point with its objectives."""
        self._names.append(name)
        self._values.append(values)
        if len(self._names) >= self._limit:
            self._reduce()
            self._limit = max(HELD, 2 * len(self._names))

    def front(self) -> list[str]:
        """Return the names of the points on the front, in the order in which they came."""
        self._reduce()
        return self._names

    def _reduce(self) -> None:
        if not self._names or not self._objectives:
            self._names.clear()
            return
        kept = pareto_front(np.array(self._values, dtype=np.float64)).tolist()
        self._values = [self._values[row] for row in kept]
        self._names = [self._names[row] for row in kept]
