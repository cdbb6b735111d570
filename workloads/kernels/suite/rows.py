"""Reductions, scans, histograms and row-wise kernels."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda, float32, int32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.suite.streaming import _case


@cuda.jit
def reduce_tree(x, out):
    """A tree in shared memory, one atomic addition a block."""
    part = cuda.shared.array(256, float32)
    tid = cuda.threadIdx.x
    total = np.float32(0.0)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        total += x[i]
    part[tid] = total
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
def dot_shuffle(x, y, out):
    """Dot product by shuffles, one atomic addition a warp."""
    total = np.float32(0.0)
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        total += x[i] * y[i]
    for k in range(5):
        total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 16 >> k)
    if cuda.laneid == 0:
        cuda.atomic.add(out, 0, total)


@cuda.jit
def softmax_warp(x, out):
    """Softmax of a row a warp."""
    row = cuda.grid(1) // 32
    lane = cuda.laneid
    if row < x.shape[0]:
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
def layernorm_block(x, out):
    """Layer normalisation of a row a block of 128 threads."""
    part = cuda.shared.array((2, 128), float32)
    row = cuda.blockIdx.x
    tid = cuda.threadIdx.x
    s = np.float32(0.0)
    q = np.float32(0.0)
    for j in range(tid, x.shape[1], 128):
        v = x[row, j]
        s += v
        q += v * v
    part[0, tid] = s
    part[1, tid] = q
    cuda.syncthreads()
    step = 64
    while step > 0:
        if tid < step:
            part[0, tid] += part[0, tid + step]
            part[1, tid] += part[1, tid + step]
        cuda.syncthreads()
        step >>= 1
    mean = part[0, 0] / np.float32(x.shape[1])
    scale = np.float32(1.0) / math.sqrt(part[1, 0] / np.float32(x.shape[1]) - mean * mean + 1e-5)
    for j in range(tid, x.shape[1], 128):
        out[row, j] = (x[row, j] - mean) * scale


@cuda.jit
def scan_rows(x, out):
    """Inclusive scan of each row of 256 (Hillis and Steele)."""
    data = cuda.shared.array(256, int32)
    tid = cuda.threadIdx.x
    i = cuda.grid(1)
    data[tid] = x[i]
    cuda.syncthreads()
    step = 1
    while step < 256:
        other = 0
        if tid >= step:
            other = data[tid - step]
        cuda.syncthreads()
        data[tid] += other
        cuda.syncthreads()
        step *= 2
    out[i] = data[tid]


@cuda.jit
def histogram_shared(x, bins):
    """256 bins in shared memory, then added to the whole."""
    local = cuda.shared.array(256, int32)
    tid = cuda.threadIdx.x
    local[tid] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.size, cuda.gridsize(1)):
        cuda.atomic.add(local, x[i], 1)
    cuda.syncthreads()
    cuda.atomic.add(bins, tid, local[tid])


@cuda.jit
def histogram_global(x, bins):
    """Bins in global memory."""
    i = cuda.grid(1)
    if i < x.size:
        cuda.atomic.add(bins, x[i], 1)


@cuda.jit
def bitonic_rows(x, out):
    """Sort of 512 integers by a block."""
    data = cuda.shared.array(512, int32)
    tid = cuda.threadIdx.x
    data[tid] = x[cuda.blockIdx.x, tid]
    cuda.syncthreads()
    size = 2
    while size <= 512:
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
    out[cuda.blockIdx.x, tid] = data[tid]


@cuda.jit
def column_sums(x, out):
    """A column a thread."""
    j = cuda.grid(1)
    if j < x.shape[1]:
        total = np.float32(0.0)
        for i in range(x.shape[0]):
            total += x[i, j]
        out[j] = total


@cuda.jit
def row_sums(x, out):
    """A row a thread: uncoalesced."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        total = np.float32(0.0)
        for j in range(x.shape[1]):
            total += x[i, j]
        out[i] = total


def _reductions(rng: np.random.Generator) -> Iterator[Case]:
    for n, grid in ((1 << 14, 16), (1 << 20, 264), (1 << 23, 1056)):
        x = rng.integers(0, 2, n).astype(np.float32)
        want = np.array([x.sum()], np.float32)
        yield _case(f"reduce_tree_{n}", reduce_tree, grid, 256, (x, np.zeros(1, np.float32)),
                    exact(1, want))  # fmt: skip
    for n, grid in ((1 << 17, 64), (1 << 22, 528)):
        x, y = rng.integers(0, 2, (2, n)).astype(np.float32)
        want = np.array([x @ y], np.float32)
        yield _case(f"dot_{n}", dot_shuffle, grid, 256, (x, y, np.zeros(1, np.float32)),
                    exact(2, want))  # fmt: skip
    for rows, cols in ((64, 128), (4096, 512), (1024, 4096)):
        x = rng.normal(size=(rows, cols)).astype(np.float32)
        e = np.exp(x - x.max(1, keepdims=True))
        want = e / e.sum(1, keepdims=True)
        yield _case(f"softmax_{rows}_{cols}", softmax_warp, rows // 4, 128, (x, np.zeros_like(x)),
                    close(1, want, 1e-4, 1e-6))  # fmt: skip
    for rows, cols in ((132, 256), (4096, 1024)):
        x = rng.normal(size=(rows, cols)).astype(np.float32)
        want = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        yield _case(f"layernorm_{rows}_{cols}", layernorm_block, rows, 128, (x, np.zeros_like(x)),
                    close(1, want, 1e-3, 1e-4))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _reductions(rng)
    for blocks in (8, 2048):
        x = rng.integers(-99, 99, blocks * 256).astype(np.int32)
        want = np.cumsum(x.reshape(-1, 256), axis=1, dtype=np.int32).ravel()
        yield _case(f"scan_{blocks}", scan_rows, blocks, 256, (x, np.zeros_like(x)), exact(1, want))
    for n, grid, spread in ((1 << 16, 32, 256), (1 << 22, 528, 256), (1 << 22, 528, 4)):
        x = rng.integers(0, spread, n).astype(np.int32)
        want = np.bincount(x, minlength=256).astype(np.int32)
        yield _case(f"histogram_shared_{n}_{spread}", histogram_shared, grid, 256,
                    (x, np.zeros(256, np.int32)), exact(1, want))  # fmt: skip
    for n, bins in ((1 << 16, 4096), (1 << 18, 64)):
        x = rng.integers(0, bins, n).astype(np.int32)
        want = np.bincount(x, minlength=bins).astype(np.int32)
        yield _case(f"histogram_global_{n}_{bins}", histogram_global, n // 256, 256,
                    (x, np.zeros(bins, np.int32)), exact(1, want))  # fmt: skip
    for rows in (4, 528):
        table = rng.integers(-(2**31), 2**31, (rows, 512)).astype(np.int32)
        yield _case(f"bitonic_{rows}", bitonic_rows, rows, 512, (table, np.zeros_like(table)),
                    exact(1, np.sort(table, axis=1)))  # fmt: skip
    for rows, cols in ((256, 4096), (1024, 16384)):
        x = rng.integers(0, 9, (rows, cols)).astype(np.float32)
        yield _case(f"column_sums_{rows}_{cols}", column_sums, cols // 128, 128,
                    (x, np.zeros(cols, np.float32)), exact(1, x.sum(0)))  # fmt: skip
        yield _case(f"row_sums_{cols}_{rows}", row_sums, cols // 128, 128,
                    (np.ascontiguousarray(x.T), np.zeros(cols, np.float32)),
                    exact(1, x.sum(0)))  # fmt: skip
