"""Kernels whose threads work together: shared memory, barriers, shuffles, votes, atomics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda, float32, float64, int32

from workloads.kernels.examples.case import Case, case, close, exact

TILE = 16
PADDED = TILE + 1


@cuda.jit
def matmul_tiled(a, b, c):
    """C = A @ B through 16 x 16 tiles in shared memory."""
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
def reduce_shared(x, out):
    """Sum by a tree in shared memory, one atomic addition per block."""
    part = cuda.shared.array(256, float32)
    tid = cuda.threadIdx.x
    i = cuda.grid(1)
    part[tid] = x[i] if i < x.size else np.float32(0.0)
    cuda.syncthreads()
    step = 128
    while step > 0:
        if tid < step:
            part[tid] += part[tid + step]
        cuda.syncthreads()
        step >>= 1
    if tid == 0:
        cuda.atomic.add(out, 0, part[0])


@cuda.jit
def dot64(x, y, out):
    """Dot product in fp64 by shuffles inside warps."""
    total = 0.0
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        total += x[i] * y[i]
    offset = 16
    while offset > 0:
        total += cuda.shfl_down_sync(0xFFFFFFFF, total, offset)
        offset >>= 1
    if cuda.laneid == 0:
        cuda.atomic.add(out, 0, total)


@cuda.jit
def scan_block(x, out):
    """Inclusive scan of each block (Hillis and Steele)."""
    data = cuda.shared.array(128, int32)
    tid = cuda.threadIdx.x
    i = cuda.grid(1)
    data[tid] = x[i]
    cuda.syncthreads()
    step = 1
    while step < 128:
        other = 0
        if tid >= step:
            other = data[tid - step]
        cuda.syncthreads()
        data[tid] += other
        cuda.syncthreads()
        step *= 2
    out[i] = data[tid]


@cuda.jit
def histogram(x, bins):
    """Histogram in shared memory with atomics, then added to the whole."""
    local = cuda.shared.array(64, int32)
    tid = cuda.threadIdx.x
    if tid < 64:
        local[tid] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.add(local, x[i] & 63, 1)
    cuda.syncthreads()
    if tid < 64:
        cuda.atomic.add(bins, tid, local[tid])


@cuda.jit
def transpose(x, out):
    """Matrix transpose through a padded tile."""
    tile = cuda.shared.array((TILE, PADDED), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    col, row = cuda.grid(2)
    tile[ty, tx] = x[row, col]
    cuda.syncthreads()
    out[cuda.blockIdx.x * TILE + ty, cuda.blockIdx.y * TILE + tx] = tile[tx, ty]


@cuda.jit
def bitonic_sort(x):
    """Sort of 256 integers by one block."""
    data = cuda.shared.array(256, int32)
    tid = cuda.threadIdx.x
    data[tid] = x[cuda.blockIdx.x, tid]
    cuda.syncthreads()
    size = 2
    while size <= 256:
        step = size >> 1
        while step > 0:
            partner = tid ^ step
            if partner > tid:
                up = (tid & size) == 0
                a = data[tid]
                b = data[partner]
                if (a > b) == up:
                    data[tid] = b
                    data[partner] = a
            cuda.syncthreads()
            step >>= 1
        size <<= 1
    x[cuda.blockIdx.x, tid] = data[tid]


@cuda.jit
def softmax_rows(x, out):
    """Softmax of each row by one warp, fp32."""
    row = cuda.blockIdx.x
    lane = cuda.threadIdx.x
    top = np.float32(-1e30)
    for j in range(lane, x.shape[1], 32):
        top = max(top, x[row, j])
    for k in range(5):
        top = max(top, cuda.shfl_xor_sync(0xFFFFFFFF, top, 16 >> k))
    total = np.float32(0.0)
    for j in range(lane, x.shape[1], 32):
        total += math.exp(x[row, j] - top)
    for k in range(5):
        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 16 >> k)
    for j in range(lane, x.shape[1], 32):
        out[row, j] = math.exp(x[row, j] - top) / total


@cuda.jit
def layernorm_rows(x, out):
    """Layer normalisation of each row by one block of 64 threads, fp32."""
    part = cuda.shared.array(64, float32)
    part2 = cuda.shared.array(64, float32)
    row = cuda.blockIdx.x
    tid = cuda.threadIdx.x
    s = np.float32(0.0)
    s2 = np.float32(0.0)
    for j in range(tid, x.shape[1], 64):
        s += x[row, j]
        s2 += x[row, j] * x[row, j]
    part[tid] = s
    part2[tid] = s2
    cuda.syncthreads()
    step = 32
    while step > 0:
        if tid < step:
            part[tid] += part[tid + step]
            part2[tid] += part2[tid + step]
        cuda.syncthreads()
        step >>= 1
    mean = part[0] / np.float32(x.shape[1])
    var = part2[0] / np.float32(x.shape[1]) - mean * mean
    scale = np.float32(1.0) / math.sqrt(var + np.float32(1e-5))
    for j in range(tid, x.shape[1], 64):
        out[row, j] = (x[row, j] - mean) * scale


@cuda.jit
def votes(x, out):
    """Ballot, any, all and match of each warp."""
    i = cuda.grid(1)
    v = x[i]
    mask = cuda.ballot_sync(0xFFFFFFFF, v > 0)
    some = cuda.any_sync(0xFFFFFFFF, v > 90)
    every = cuda.all_sync(0xFFFFFFFF, v > -90)
    out[i, 0] = mask
    out[i, 1] = (1 if some else 0) + (2 if every else 0)
    out[i, 2] = cuda.shfl_sync(0xFFFFFFFF, v, (cuda.laneid * 7) & 31)
    out[i, 3] = cuda.shfl_up_sync(0xFFFFFFFF, v, 3)


@cuda.jit
def dynamic_reverse(x):
    """Reversal of each block's segment through dynamic shared memory."""
    data = cuda.shared.array(0, float64)
    tid = cuda.threadIdx.x
    i = cuda.grid(1)
    data[tid] = x[i]
    cuda.syncthreads()
    x[i] = data[cuda.blockDim.x - 1 - tid]


@cuda.jit
def divergent_barriers(x, out):
    """Nested branches that meet again before each barrier."""
    data = cuda.shared.array(64, int32)
    tid = cuda.threadIdx.x
    v = x[tid]
    for k in range(3):
        if v & 1:
            if v & 2:
                v = v * 3 + k
            else:
                v = v - 5
        else:
            v = (v >> 1) + tid
        data[tid] = v
        cuda.syncthreads()
        v += data[(tid + 7) & 63]
        cuda.syncthreads()
    out[tid] = v


@cuda.jit
def spin_minimum(x, out):
    """Smallest value and compare-and-swap of the first flag."""
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.min(out, 0, x[i])
        cuda.atomic.max(out, 1, x[i])
        cuda.atomic.cas(out, 2, 0, 7)


def _divergent(x: np.ndarray) -> np.ndarray:
    v = x.astype(np.int64)
    tid = np.arange(64)
    for k in range(3):
        odd = np.where(v & 2, v * 3 + k, v - 5)
        v = np.where(v & 1, odd, (v >> 1) + tid)
        v = v + v[(tid + 7) & 63]
    return v.astype(np.int32)


def _votes(x: np.ndarray) -> np.ndarray:
    out = np.zeros((x.size, 4), np.int64)
    lane = np.arange(32)
    for w in range(0, x.size, 32):
        v = x[w : w + 32]
        ballot = ((v > 0).astype(np.uint32) << lane.astype(np.uint32)).sum(dtype=np.uint32)
        out[w : w + 32, 0] = ballot.astype(np.int32)  # Numba's ballot is a signed word
        out[w : w + 32, 1] = int((v > 90).any()) + 2 * int((v > -90).all())
        out[w : w + 32, 2] = v[(lane * 7) & 31]
        out[w : w + 32, 3] = np.where(lane < 3, v, np.roll(v, 3))
    return out


def _row_cases(rng: np.random.Generator) -> Iterator[Case]:
    x = rng.normal(0, 3, (5, 100)).astype(np.float32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    want = e / e.sum(1, keepdims=True)
    yield case(softmax_rows, 5, 32, (x, np.zeros_like(x)), close(1, want, 2e-6))
    wide = x.astype(np.float64)
    norm = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    yield case(layernorm_rows, 5, 64, (x, np.zeros_like(x)), close(1, norm, 1e-4, 1e-5))


def _integer_cases(rng: np.random.Generator) -> Iterator[Case]:
    x = rng.integers(-99, 99, 512).astype(np.int32)
    want = np.cumsum(x.reshape(4, 128), axis=1, dtype=np.int32).ravel()
    yield case(scan_block, 4, 128, (x, np.zeros(512, np.int32)), exact(1, want))
    many = rng.integers(0, 2**20, 3000).astype(np.int32)
    bins = np.bincount(many & 63, minlength=64).astype(np.int32)
    yield case(histogram, 4, 128, (many, np.zeros(64, np.int32)), exact(1, bins))
    rows = rng.integers(-(2**31), 2**31, (3, 256)).astype(np.int32)
    yield case(bitonic_sort, 3, 256, (rows.copy(),), exact(0, np.sort(rows, axis=1)))
    yield case(votes, 4, 128, (x, np.zeros((512, 4), np.int64)), exact(1, _votes(x)))
    v = rng.integers(0, 2**10, 64).astype(np.int32)
    yield case(divergent_barriers, 1, 64, (v, np.zeros(64, np.int32)), exact(1, _divergent(v)))
    low_high = np.array([x.min(), x.max(), 7], np.int32)
    yield case(spin_minimum, 4, 128, (x, np.zeros(3, np.int32)), exact(1, low_high))


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    a, b = rng.integers(-9, 9, (2, 48, 48)).astype(np.float32)
    yield case(matmul_tiled, (3, 3), (16, 16), (a, b, np.zeros_like(a)), exact(2, a @ b))
    x = rng.integers(-50, 50, 1000).astype(np.float32)
    total = np.array([x.sum()], np.float32)
    yield case(reduce_shared, 4, 256, (x, np.zeros(1, np.float32)), exact(1, total))
    p, q = rng.integers(-50, 50, (2, 2000)).astype(np.float64)
    yield case(dot64, 4, 128, (p, q, np.zeros(1)), exact(2, np.array([p @ q])))
    yield case(transpose, (3, 3), (16, 16), (a, np.zeros_like(a)), exact(1, a.T))
    yield from _integer_cases(rng)
    yield from _row_cases(rng)
    d = rng.normal(size=300)
    flipped = d.reshape(3, 100)[:, ::-1].ravel()
    yield case(dynamic_reverse, 3, 100, (d.copy(),), exact(0, flipped), dynamic_smem_bytes=800)
