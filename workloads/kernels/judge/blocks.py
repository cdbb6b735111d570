"""Kernels of cooperating threads: reductions, scans, sorts, transforms in shared memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda, float32, float64, int32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import launch

FULL = 0xFFFFFFFF


@cuda.jit
def sum_atomic(x, out):
    """Grid-stride partial sums, warp shuffles, one atomic a warp."""
    total = 0.0
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        total += x[i]
    offset = 16
    while offset > 0:
        total += cuda.shfl_down_sync(FULL, total, offset)
        offset //= 2
    if cuda.threadIdx.x % 32 == 0:
        cuda.atomic.add(out, 0, total)


@cuda.jit
def block_minimum(x, value, place):
    """Smallest element of each block's part and where it is, by a tree in shared memory."""
    best = cuda.shared.array(512, float32)
    where = cuda.shared.array(512, int32)
    t = cuda.threadIdx.x
    n = cuda.blockDim.x
    low = np.float32(np.inf)
    at = 0
    for i in range(cuda.blockIdx.x * n * 8 + t, min(x.shape[0], (cuda.blockIdx.x + 1) * n * 8), n):
        if x[i] < low:
            low = x[i]
            at = i
    best[t] = low
    where[t] = at
    cuda.syncthreads()
    step = n // 2
    while step > 0:
        if t < step and best[t + step] < best[t]:
            best[t] = best[t + step]
            where[t] = where[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        value[cuda.blockIdx.x] = best[0]
        place[cuda.blockIdx.x] = where[0]


@cuda.jit
def blelloch(x, y, totals):
    """Exclusive scan of 1,024 integers a block, up and down sweep."""
    tmp = cuda.shared.array(1024, int32)
    t = cuda.threadIdx.x
    base = cuda.blockIdx.x * 1024
    tmp[2 * t] = x[base + 2 * t]
    tmp[2 * t + 1] = x[base + 2 * t + 1]
    offset = 1
    d = 512
    while d > 0:
        cuda.syncthreads()
        if t < d:
            a = offset * (2 * t + 1) - 1
            b = offset * (2 * t + 2) - 1
            tmp[b] += tmp[a]
        offset *= 2
        d //= 2
    cuda.syncthreads()
    if t == 0:
        totals[cuda.blockIdx.x] = tmp[1023]
        tmp[1023] = 0
    d = 1
    while d < 1024:
        offset //= 2
        cuda.syncthreads()
        if t < d:
            a = offset * (2 * t + 1) - 1
            b = offset * (2 * t + 2) - 1
            v = tmp[a]
            tmp[a] = tmp[b]
            tmp[b] += v
        d *= 2
    cuda.syncthreads()
    y[base + 2 * t] = tmp[2 * t]
    y[base + 2 * t + 1] = tmp[2 * t + 1]


@cuda.jit
def warp_scan(x, y):
    """Inclusive sums within each warp's 32 values."""
    i = cuda.grid(1)
    lane = cuda.laneid
    v = x[i]
    for s in range(5):
        other = cuda.shfl_up_sync(FULL, v, 1 << s)
        if lane >= (1 << s):
            v += other
    y[i] = v


@cuda.jit
def bitonic_step(x, j, k):
    """One compare-and-swap step of a bitonic sort in global memory."""
    i = cuda.grid(1)
    other = i ^ j
    if other > i:
        a = x[i]
        b = x[other]
        if (a > b) == ((i & k) == 0):
            x[i] = b
            x[other] = a


@cuda.jit
def odd_even(x, out, n):
    """Odd-even transposition sort of each block's ``n`` keys in shared memory."""
    keys = cuda.shared.array(256, int32)
    t = cuda.threadIdx.x
    base = cuda.blockIdx.x * n
    keys[t] = x[base + t]
    cuda.syncthreads()
    for step in range(n):
        left = t
        if (t & 1) == (step & 1) and t + 1 < n:
            a = keys[left]
            b = keys[left + 1]
            if a > b:
                keys[left] = b
                keys[left + 1] = a
        cuda.syncthreads()
    out[base + t] = keys[t]


@cuda.jit
def digits(x, counts, shift):
    """Counts of a 4-bit digit, one row a block: a pass of a radix sort."""
    local = cuda.shared.array(16, int32)
    t = cuda.threadIdx.x
    if t < 16:
        local[t] = 0
    cuda.syncthreads()
    for k in range(8):
        i = (cuda.blockIdx.x * 8 + k) * cuda.blockDim.x + t
        if i < x.shape[0]:
            cuda.atomic.add(local, (x[i] >> shift) & 15, 1)
    cuda.syncthreads()
    if t < 16:
        counts[cuda.blockIdx.x, t] = local[t]


@cuda.jit
def histogram(x, bins):
    """256 bins of bytes: private counts in shared memory, then atomics."""
    local = cuda.shared.array(256, int32)
    local[cuda.threadIdx.x] = 0
    cuda.syncthreads()
    for i in range(cuda.grid(1), x.shape[0], cuda.gridsize(1)):
        cuda.atomic.add(local, x[i], 1)
    cuda.syncthreads()
    cuda.atomic.add(bins, cuda.threadIdx.x, local[cuda.threadIdx.x])


@cuda.jit
def compact(x, out, count, limit, mask):
    """Keeps what is below ``limit`` in a ring: ballot, population count, one atomic a warp."""
    i = cuda.grid(1)
    keep = i < x.shape[0] and x[i] < limit
    votes = cuda.ballot_sync(FULL, keep)
    lane = cuda.laneid
    base = 0
    if lane == 0:
        base = cuda.atomic.add(count, 0, cuda.popc(votes))
    base = cuda.shfl_sync(FULL, base, 0)
    if keep:
        out[(base + cuda.popc(votes & ((1 << lane) - 1))) & mask] = x[i]


@cuda.jit
def fft_block(re, im, steps):
    """Radix-2 transform of 512 complex values a block in shared memory."""
    a = cuda.shared.array(512, float32)
    b = cuda.shared.array(512, float32)
    t = cuda.threadIdx.x
    base = cuda.blockIdx.x * 512
    for h in range(2):
        i = t + 256 * h
        r = cuda.brev(np.uint32(i)) >> np.uint32(23)
        a[r] = re[base + i]
        b[r] = im[base + i]
    cuda.syncthreads()
    half = 1
    for _ in range(steps):
        k = t % half
        i = (t // half) * half * 2 + k
        angle = np.float32(-3.14159265) * np.float32(k) / np.float32(half)
        wr = math.cos(angle)
        wi = math.sin(angle)
        xr = a[i + half] * wr - b[i + half] * wi
        xi = a[i + half] * wi + b[i + half] * wr
        yr = a[i]
        yi = b[i]
        a[i] = yr + xr
        b[i] = yi + xi
        a[i + half] = yr - xr
        b[i + half] = yi - xi
        half *= 2
        cuda.syncthreads()
    for h in range(2):
        i = t + 256 * h
        re[base + i] = a[i]
        im[base + i] = b[i]


@cuda.jit
def lu_block(m, out):
    """LU factors of a 32 x 32 fp64 matrix a block, without pivots."""
    a = cuda.shared.array((32, 33), float64)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    for r in range(0, 32, 8):
        a[ty + r, tx] = m[cuda.blockIdx.x, ty + r, tx]
    cuda.syncthreads()
    for k in range(31):
        if ty == 0 and tx > k:
            a[tx, k] /= a[k, k]
        cuda.syncthreads()
        for r in range(0, 32, 8):
            if ty + r > k and tx > k:
                a[ty + r, tx] -= a[ty + r, k] * a[k, tx]
        cuda.syncthreads()
    for r in range(0, 32, 8):
        out[cuda.blockIdx.x, ty + r, tx] = a[ty + r, tx]


@cuda.jit
def online_softmax(x, y):
    """Rows by one pass for maximum and sum, another to write; 256 threads a row."""
    shared_max = cuda.shared.array(8, float32)
    shared_sum = cuda.shared.array(8, float32)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.x
    top = np.float32(-1e30)
    total = np.float32(0.0)
    for i in range(t, x.shape[1], 256):
        v = x[row, i]
        new = max(top, v)
        total = total * math.exp(top - new) + math.exp(v - new)
        top = new
    for s in range(5):
        other_top = cuda.shfl_xor_sync(FULL, top, 16 >> s)
        other_total = cuda.shfl_xor_sync(FULL, total, 16 >> s)
        new = max(top, other_top)
        total = total * math.exp(top - new) + other_total * math.exp(other_top - new)
        top = new
    if t % 32 == 0:
        shared_max[t // 32] = top
        shared_sum[t // 32] = total
    cuda.syncthreads()
    top = np.float32(-1e30)
    for w in range(8):
        top = max(top, shared_max[w])
    total = np.float32(0.0)
    for w in range(8):
        total += shared_sum[w] * math.exp(shared_max[w] - top)
    inverse = np.float32(1.0) / total
    for i in range(t, x.shape[1], 256):
        y[row, i] = math.exp(x[row, i] - top) * inverse


@cuda.jit
def rms_norm(x, gain, y):
    """A row a warp of fp16, sums in fp32."""
    row = cuda.grid(1) // 32
    lane = cuda.laneid
    if row < x.shape[0]:
        total = np.float32(0.0)
        for i in range(lane, x.shape[1], 32):
            v = np.float32(x[row, i])
            total += v * v
        for s in range(5):
            total += cuda.shfl_xor_sync(FULL, total, 16 >> s)
        scale = np.float32(1.0) / math.sqrt(total / np.float32(x.shape[1]) + np.float32(1e-5))
        for i in range(lane, x.shape[1], 32):
            y[row, i] = np.float16(np.float32(x[row, i]) * scale * gain[i])


def _argmin(x: np.ndarray, ctas: int) -> Any:
    want = x.reshape(ctas, -1).min(axis=1)
    return exact(1, want)


def _scans(rng: np.random.Generator) -> Iterator[Case]:
    for ctas in (3, 900):
        x = rng.integers(0, 50, ctas * 1024).astype(np.int32)
        rows = x.reshape(ctas, 1024)
        want = (np.cumsum(rows, axis=1) - rows).ravel().astype(np.int32)
        yield launch(f"blelloch_{ctas}", blelloch, ctas, 512,
                     (x, np.zeros_like(x), np.zeros(ctas, np.int32)), exact(1, want))  # fmt: skip
    n = 1 << 20
    x = rng.integers(0, 50, n).astype(np.int32)
    want = np.cumsum(x.reshape(-1, 32), axis=1).ravel().astype(np.int32)
    yield launch(f"warp_scan_{n}", warp_scan, n // 256, 256, (x, np.zeros_like(x)), exact(1, want))
    for n, j, k in ((1 << 15, 64, 256), (1 << 21, 4096, 65536)):
        x = rng.integers(0, 1 << 30, n).astype(np.int32)
        i = np.arange(n)
        low = x[np.minimum(i, i ^ j)]
        high = x[np.maximum(i, i ^ j)]
        up = (np.minimum(i, i ^ j) & k) == 0
        want = np.where((i < (i ^ j)) == up, np.minimum(low, high), np.maximum(low, high))
        yield launch(f"bitonic_step_{n}", bitonic_step, n // 256, 256, (x.copy(), j, k),
                     exact(0, want))  # fmt: skip
    for ctas in (2, 400):
        x = rng.integers(0, 1 << 20, ctas * 256).astype(np.int32)
        want = np.sort(x.reshape(ctas, 256), axis=1).ravel()
        yield launch(f"odd_even_{ctas}", odd_even, ctas, 256, (x, np.zeros_like(x), 256),
                     exact(1, want))  # fmt: skip


def _counts(rng: np.random.Generator) -> Iterator[Case]:
    n = 1 << 20
    x = rng.integers(0, 1 << 30, n).astype(np.int32)
    want = np.stack([np.bincount((part >> 8) & 15, minlength=16)
                     for part in x.reshape(-1, 2048)]).astype(np.int32)  # fmt: skip
    yield launch(f"digits_{n}", digits, n // 2048, 256, (x, np.zeros_like(want), 8),
                 exact(1, want))  # fmt: skip
    for n, ctas, skew in ((200_000, 40, False), (6_000_000, 264, False), (2_000_000, 264, True)):
        x = rng.integers(0, 256, n) if not skew else rng.geometric(0.3, n).clip(0, 255)
        x = x.astype(np.uint8)
        yield launch(f"histogram_{n}{'_skew' if skew else ''}", histogram, ctas, 256,
                     (x, np.zeros(256, np.int32)),
                     exact(1, np.bincount(x, minlength=256).astype(np.int32)))  # fmt: skip
    for n in (60_000, 2_000_000):
        x = rng.integers(0, 1000, n).astype(np.int32)
        want = int((x < 300).sum())
        yield launch(f"compact_{n}", compact, -(-n // 256), 256,
                     (x, np.zeros(1 << 21, np.int32), np.zeros(1, np.int64), 300, (1 << 21) - 1),
                     exact(2, np.array([want], np.int64)))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n, ctas in ((10_000, 8), (5_000_000, 396)):
        x = rng.integers(0, 9, n).astype(np.float64)
        yield launch(f"sum_atomic_{n}", sum_atomic, ctas, 256, (x, np.zeros(1)),
                     exact(1, np.array([x.sum()])))  # fmt: skip
    for ctas in (5, 700):
        x = rng.random(ctas * 4096, dtype=np.float32)
        yield launch(f"block_minimum_{ctas}", block_minimum, ctas, 512,
                     (x, np.zeros(ctas, np.float32), np.zeros(ctas, np.int32)),
                     _argmin(x, ctas))  # fmt: skip
    yield from _scans(rng)
    yield from _counts(rng)
    for ctas in (6, 1500):
        z = rng.random((ctas, 512)) + 1j * rng.random((ctas, 512))
        args = (z.real.astype(np.float32).ravel(), z.imag.astype(np.float32).ravel(), 9)
        yield launch(f"fft_block_{ctas}", fft_block, ctas, 256, args,
                     close(0, np.fft.fft(z, axis=1).real.ravel(), 1e-2, 2e-2))  # fmt: skip
    for ctas in (4, 600):
        m = rng.random((ctas, 32, 32)) + 32 * np.eye(32)
        yield launch(f"lu_block_{ctas}", lu_block, ctas, (32, 8), (m, np.zeros_like(m)), _lu(m))
    for rows, cols in ((20, 2000), (3000, 777)):
        x = rng.random((rows, cols), dtype=np.float32)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        yield launch(f"online_softmax_{rows}_{cols}", online_softmax, rows, 256,
                     (x, np.zeros_like(x)),
                     close(1, e / e.sum(1, keepdims=True), 1e-4))  # fmt: skip
    rows, cols = 6000, 320
    x = rng.random((rows, cols)).astype(np.float16)
    f = x.astype(np.float32)
    want = f / np.sqrt((f * f).mean(axis=1, keepdims=True) + 1e-5)
    yield launch(f"rms_norm_{rows}_{cols}", rms_norm, rows // 8, 256,
                 (x, np.ones(cols, np.float32), np.zeros_like(x)),
                 close(2, want, 5e-3))  # fmt: skip


def _lu(m: np.ndarray) -> Any:
    """Lower times upper factor must give the matrices back."""

    def check(args: tuple[Any, ...]) -> None:
        found = args[1]
        lower = np.tril(found, -1) + np.eye(32)
        np.testing.assert_allclose(lower @ np.triu(found), m, rtol=1e-9, atol=1e-9)

    return check
