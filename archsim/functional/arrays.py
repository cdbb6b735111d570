"""What the operators' references share: checked integer arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[Any]


def checked(name: str, value: Any, bits: int, signed: bool) -> Ints:
    """Return ``value`` as an int64 array; TypeError for no integers, ValueError out of range."""
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must hold integers, not {array.dtype}")
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - signed)) - 1
    if array.size and not (int(array.min()) >= low and int(array.max()) <= high):
        raise ValueError(f"{name} must be {low} to {high}, not beyond")
    return array.astype(np.int64)


def leading_one(value: Ints) -> Ints:
    """Return the position of the highest set bit of numbers above 0; 0 for 0."""
    position = np.zeros_like(value)
    rest = value.copy()
    for step in (32, 16, 8, 4, 2, 1):
        large = rest >= 1 << step if step < 63 else rest < 0
        position += large * step
        rest = np.where(large, rest >> step, rest)
    return position
