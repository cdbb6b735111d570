"""Blocks that work together: scans by shuffles, merges, ranks, moments, joint histograms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda, float32, int32, int64

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import launch


@cuda.jit
def segment_scan(x, flags, y):
    """Inclusive sums that start anew at each flag, inside blocks of 256; warps by shuffles."""
    sums = cuda.shared.array(8, int32)
    heads = cuda.shared.array(8, int32)
    i = cuda.grid(1)
    t = cuda.threadIdx.x
    lane = t & 31
    value = x[i]
    head = flags[i]
    for k in range(5):
        step = 1 << k
        v = cuda.shfl_up_sync(0xFFFFFFFF, value, step)
        h = cuda.shfl_up_sync(0xFFFFFFFF, head, step)
        if lane >= step:
            if head == 0:
                value += v
            head |= h
    if lane == 31:
        sums[t >> 5] = value
        heads[t >> 5] = head
    cuda.syncthreads()
    if head == 0:
        w = (t >> 5) - 1
        while w >= 0:
            value += sums[w]
            if heads[w] != 0:
                break
            w -= 1
    y[i] = value


@cuda.jit
def ballot_split(x, y, bit):
    """One step of a radix sort inside blocks of 512: zeros first, by ballots."""
    zeros = cuda.shared.array(16, int32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    value = x[i]
    one = (value >> bit) & 1
    ones = cuda.ballot_sync(0xFFFFFFFF, one)
    lane = t & 31
    before = cuda.popc(ones & ((1 << lane) - 1))
    if lane == 0:
        zeros[t >> 5] = 32 - cuda.popc(ones)
    cuda.syncthreads()
    start = 0
    total = 0
    for w in range(16):
        n = zeros[w]
        if w < (t >> 5):
            start += n
        total += n
    place = start + lane - before
    if one:
        place = total + t - place
    y[cuda.blockIdx.x * 512 + place] = value


@cuda.jit
def merge_path(a, b, out, each):
    """Two sorted arrays become one: every thread finds its diagonal and merges a few."""
    i = cuda.grid(1) * each
    n = a.shape[0]
    m = b.shape[0]
    if i < n + m:
        low = max(0, i - m)
        high = min(i, n)
        while low < high:
            middle = (low + high) >> 1
            if a[middle] <= b[i - 1 - middle]:
                low = middle + 1
            else:
                high = middle
        j = i - low
        for k in range(i, min(i + each, n + m)):
            if j >= m or (low < n and a[low] <= b[j]):
                out[k] = a[low]
                low += 1
            else:
                out[k] = b[j]
                j += 1


@cuda.jit
def rank_sort(x, out):
    """Sorts by counting the smaller ones, a tile of 256 at a time."""
    tile = cuda.shared.array(256, float32)
    i = cuda.grid(1)
    t = cuda.threadIdx.x
    own = x[i]
    rank = 0
    for start in range(0, x.shape[0], 256):
        tile[t] = x[start + t]
        cuda.syncthreads()
        for k in range(256):
            other = tile[k]
            if other < own or (other == own and start + k < i):
                rank += 1
        cuda.syncthreads()
    out[rank] = own


@cuda.jit
def welford(x, mean, variance):
    """Mean and variance of rows of doubles in one pass, a warp a row; partners are merged."""
    row = (cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x) >> 5
    lane = cuda.threadIdx.x & 31
    if row < x.shape[0]:
        n = 0.0
        m = 0.0
        s = 0.0
        for k in range(lane, x.shape[1], 32):
            v = x[row, k]
            n += 1.0
            d = v - m
            m += d / n
            s += d * (v - m)
        for k in range(5):
            other_n = cuda.shfl_xor_sync(0xFFFFFFFF, n, 1 << k)
            other_m = cuda.shfl_xor_sync(0xFFFFFFFF, m, 1 << k)
            other_s = cuda.shfl_xor_sync(0xFFFFFFFF, s, 1 << k)
            total = n + other_n
            d = other_m - m
            m += d * other_n / total
            s += other_s + d * d * n * other_n / total
            n = total
        if lane == 0:
            mean[row] = m
            variance[row] = s / n


@cuda.jit
def joint_histogram(x, y, bins):
    """Counts pairs of bytes in 64 x 64 bins of the block, then adds them to all blocks'."""
    own = cuda.shared.array(4096, int32)
    for k in range(cuda.threadIdx.x, 4096, cuda.blockDim.x):
        own[k] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        cuda.atomic.add(own, (x[i] >> 2) * 64 + (y[i] >> 2), 1)
    cuda.syncthreads()
    for k in range(cuda.threadIdx.x, 4096, cuda.blockDim.x):
        if own[k] > 0:
            cuda.atomic.add(bins, k, own[k])


@cuda.jit
def top_two(x, first, second):
    """The largest and the second largest of each row, a block of 128 a row."""
    most = cuda.shared.array(128, int64)
    next_ = cuda.shared.array(128, int64)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.x
    a = int64(-1)
    b = int64(-1)
    for k in range(t, x.shape[1], 128):
        v = x[row, k]
        if v > a:
            b = a
            a = v
        elif v > b:
            b = v
    most[t] = a
    next_[t] = b
    step = 64
    while step > 0:
        cuda.syncthreads()
        if t < step:
            p = most[t + step]
            q = next_[t + step]
            if p > most[t]:
                next_[t] = max(most[t], q)
                most[t] = p
            else:
                next_[t] = max(next_[t], p)
        step >>= 1
    if t == 0:
        first[row] = most[0]
        second[row] = next_[0]


def _segments(x: np.ndarray, flags: np.ndarray) -> np.ndarray:
    want = x.copy()
    for i in range(1, len(x)):
        if i % 256 and not flags[i]:
            want[i] += want[i - 1]
    return want


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n in (2_048, 786_432):
        x = rng.integers(0, 50, n).astype(np.int32)
        flags = (rng.random(n) < 0.02).astype(np.int32)
        yield launch(f"segment_scan_{n}", segment_scan, n // 256, 256,
                     (x, flags, np.zeros_like(x)), exact(2, _segments(x, flags)))  # fmt: skip
    for n in (16_384, 1_048_576):
        x = rng.integers(0, 1 << 20, n).astype(np.int32)
        rows = x.reshape(-1, 512)
        order = np.argsort((rows >> 3) & 1, axis=1, kind="stable")
        yield launch(f"ballot_split_{n}", ballot_split, n // 512, 512, (x, np.zeros_like(x), 3),
                     exact(1, np.take_along_axis(rows, order, 1).ravel()))  # fmt: skip
    for n in (9_000, 500_000):
        a, b = (np.sort(rng.integers(0, 1 << 28, n)).astype(np.int32) for _ in range(2))
        yield launch(f"merge_path_{n}", merge_path, -(-2 * n // (8 * 128)), 128,
                     (a, b, np.zeros(2 * n, np.int32), 8),
                     exact(2, np.sort(np.concatenate([a, b]))))  # fmt: skip
    for n in (1_024, 8_192):
        x = rng.random(n, dtype=np.float32)
        yield launch(f"rank_sort_{n}", rank_sort, n // 256, 256, (x, np.zeros_like(x)),
                     exact(1, np.sort(x)))  # fmt: skip
    for rows, cols in ((60, 5_000), (12_000, 256)):
        x = rng.random((rows, cols))
        yield launch(f"welford_{rows}_{cols}", welford, -(-rows // 4), 128,
                     (x, np.zeros(rows), np.zeros(rows)),
                     close(2, x.var(axis=1), 1e-9))  # fmt: skip
    for n, ctas in ((100_000, 24), (3_000_000, 264)):
        x, y = (rng.integers(0, 256, n).astype(np.int32) for _ in range(2))
        want = np.bincount((x >> 2) * 64 + (y >> 2), minlength=4096).astype(np.int32)
        yield launch(f"joint_histogram_{n}", joint_histogram, ctas, 512,
                     (x, y, np.zeros(4096, np.int32)), exact(2, want))  # fmt: skip
    for rows, cols in ((20, 10_000), (3_000, 700)):
        x = rng.integers(0, 1 << 40, (rows, cols))
        yield launch(f"top_two_{rows}_{cols}", top_two, rows, 128,
                     (x, np.zeros(rows, np.int64), np.zeros(rows, np.int64)),
                     exact(2, np.sort(x, axis=1)[:, -2]))  # fmt: skip
