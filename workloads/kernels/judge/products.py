"""Dense products and all-pairs kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda, float32, float64
from numba.types import float16

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import _check_finite, launch


@cuda.jit
def gemm16(a, b, c):
    """16 x 16 tiles in shared memory, any shape."""
    ta = cuda.shared.array((16, 16), float32)
    tb = cuda.shared.array((16, 16), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    row = cuda.blockIdx.y * 16 + ty
    col = cuda.blockIdx.x * 16 + tx
    total = np.float32(0.0)
    for t in range((a.shape[1] + 15) // 16):
        ta[ty, tx] = np.float32(0.0)
        tb[ty, tx] = np.float32(0.0)
        if row < a.shape[0] and t * 16 + tx < a.shape[1]:
            ta[ty, tx] = a[row, t * 16 + tx]
        if col < b.shape[1] and t * 16 + ty < b.shape[0]:
            tb[ty, tx] = b[t * 16 + ty, col]
        cuda.syncthreads()
        for k in range(16):
            total += ta[ty, k] * tb[k, tx]
        cuda.syncthreads()
    if row < c.shape[0] and col < c.shape[1]:
        c[row, col] = total


@cuda.jit
def gemm_half(a, b, c):
    """fp16 operands in tiles of 16, fp32 sums."""
    ta = cuda.shared.array((16, 16), float16)
    tb = cuda.shared.array((16, 16), float16)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    row = cuda.blockIdx.y * 16 + ty
    col = cuda.blockIdx.x * 16 + tx
    total = np.float32(0.0)
    for t in range(a.shape[1] // 16):
        ta[ty, tx] = a[row, t * 16 + tx]
        tb[ty, tx] = b[t * 16 + ty, col]
        cuda.syncthreads()
        for k in range(16):
            total += np.float32(ta[ty, k]) * np.float32(tb[k, tx])
        cuda.syncthreads()
    c[row, col] = total


@cuda.jit
def gemm_rows(a, b, c):
    """fp64, a row of 8 results a thread in registers; B through shared memory."""
    tile = cuda.shared.array((8, 128), float64)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.y * 8
    col = cuda.blockIdx.x * 128 + t
    s0 = 0.0
    s1 = 0.0
    s2 = 0.0
    s3 = 0.0
    s4 = 0.0
    s5 = 0.0
    s6 = 0.0
    s7 = 0.0
    for base in range(0, a.shape[1], 8):
        for k in range(8):
            tile[k, t] = b[base + k, col]
        cuda.syncthreads()
        for k in range(8):
            v = tile[k, t]
            s0 += a[row, base + k] * v
            s1 += a[row + 1, base + k] * v
            s2 += a[row + 2, base + k] * v
            s3 += a[row + 3, base + k] * v
            s4 += a[row + 4, base + k] * v
            s5 += a[row + 5, base + k] * v
            s6 += a[row + 6, base + k] * v
            s7 += a[row + 7, base + k] * v
        cuda.syncthreads()
    c[row, col] = s0
    c[row + 1, col] = s1
    c[row + 2, col] = s2
    c[row + 3, col] = s3
    c[row + 4, col] = s4
    c[row + 5, col] = s5
    c[row + 6, col] = s6
    c[row + 7, col] = s7


@cuda.jit
def transpose64(x, y):
    """fp64 through a padded tile, 32 x 8 threads."""
    tile = cuda.shared.array((32, 33), float64)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    col = cuda.blockIdx.x * 32 + tx
    row = cuda.blockIdx.y * 32 + ty
    for r in range(0, 32, 8):
        if row + r < x.shape[0] and col < x.shape[1]:
            tile[ty + r, tx] = x[row + r, col]
    cuda.syncthreads()
    col = cuda.blockIdx.y * 32 + tx
    row = cuda.blockIdx.x * 32 + ty
    for r in range(0, 32, 8):
        if row + r < y.shape[0] and col < y.shape[1]:
            y[row + r, col] = tile[tx, ty + r]


@cuda.jit
def gravity(pos, acc):
    """All pairs of bodies (x, y, z, mass) by tiles in shared memory."""
    tile = cuda.shared.array((128, 4), float32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    px = pos[i, 0]
    py = pos[i, 1]
    pz = pos[i, 2]
    ax = np.float32(0.0)
    ay = np.float32(0.0)
    az = np.float32(0.0)
    for start in range(0, pos.shape[0], 128):
        for k in range(4):
            tile[t, k] = pos[start + t, k]
        cuda.syncthreads()
        for j in range(128):
            dx = tile[j, 0] - px
            dy = tile[j, 1] - py
            dz = tile[j, 2] - pz
            r2 = dx * dx + dy * dy + dz * dz + np.float32(0.001)
            inv = np.float32(1.0) / math.sqrt(r2)
            s = tile[j, 3] * inv * inv * inv
            ax += dx * s
            ay += dy * s
            az += dz * s
        cuda.syncthreads()
    acc[i, 0] = ax
    acc[i, 1] = ay
    acc[i, 2] = az


@cuda.jit
def assign(points, centres, label):
    """k-means: nearest of the centres in shared memory, 4 dimensions."""
    local = cuda.shared.array((64, 4), float32)
    t = cuda.threadIdx.x
    if t < centres.shape[0]:
        for d in range(4):
            local[t, d] = centres[t, d]
    cuda.syncthreads()
    i = cuda.grid(1)
    if i < points.shape[0]:
        best = np.float32(1e30)
        at = 0
        for c in range(centres.shape[0]):
            total = np.float32(0.0)
            for d in range(4):
                diff = points[i, d] - local[c, d]
                total += diff * diff
            if total < best:
                best = total
                at = c
        label[i] = at


@cuda.jit
def matvec_columns(a, x, y):
    """y = A' x, a column a thread, fp32."""
    j = cuda.grid(1)
    if j < a.shape[1]:
        total = np.float32(0.0)
        for i in range(a.shape[0]):
            total += a[i, j] * x[i]
        y[j] = total


@cuda.jit
def attend(q, k, v, out):
    """One query a block of 128 threads over all keys; 64 dimensions."""
    scores = cuda.shared.array(0, float32)
    red = cuda.shared.array(128, float32)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.x
    n = k.shape[0]
    top = np.float32(-1e30)
    for j in range(t, n, 128):
        s = np.float32(0.0)
        for d in range(64):
            s += q[row, d] * k[j, d]
        scores[128 + j] = s
        top = max(top, s)
    red[t] = top
    cuda.syncthreads()
    for w in range(128):
        top = max(top, red[w])
    cuda.syncthreads()
    total = np.float32(0.0)
    for j in range(t, n, 128):
        e = math.exp(scores[128 + j] - top)
        scores[128 + j] = e
        total += e
    red[t] = total
    cuda.syncthreads()
    total = np.float32(0.0)
    for w in range(128):
        total += red[w]
    if t < 64:
        s = np.float32(0.0)
        for j in range(n):
            s += scores[128 + j] * v[j, t]
        out[row, t] = s / total


@cuda.jit
def outer(x, y, out):
    """Outer product added to a matrix."""
    j, i = cuda.grid(2)
    if i < out.shape[0] and j < out.shape[1]:
        out[i, j] += x[i] * y[j]


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for m, n, k in ((100, 90, 70), (400, 416, 384), (1024, 768, 512)):
        a, b = (rng.integers(-4, 4, s).astype(np.float32) for s in ((m, k), (k, n)))
        yield launch(f"gemm16_{m}_{n}_{k}", gemm16, (-(-n // 16), -(-m // 16)), (16, 16),
                     (a, b, np.zeros((m, n), np.float32)), exact(2, a @ b))  # fmt: skip
    for n in (256, 768):
        a, b = (rng.integers(-4, 4, (n, n)).astype(np.float16) for _ in range(2))
        yield launch(f"gemm_half_{n}", gemm_half, (n // 16, n // 16), (16, 16),
                     (a, b, np.zeros((n, n), np.float32)),
                     exact(2, a.astype(np.float32) @ b.astype(np.float32)))  # fmt: skip
    for n in (256, 1024):
        a, b = (rng.integers(-9, 9, (n, n)).astype(np.float64) for _ in range(2))
        yield launch(f"gemm_rows_{n}", gemm_rows, (n // 128, n // 8), 128,
                     (a, b, np.zeros((n, n))), exact(2, a @ b))  # fmt: skip
    for rows, cols in ((300, 200), (1900, 1500)):
        x = rng.random((rows, cols))
        yield launch(f"transpose64_{rows}_{cols}", transpose64, (-(-cols // 32), -(-rows // 32)),
                     (32, 8), (x, np.zeros((cols, rows))), exact(1, x.T.copy()))  # fmt: skip
    for n in (512, 6144):
        pos = rng.random((n, 4), dtype=np.float32)
        yield launch(f"gravity_{n}", gravity, n // 128, 128, (pos, np.zeros((n, 3), np.float32)),
                     _check_finite(1))  # fmt: skip
    for n, k in ((9_000, 16), (400_000, 48)):
        p, c = rng.random((n, 4), dtype=np.float32), rng.random((k, 4), dtype=np.float32)
        yield launch(f"assign_{n}_{k}", assign, -(-n // 256), 256, (p, c, np.zeros(n, np.int32)),
                     _check_finite(2))  # fmt: skip
    for rows, cols in ((500, 3000), (300, 60_000)):
        a, x = rng.random((rows, cols), dtype=np.float32), rng.random(rows, dtype=np.float32)
        yield launch(f"matvec_columns_{rows}_{cols}", matvec_columns, -(-cols // 128), 128,
                     (a, x, np.zeros(cols, np.float32)), close(2, x @ a, 1e-3))  # fmt: skip
    for queries, keys in ((8, 512), (500, 256)):
        q, k, v = (rng.random((s, 64), dtype=np.float32) for s in (queries, keys, keys))
        yield launch(f"attend_{queries}_{keys}", attend, queries, 128,
                     (q, k, v, np.zeros_like(q)), _check_finite(3),
                     smem=4 * (keys + 128) + 512)  # fmt: skip
    rows, cols = 1000, 2200
    x, y = rng.random(rows, dtype=np.float32), rng.random(cols, dtype=np.float32)
    yield launch(f"outer_{rows}_{cols}", outer, (-(-cols // 32), -(-rows // 8)), (32, 8),
                 (x, y, np.zeros((rows, cols), np.float32)),
                 close(2, np.outer(x, y), 1e-5))  # fmt: skip
