"""Matrix products, transposes, all-pairs kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda, float32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.ptx import (
    address_of,
    async_commit,
    async_copy_16,
    async_wait_all,
    shared_address,
)
from workloads.kernels.suite.streaming import _case

TILE = 32
PADDED = TILE + 1
BLOCK = 64


@cuda.jit
def matmul_naive(a, b, c):
    """One element a thread, operands from global memory."""
    col, row = cuda.grid(2)
    if row < c.shape[0] and col < c.shape[1]:
        total = np.float32(0.0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, col]
        c[row, col] = total


@cuda.jit
def matmul_tiled(a, b, c):
    """32 x 32 tiles in shared memory."""
    ta = cuda.shared.array((TILE, TILE), float32)
    tb = cuda.shared.array((TILE, TILE), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    col, row = cuda.grid(2)
    total = np.float32(0.0)
    for start in range(0, a.shape[1], TILE):
        ta[ty, tx] = a[row, start + tx]
        tb[ty, tx] = b[start + ty, col]
        cuda.syncthreads()
        for k in range(TILE):
            total += ta[ty, k] * tb[k, tx]
        cuda.syncthreads()
    c[row, col] = total


@cuda.jit
def matmul_blocked(a, b, c):
    """64 x 64 tile a block, 4 x 4 elements a thread of 256."""
    ta = cuda.shared.array((16, BLOCK), float32)
    tb = cuda.shared.array((16, BLOCK), float32)
    acc = cuda.local.array((4, 4), float32)
    tid = cuda.threadIdx.x
    tx = tid % 16
    ty = tid // 16
    row = cuda.blockIdx.y * BLOCK
    col = cuda.blockIdx.x * BLOCK
    for i in range(4):
        for j in range(4):
            acc[i, j] = np.float32(0.0)
    for start in range(0, a.shape[1], 16):
        for s in range(4):
            ta[tx, ty + 16 * s] = a[row + ty + 16 * s, start + tx]
            tb[ty, tx + 16 * s] = b[start + ty, col + tx + 16 * s]
        cuda.syncthreads()
        for k in range(16):
            for i in range(4):
                for j in range(4):
                    acc[i, j] += ta[k, ty + 16 * i] * tb[k, tx + 16 * j]
        cuda.syncthreads()
    for i in range(4):
        for j in range(4):
            c[row + ty + 16 * i, col + tx + 16 * j] = acc[i, j]


@cuda.jit
def matvec(a, x, y):
    """A row a warp."""
    row = cuda.grid(1) // 32
    lane = cuda.laneid
    if row < a.shape[0]:
        total = np.float32(0.0)
        for k in range(lane, a.shape[1], 32):
            total += a[row, k] * x[k]
        for s in range(5):
            total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 16 >> s)
        if lane == 0:
            y[row] = total


@cuda.jit
def transpose_naive(x, y):
    """Reads along rows, writes along columns."""
    col, row = cuda.grid(2)
    if row < x.shape[0] and col < x.shape[1]:
        y[col, row] = x[row, col]


@cuda.jit
def transpose_conflict(x, y):
    """Through a tile without padding: 32-way bank conflicts."""
    tile = cuda.shared.array((TILE, TILE), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    _col, _row = cuda.grid(2)
    for s in range(0, TILE, 8):
        tile[ty + s, tx] = x[cuda.blockIdx.y * TILE + ty + s, cuda.blockIdx.x * TILE + tx]
    cuda.syncthreads()
    for s in range(0, TILE, 8):
        y[cuda.blockIdx.x * TILE + ty + s, cuda.blockIdx.y * TILE + tx] = tile[tx, ty + s]


@cuda.jit
def transpose_padded(x, y):
    """Through a padded tile."""
    tile = cuda.shared.array((TILE, PADDED), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    for s in range(0, TILE, 8):
        tile[ty + s, tx] = x[cuda.blockIdx.y * TILE + ty + s, cuda.blockIdx.x * TILE + tx]
    cuda.syncthreads()
    for s in range(0, TILE, 8):
        y[cuda.blockIdx.x * TILE + ty + s, cuda.blockIdx.y * TILE + tx] = tile[tx, ty + s]


@cuda.jit
def nbody(pos, force):
    """Softened gravity of all pairs, from global memory."""
    i = cuda.grid(1)
    n = pos.shape[0]
    if i < n:
        fx = np.float32(0.0)
        fy = np.float32(0.0)
        px = pos[i, 0]
        py = pos[i, 1]
        for j in range(n):
            dx = pos[j, 0] - px
            dy = pos[j, 1] - py
            r2 = dx * dx + dy * dy + np.float32(0.01)
            inv = np.float32(1.0) / (r2 * math.sqrt(r2))
            fx += dx * inv
            fy += dy * inv
        force[i, 0] = fx
        force[i, 1] = fy


@cuda.jit
def distances(p, q, out):
    """Squared distances of all pairs in 8 dimensions, fp64."""
    j, i = cuda.grid(2)
    if i < out.shape[0] and j < out.shape[1]:
        total = 0.0
        for k in range(8):
            d = p[i, k] - q[j, k]
            total += d * d
        out[i, j] = total


@cuda.jit
def staged_copy(x, y):
    """Through shared memory with cp.async: 16 bytes a thread, eight steps a block."""
    tile = cuda.shared.array(1024, float32)
    tid = cuda.threadIdx.x
    base = cuda.blockIdx.x * 8192
    place = shared_address(address_of(tile)) + 16 * tid
    source = address_of(x)
    for step in range(8):
        async_copy_16(place, source + 4 * (base + step * 1024 + 4 * tid))
        async_commit()
        async_wait_all()
        cuda.syncthreads()
        for k in range(4):
            y[base + step * 1024 + k * 256 + tid] = tile[k * 256 + tid] + np.float32(1.0)
        cuda.syncthreads()


def _products(rng: np.random.Generator) -> Iterator[Case]:
    for kernel, n, tile, threads in (
        (matmul_naive, 64, 16, (16, 16)), (matmul_naive, 512, 16, (16, 16)),
        (matmul_tiled, 128, 32, (32, 32)), (matmul_tiled, 512, 32, (32, 32)),
        (matmul_tiled, 1024, 32, (32, 32)),
        (matmul_blocked, 256, 64, (256,)), (matmul_blocked, 1024, 64, (256,)),
    ):  # fmt: skip
        a, b = rng.integers(-4, 5, (2, n, n)).astype(np.float32)
        name = kernel.py_func.__name__
        yield _case(f"{name}_{n}", kernel, (n // tile, n // tile), threads,
                    (a, b, np.zeros_like(a)), exact(2, a @ b))  # fmt: skip
    for rows, cols in ((256, 1024), (4096, 4096)):
        a = rng.integers(-4, 5, (rows, cols)).astype(np.float32)
        x = rng.integers(-4, 5, cols).astype(np.float32)
        yield _case(f"matvec_{rows}_{cols}", matvec, rows // 8, 256,
                    (a, x, np.zeros(rows, np.float32)), exact(2, a @ x))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _products(rng)
    for kernel, n, block in (
        (transpose_naive, 512, (32, 8)), (transpose_naive, 2048, (16, 16)),
        (transpose_conflict, 1024, (32, 8)), (transpose_padded, 256, (32, 8)),
        (transpose_padded, 2048, (32, 8)),
    ):  # fmt: skip
        x = rng.random((n, n), dtype=np.float32)
        tiles = (n // 32, n // 32) if kernel is not transpose_naive else (
            n // block[0], n // block[1])  # fmt: skip
        yield _case(f"{kernel.py_func.__name__}_{n}", kernel, tiles, block, (x, np.zeros_like(x)),
                    exact(1, x.T))  # fmt: skip
    for n in (256, 8192):
        pos = rng.normal(size=(n, 2)).astype(np.float32)
        yield _case(f"nbody_{n}", nbody, n // 64, 64, (pos, np.zeros_like(pos)), _no_check)
    p, q = rng.integers(-9, 9, (2, 1024, 8)).astype(np.float64)
    want = ((p[:, None, :] - q[None, :, :]) ** 2).sum(2)
    yield _case("distances_1024", distances, (64, 64), (16, 16), (p, q, np.zeros((1024, 1024))),
                close(2, want, 1e-12))  # fmt: skip
    for ctas in (16, 512):
        x = rng.random(ctas * 8192, dtype=np.float32)
        yield _case(f"staged_copy_{ctas}", staged_copy, ctas, 256, (x, np.zeros_like(x)),
                    exact(1, x + np.float32(1)))  # fmt: skip


def _no_check(args: tuple[np.ndarray, ...]) -> None:
    """Forces are finite."""
    np.testing.assert_equal(np.isfinite(args[1]).all(), True)
