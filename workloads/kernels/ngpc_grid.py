"""The grid encoding in the RTL's integers as a Numba CUDA kernel.

One thread a position and level, ``blockIdx.y`` the level. No inline PTX: the kernel also runs in
the CUDA simulator. It shares no code with ``archsim.functional``; dimensions, features and
interpolation are compiled in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda, int32, int64, uint32

from archsim.config.ngpc_grid import PRIMES, GridParams
from archsim.config.ngpc_params import NfpParams

THREADS = 512

Kernel = Callable[..., None]

_PRIME_Y, _PRIME_Z = PRIMES[1], PRIMES[2]


@cache
def fixed_kernel(dims: int, features: int, smooth: bool) -> Kernel:
    """Return the integer kernel; see ``encode_fixed`` for its arguments."""
    corners = 1 << dims

    def grid_fixed(
        positions: Any, table: Any, levels: Any, drop: int, half: int, bits: int, out: Any
    ) -> None:
        n = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        level = cuda.blockIdx.y
        if n >= positions.shape[0]:
            return
        cell = cuda.local.array(3, uint32)
        within = cuda.local.array(3, int64)
        cell[2] = uint32(0)
        for axis in range(dims):
            scaled = (levels[level, 0] * int64(positions[n, axis]) + int64(half)) >> int64(drop)
            cell[axis] = uint32(scaled >> int64(bits))
            w = scaled & ((int64(1) << int64(bits)) - int64(1))
            if smooth:
                w = w * w * ((int64(3) << int64(bits)) - int64(2) * w)
                w = (w + (int64(1) << int64(2 * bits - 1))) >> int64(2 * bits)
            within[axis] = w
        resolution = uint32(levels[level, 1])
        entries = uint32(levels[level, 2])
        prime_y, prime_z, one = uint32(_PRIME_Y), uint32(_PRIME_Z), uint32(1)
        value = cuda.local.array((8, features), int32)
        for corner in range(corners):
            x = uint32(cell[0] + uint32(corner & 1))
            y = uint32(cell[1] + uint32(corner >> 1 & 1))
            z = uint32(cell[2] + uint32(corner >> 2 & 1))
            if levels[level, 4] != 0:  # a hashed level has a power of two of entries
                index = (x ^ uint32(y * prime_y) ^ uint32(z * prime_z)) & uint32(entries - one)
            else:
                index = uint32(x + uint32(resolution * uint32(y + uint32(resolution * z))))
                index = uint32(index % entries)
            at = levels[level, 3] + int64(index)
            for f in range(features):
                value[corner, f] = table[at, f]
        rounding = int64(1) << int64(bits - 1)
        for axis in range(dims):
            for pair in range(corners >> (axis + 1)):
                for f in range(features):
                    low = int64(value[2 * pair, f])
                    high = int64(value[2 * pair + 1, f])
                    moved = ((high - low) * within[axis] + rounding) >> int64(bits)
                    value[pair, f] = int32(low + moved)
        for f in range(features):
            out[n, level * features + f] = value[0, f]

    return grid_fixed


def level_rows(grid: GridParams, scales_raw: list[int]) -> np.ndarray[Any, Any]:
    """Return int64 ``[levels, 5]``: raw scale, resolution, entries, offset, hashed."""
    rows = [
        (scale, t.resolution, t.entries, t.offset, int(t.hashed))
        for scale, t in zip(scales_raw, grid.tables, strict=True)
    ]
    return np.array(rows, np.int64)


def encode_fixed(
    params: NfpParams, positions: np.ndarray[Any, Any], table: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return int16 features ``[n, levels * features]`` of raw ``positions`` and ``table``."""
    out = cuda.to_device(np.zeros((len(positions), params.grid.outputs), np.int16))
    launch_fixed(params, len(positions))(
        cuda.to_device(positions.astype(np.uint32)), cuda.to_device(table.astype(np.int16)), out
    )
    return np.asarray(out.copy_to_host())


def launch_fixed(params: NfpParams, count: int) -> Callable[[Any, Any, Any], None]:
    """Return the launch for ``count`` positions: uint32 positions, int16 table, int16 out."""
    grid, formats = params.grid, params.formats
    point = formats.position_bits + formats.scale_fraction_bits
    drop = point - formats.fraction_bits
    half = (1 << (point - 1)) + ((1 << drop) >> 1)
    scales = [params.scale_raw(level) for level in range(grid.levels)]
    levels = cuda.to_device(level_rows(grid, scales))
    kernel = cuda.jit(fixed_kernel(grid.dims, grid.features, grid.interpolation == "smoothstep"))
    shape = ((-(-count // THREADS), grid.levels), THREADS)

    def launch(positions: Any, table: Any, out: Any) -> None:
        kernel[shape](
            positions, table, levels, np.int64(drop), np.int64(half),
            np.int64(formats.fraction_bits), out,
        )  # fmt: skip

    return launch
