"""Linear algebra and transforms: batches of small matrices, eliminations, min-plus, transforms."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda, float32, float64, int32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import launch


@cuda.jit
def batched8(a, b, c):
    """Products of 8 x 8 matrices of floats, four of them a block of 256."""
    left = cuda.shared.array((4, 8, 8), float32)
    right = cuda.shared.array((4, 8, 8), float32)
    t = cuda.threadIdx.x
    s = t >> 6
    i = (t >> 3) & 7
    j = t & 7
    k = cuda.blockIdx.x * 4 + s
    left[s, i, j] = a[k, i, j]
    right[s, i, j] = b[k, i, j]
    cuda.syncthreads()
    total = float32(0.0)
    for n in range(8):
        total += left[s, i, n] * right[s, n, j]
    c[k, i, j] = total


@cuda.jit
def lu_update(a, k):
    """Step ``k`` of an elimination without pivots: the trailing matrix of doubles."""
    j, i = cuda.grid(2)
    j += k + 1
    i += k + 1
    if i < a.shape[0] and j < a.shape[1]:
        a[i, j] -= a[i, k] / a[k, k] * a[k, j]


@cuda.jit
def forward(lower, b, x):
    """Solves L x = b for many small systems of floats, a warp each."""
    system = (cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x) >> 5
    lane = cuda.threadIdx.x & 31
    if system < b.shape[0]:
        own = b[system, lane]
        for k in range(32):
            pivot = cuda.shfl_sync(0xFFFFFFFF, own, k) / lower[system, k, k]
            if lane == k:
                own = pivot
            elif lane > k:
                own -= lower[system, lane, k] * pivot
        x[system, lane] = own


@cuda.jit
def cholesky6(a, out):
    """Factors 6 x 6 matrices of doubles, a thread each, in local memory."""
    m = cuda.local.array((6, 6), float64)
    i = cuda.grid(1)
    if i < a.shape[0]:
        for r in range(6):
            for c in range(r + 1):
                total = a[i, r, c]
                for k in range(c):
                    total -= m[r, k] * m[c, k]
                if r == c:
                    m[r, r] = math.sqrt(total)
                else:
                    m[r, c] = total / m[c, c]
        for r in range(6):
            for c in range(6):
                out[i, r, c] = m[r, c] if c <= r else 0.0


@cuda.jit
def minplus(a, b, c):
    """Shortest paths over one middle: a min-plus product in tiles of 32 x 32."""
    left = cuda.shared.array((32, 32), int32)
    right = cuda.shared.array((32, 32), int32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    x, y = cuda.grid(2)
    best = int32(1 << 30)
    for k in range(0, a.shape[1], 32):
        left[ty, tx] = a[y, k + tx]
        right[ty, tx] = b[k + ty, x]
        cuda.syncthreads()
        for n in range(32):
            best = min(best, left[ty, n] + right[n, tx])
        cuda.syncthreads()
    c[y, x] = best


@cuda.jit
def syrk64(a, c):
    """A A^T of doubles in 16 x 16 tiles, the lower triangle only."""
    left = cuda.shared.array((16, 16), float64)
    right = cuda.shared.array((16, 17), float64)
    if cuda.blockIdx.x <= cuda.blockIdx.y:
        tx = cuda.threadIdx.x
        ty = cuda.threadIdx.y
        x, y = cuda.grid(2)
        total = 0.0
        for k in range(0, a.shape[1], 16):
            left[ty, tx] = a[y, k + tx]
            right[ty, tx] = a[cuda.blockIdx.x * 16 + ty, k + tx]
            cuda.syncthreads()
            for n in range(16):
                total += left[ty, n] * right[tx, n]
            cuda.syncthreads()
        c[y, x] = total


@cuda.jit
def conv_channels(x, w, y):
    """Direct 3 x 3 convolution over channels; weights of an output channel in shared memory."""
    weights = cuda.shared.array((64, 9), float32)
    out = cuda.blockIdx.z
    t = cuda.threadIdx.y * 32 + cuda.threadIdx.x
    channels = x.shape[0]
    for k in range(t, channels * 9, 256):
        weights[k // 9, k % 9] = w[out, k // 9, k % 9]
    cuda.syncthreads()
    i, j = cuda.grid(2)
    if i < y.shape[2] and j < y.shape[1]:
        total = float32(0.0)
        for c in range(channels):
            for k in range(9):
                total += x[c, j + k // 3, i + k % 3] * weights[c, k]
        y[out, j, i] = total


@cuda.jit
def conv1d_tile(x, taps, y):
    """A filter of 33 taps over rows of samples, with the row's halo in shared memory."""
    tile = cuda.shared.array(288, float32)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.y
    start = cuda.blockIdx.x * 256
    for k in range(t, 288, 256):
        i = start + k - 16
        tile[k] = x[row, i] if 0 <= i < x.shape[1] else float32(0.0)
    cuda.syncthreads()
    total = float32(0.0)
    for k in range(33):
        total += tile[t + k] * taps[k]
    if start + t < x.shape[1]:
        y[row, start + t] = total


@cuda.jit
def butterfly(re, im, half, sign):
    """A stage of a radix-2 transform over global memory; the twiddle by sine and cosine."""
    i = cuda.grid(1)
    if i < re.shape[0] // 2:
        k = i & (half - 1)
        a = ((i - k) << 1) + k
        b = a + half
        angle = sign * float32(math.pi) * float32(k) / float32(half)
        c = math.cos(angle)
        s = math.sin(angle)
        x = re[b] * c - im[b] * s
        y = re[b] * s + im[b] * c
        re[b] = re[a] - x
        im[b] = im[a] - y
        re[a] += x
        im[a] += y


@cuda.jit
def walsh(x, y):
    """Walsh-Hadamard transform of rows of 1024 in shared memory, 256 threads."""
    v = cuda.shared.array(1024, float32)
    t = cuda.threadIdx.x
    row = cuda.blockIdx.x
    for k in range(t, 1024, 256):
        v[k] = x[row, k]
    half = 1
    while half < 1024:
        cuda.syncthreads()
        for p in range(t, 512, 256):
            k = p & (half - 1)
            a = ((p - k) << 1) + k
            u = v[a]
            w = v[a + half]
            v[a] = u + w
            v[a + half] = u - w
        half <<= 1
    cuda.syncthreads()
    for k in range(t, 1024, 256):
        y[row, k] = v[k]


@cuda.jit
def givens(a, c, s, p, q):
    """Rotates two rows of a matrix of doubles."""
    i = cuda.grid(1)
    if i < a.shape[1]:
        x = a[p, i]
        y = a[q, i]
        a[p, i] = c * x - s * y
        a[q, i] = s * x + c * y


def _butterfly(re: np.ndarray, im: np.ndarray, half: int) -> np.ndarray:
    z = (re + 1j * im).reshape(-1, 2, half)
    turned = z[:, 1] * np.exp(-1j * np.pi * np.arange(half) / half)
    return np.stack([z[:, 0] + turned, z[:, 0] - turned], axis=1).real.ravel()


def _walsh(x: np.ndarray) -> np.ndarray:
    v, half = x.astype(float), 1
    while half < x.shape[1]:
        z = v.reshape(len(x), -1, 2, half)
        v = np.stack([z[:, :, 0] + z[:, :, 1], z[:, :, 0] - z[:, :, 1]], axis=2).reshape(x.shape)
        half *= 2
    return v


def _convolutions(rng: np.random.Generator) -> Iterator[Case]:
    for channels, size in ((16, 30), (48, 62)):
        x = rng.random((channels, size + 2, size + 2), dtype=np.float32)
        w = rng.random((32, channels, 9), dtype=np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        want = np.einsum("cjik,ock->oji", windows.reshape(channels, size, size, 9), w)
        yield launch(f"conv_channels_{channels}_{size}", conv_channels,
                     (-(-size // 32), -(-size // 8), 32), (32, 8),
                     (x, w, np.zeros((32, size, size), np.float32)),
                     close(2, want, 1e-4))  # fmt: skip
    for rows, cols in ((4, 1_000), (256, 4_096)):
        x, taps = rng.random((rows, cols), dtype=np.float32), rng.random(33, dtype=np.float32)
        padded = np.pad(x, ((0, 0), (16, 16)))
        want = np.lib.stride_tricks.sliding_window_view(padded, 33, axis=1) @ taps
        yield launch(f"conv1d_tile_{rows}_{cols}", conv1d_tile, (-(-cols // 256), rows), 256,
                     (x, taps, np.zeros_like(x)), close(2, want, 1e-4))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n in (400, 20_000):
        a, b = (rng.random((n, 8, 8), dtype=np.float32) for _ in range(2))
        yield launch(f"batched8_{n}", batched8, n // 4, 256, (a, b, np.zeros_like(a)),
                     close(2, a @ b, 1e-5))  # fmt: skip
    for n, k in ((150, 3), (1_500, 100)):
        a = rng.random((n, n)) + n * np.eye(n)
        want = a.copy()
        want[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k] / a[k, k], a[k, k + 1 :])
        size = n - k - 1
        yield launch(f"lu_update_{n}", lu_update, (-(-size // 32), -(-size // 8)), (32, 8),
                     (a, k), close(0, want, 1e-12))  # fmt: skip
    for n in (64, 6_000):
        lower = np.tril(rng.random((n, 32, 32)) + 4 * np.eye(32)).astype(np.float32)
        b = rng.random((n, 32), dtype=np.float32)
        want = np.linalg.solve(lower.astype(float), b[:, :, None].astype(float))[:, :, 0]
        yield launch(f"forward_{n}", forward, n // 4, 128, (lower, b, np.zeros_like(b)),
                     close(2, want, 1e-3, 1e-5))  # fmt: skip
    for n in (1_000, 60_000):
        m = rng.random((n, 6, 6))
        a = m @ m.transpose(0, 2, 1) + 6 * np.eye(6)
        yield launch(f"cholesky6_{n}", cholesky6, -(-n // 64), 64, (a, np.zeros_like(a)),
                     close(1, np.linalg.cholesky(a), 1e-10))  # fmt: skip
    for n in (128, 512):
        a, b = (rng.integers(0, 1_000, (n, n)).astype(np.int32) for _ in range(2))
        want = np.stack([(row[:, None] + b).min(axis=0) for row in a])
        yield launch(f"minplus_{n}", minplus, (n // 32, n // 32), (32, 32),
                     (a, b, np.zeros_like(a)), exact(2, want))  # fmt: skip
    for n in (96, 640):
        a = rng.random((n, 256))
        want = np.where(np.arange(n)[:, None] // 16 >= np.arange(n)[None, :] // 16, a @ a.T, 0)
        yield launch(f"syrk64_{n}", syrk64, (n // 16, n // 16), (16, 16),
                     (a, np.zeros((n, n))), close(1, want, 1e-12))  # fmt: skip
    yield from _convolutions(rng)
    for n, half in ((1 << 12, 64), (1 << 21, 1 << 15)):
        re, im = (rng.random(n, dtype=np.float32) - 0.5 for _ in range(2))
        yield launch(f"butterfly_{n}", butterfly, n // 512, 256,
                     (re, im, half, np.float32(-1.0)),
                     close(0, _butterfly(re, im, half), 1e-3, 1e-4))  # fmt: skip
    for rows in (16, 2_400):
        x = rng.random((rows, 1_024), dtype=np.float32) - 0.5
        yield launch(f"walsh_{rows}", walsh, rows, 256, (x, np.zeros_like(x)),
                     close(1, _walsh(x), 1e-3, 1e-3))  # fmt: skip
    a = rng.random((6, 50_000))
    want = 0.6 * a[1] - 0.8 * a[4]
    full = np.stack([a[0], want, a[2], a[3], 0.8 * a[1] + 0.6 * a[4], a[5]])
    yield launch("givens_50000", givens, -(-50_000 // 128), 128, (a, 0.6, 0.8, 1, 4),
                 close(0, full, 1e-12, 1e-12))  # fmt: skip
