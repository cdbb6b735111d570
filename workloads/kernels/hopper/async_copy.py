"""A tiled product whose tiles come through registers, or by asynchronous copies in two stages.

The dissection's experiment after CUDA's sample ``globalToShmemAsyncCopy``: the inner dimension is
2048, a block computes a tile of 8 x 8, 16 x 16 or 32 x 32 elements, one a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda, float32, uint32, uint64

from workloads.kernels.examples.case import Case, close
from workloads.kernels.ptx import (
    address_of,
    async_commit,
    async_copy_4,
    async_wait_1,
    async_wait_all,
    shared_address,
)

INNER = 2048
GRIDS = ((12, 11), (24, 22))


def _kernels(tile: int) -> tuple[Any, Any]:
    """(synchronous, asynchronous) kernel for one size of tile."""
    twice = 2

    @cuda.jit
    def sync_share(a, b, c):
        ta = cuda.shared.array((tile, tile), float32)
        tb = cuda.shared.array((tile, tile), float32)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        col, row = cuda.grid(2)
        total = float32(0.0)
        for start in range(0, a.shape[1], tile):
            ta[ty, tx] = a[row, start + tx]
            tb[ty, tx] = b[start + ty, col]
            cuda.syncthreads()
            for k in range(tile):
                total += ta[ty, k] * tb[k, tx]
            cuda.syncthreads()
        c[row, col] = total

    @cuda.jit
    def async_pipe(a, b, c):
        ta = cuda.shared.array((twice, tile, tile), float32)
        tb = cuda.shared.array((twice, tile, tile), float32)
        tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
        col, row = cuda.grid(2)
        stage = uint32(4 * tile * tile)
        at = uint32(4) * uint32(ty * tile + tx)
        to_a = uint32(shared_address(address_of(ta)) + at)
        to_b = uint32(shared_address(address_of(tb)) + at)
        from_a = uint64(address_of(a)) + uint64(4) * uint64(row * a.shape[1] + tx)
        from_b = uint64(address_of(b)) + uint64(4) * uint64(ty * b.shape[1] + col)
        step_b = uint64(4 * tile) * uint64(b.shape[1])
        async_copy_4(to_a, from_a)
        async_copy_4(to_b, from_b)
        async_commit()
        total = float32(0.0)
        tiles = a.shape[1] // tile
        for n in range(tiles):
            if n + 1 < tiles:
                more = uint32((n + 1) & 1) * stage
                async_copy_4(uint32(to_a + more), from_a + uint64(4 * tile) * uint64(n + 1))
                async_copy_4(uint32(to_b + more), from_b + step_b * uint64(n + 1))
                async_commit()
                async_wait_1()
            else:
                async_wait_all()
            cuda.syncthreads()
            half = n & 1
            for k in range(tile):
                total += ta[half, ty, k] * tb[half, k, tx]
            cuda.syncthreads()
        c[row, col] = total

    return sync_share, async_pipe


KERNELS = {tile: _kernels(tile) for tile in (8, 16, 32)}


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Both kernels with one and four blocks an SM."""
    for tile, pair in KERNELS.items():
        for grid in GRIDS:
            a = rng.standard_normal((grid[1] * tile, INNER), dtype=np.float32)
            b = rng.standard_normal((INNER, grid[0] * tile), dtype=np.float32)
            want = a.astype(np.float64) @ b
            for kernel, name in zip(pair, ("sync", "async"), strict=True):
                out = np.zeros(want.shape, np.float32)
                yield Case(
                    f"{name}_{tile}x{tile}_{grid[0] * grid[1]}", kernel, grid, (tile, tile),
                    (a, b, out), {"expect": close(2, want, 1e-4, 2e-3)},
                )  # fmt: skip
