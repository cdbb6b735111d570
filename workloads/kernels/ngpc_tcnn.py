"""The grid encoding with the arithmetic of tiny-cuda-nn's release of 2022.

One thread a position and level. Every feature of a corner is widened to single precision, set to
zero below a threshold, weighted, rounded to half and added in half; every vertex's index, hashed
or not, is taken modulo the level's entries. Positions come axis by axis, features leave level by
level. `ngpc_half` is the leaner form: pairs of features in one instruction, no division where a
level's entries are a power of two.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba import cuda, float32, int64, uint16, uint32, uint64

from archsim.config.ngpc_grid import PRIMES, GridParams
from workloads.kernels.ngpc_grid import THREADS
from workloads.kernels.ngpc_half import Kernel, Launch
from workloads.kernels.ptx import address_of, asm

FEATURES = (2, 8)
"""Features an entry that the kernel loads as one word or one vector."""

_load_1 = asm("ld.global.nc.u32 $0, [$1];", "r", "l")
_load_4 = asm("ld.global.nc.v4.u32 {$0, $1, $2, $3}, [$4];", "rrrr", "l")
_store_4 = asm("st.global.v4.u32 [$0], {$1, $2, $3, $4};", "", "lrrrr")
_split = asm("mov.b32 {$0, $1}, $2;", "hh", "r")
_join = asm("mov.b32 $0, {$1, $2};", "r", "hh")
_widen = asm("cvt.f32.f16 $0, $1;", "f", "h")
_narrow = asm("cvt.rn.f16.f32 $0, $1;", "h", "f")
_add = asm("add.f16 $0, $1, $2;", "h", "hh")
_modulo = asm("rem.u32 $0, $1, $2;", "r", "rr")

_PRIME_Y, _PRIME_Z = PRIMES[1], PRIMES[2]


@cache
def grid_kernel(dims: int, features: int, smooth: bool, hashing: bool) -> Kernel:
    """Return the encoding of ``features`` halves an entry; ``hashing``: levels may be hashed."""
    if features not in FEATURES:
        raise ValueError(f"features must be 2 or 8, not {features!r}")
    corners = 1 << dims
    words = features // 2

    def grid_tcnn(
        positions: Any, table: Any, scales: Any, levels: Any, threshold: Any, out: Any
    ) -> None:
        n = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        level = cuda.blockIdx.y
        if n >= positions.shape[1]:
            return
        cell = cuda.local.array(3, uint32)
        within = cuda.local.array(3, float32)
        at = cuda.local.array(3, uint32)
        total = cuda.local.array(features, uint16)
        loaded = cuda.local.array(4, uint32)
        for axis in range(dims):
            scaled = cuda.fma(scales[level], positions[axis, n], float32(0.5))
            whole = uint32(scaled)
            w = scaled - float32(whole)
            cell[axis] = whole
            if smooth:
                w = w * w * (float32(3) - float32(2) * w)
            within[axis] = w
        resolution = levels[level, 0]
        entries = levels[level, 1]
        start = address_of(table) + uint64(levels[level, 2]) * uint64(2 * features)
        for f in range(features):
            total[f] = uint16(0)
        for corner in range(corners):
            weight = float32(1)
            for axis in range(dims):
                if corner >> axis & 1:
                    weight = weight * within[axis]
                    at[axis] = uint32(cell[axis] + uint32(1))
                else:
                    weight = weight * (float32(1) - within[axis])
                    at[axis] = cell[axis]
            stride = uint32(1)
            index = uint32(0)
            for axis in range(dims):
                if stride <= entries:
                    index = uint32(index + uint32(at[axis] * stride))
                    stride = uint32(stride * resolution)
            if hashing and entries < stride:
                index = uint32(at[0] ^ uint32(at[1] * uint32(_PRIME_Y)))
                if dims == 3:
                    index = uint32(index ^ uint32(at[2] * uint32(_PRIME_Z)))
            where = start + uint64(_modulo(index, entries)) * uint64(2 * features)
            if features == 2:
                loaded[0] = _load_1(where)
            else:
                loaded[0], loaded[1], loaded[2], loaded[3] = _load_4(where)
            for word in range(words):
                low, high = _split(loaded[word])
                first, second = _widen(low), _widen(high)
                if abs(first) < threshold:
                    first = float32(0)
                if abs(second) < threshold:
                    second = float32(0)
                total[2 * word] = _add(total[2 * word], _narrow(weight * first))
                total[2 * word + 1] = _add(total[2 * word + 1], _narrow(weight * second))
        if features == 2:
            out[level, n, 0] = _join(total[0], total[1])
        else:
            there = address_of(out) + uint64(
                (int64(level) * positions.shape[1] + n) * int64(2 * features)
            )
            _store_4(
                there, _join(total[0], total[1]), _join(total[2], total[3]),
                _join(total[4], total[5]), _join(total[6], total[7]),
            )  # fmt: skip

    return grid_tcnn


def level_rows(grid: GridParams) -> np.ndarray[Any, Any]:
    """Return uint32 ``[levels, 3]``: resolution, entries, first entry."""
    return np.array([(t.resolution, t.entries, t.offset) for t in grid.tables], np.uint32)


def launch_grid(grid: GridParams, count: int) -> Launch:
    """Return the launch for ``count`` positions.

    float32 positions ``[dims, count]``, uint32 table of two halves a word, uint32 out
    ``[levels, count, features / 2]``.
    """
    levels = cuda.to_device(level_rows(grid))
    scales = cuda.to_device(np.array([t.scale for t in grid.tables], np.float32))
    smooth = grid.interpolation == "smoothstep"
    kernel = cuda.jit(grid_kernel(grid.dims, grid.features, smooth, grid.kind == "hash"))
    shape = ((-(-count // THREADS), grid.levels), THREADS)

    def launch(positions: Any, table: Any, out: Any) -> None:
        kernel[shape](positions, table, scales, levels, np.float32(0), out)

    return launch
