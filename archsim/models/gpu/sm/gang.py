"""The arrays that the compiled interpreter works on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Gang(NamedTuple):
    """All arrays of a gang of CTAs (see `state`, `columns` and the lane modules)."""

    R: NDArray[np.uint32]
    P: NDArray[np.uint32]
    code: NDArray[np.int64]
    W: NDArray[np.int64]
    T: NDArray[np.uint32]
    S: NDArray[np.int64]
    Y: NDArray[np.uint32]
    B: NDArray[np.int64]
    K: NDArray[np.int64]
    L: NDArray[np.int64]
    ends: NDArray[np.int64]
    M8: NDArray[np.uint8]
    M32: NDArray[np.uint32]
    constants: NDArray[np.uint8]
    starts: NDArray[np.int64]
    A: NDArray[np.int64]
    Q: NDArray[np.int64]
    X: NDArray[np.float64]
    F: NDArray[np.int64]
    ready: NDArray[np.uint8]
    race: NDArray[np.int64]


class Log(NamedTuple):
    """Arrays of a `TraceLog`."""

    used: NDArray[np.int64]
    warp: NDArray[np.int16]
    pc: NDArray[np.int32]
    mask: NDArray[np.uint32]
    mem: NDArray[np.int32]
    address: NDArray[np.int64]
