"""Kernels of scientific codes: stencil, sparse product, n-body, FFT stage, Monte Carlo."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, case, close, exact


@cuda.jit
def stencil2d(x, out):
    """Five-point stencil with a fixed border."""
    j, i = cuda.grid(2)
    if 0 < i < x.shape[0] - 1 and 0 < j < x.shape[1] - 1:
        out[i, j] = x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1] - 4 * x[i, j]


@cuda.jit
def spmv_csr(starts, columns, values, x, y):
    """y = A x, A in compressed rows, one row per thread."""
    row = cuda.grid(1)
    if row < y.size:
        total = 0.0
        for k in range(starts[row], starts[row + 1]):
            total += values[k] * x[columns[k]]
        y[row] = total


@cuda.jit
def nbody(pos, force):
    """Softened gravity of all pairs, fp32."""
    i = cuda.grid(1)
    n = pos.shape[0]
    if i < n:
        fx = np.float32(0.0)
        fy = np.float32(0.0)
        for j in range(n):
            dx = pos[j, 0] - pos[i, 0]
            dy = pos[j, 1] - pos[i, 1]
            r2 = dx * dx + dy * dy + np.float32(0.01)
            inv = np.float32(1.0) / (r2 * math.sqrt(r2))
            fx += dx * inv
            fy += dy * inv
        force[i, 0] = fx
        force[i, 1] = fy


@cuda.jit
def fft_stage(re, im, half):
    """One radix-2 stage in place, decimation in frequency, fp64."""
    t = cuda.grid(1)
    if t < re.size // 2:
        k = t % half
        a = (t // half) * 2 * half + k
        b = a + half
        angle = -math.pi * k / half
        wr = math.cos(angle)
        wi = math.sin(angle)
        xr = re[a] - re[b]
        xi = im[a] - im[b]
        re[a] += re[b]
        im[a] += im[b]
        re[b] = xr * wr - xi * wi
        im[b] = xr * wi + xi * wr


@cuda.jit
def random_walk(state, out, steps):
    """A xorshift walk of every thread."""
    i = cuda.grid(1)
    s = state[i]
    place = 0
    for _ in range(steps):
        s ^= (s << np.uint32(13)) & np.uint32(0xFFFFFFFF)
        s ^= s >> np.uint32(17)
        s ^= (s << np.uint32(5)) & np.uint32(0xFFFFFFFF)
        place += 1 if s & np.uint32(1) else -1
    state[i] = s
    out[i] = place


@cuda.jit
def binary_search(table, keys, out):
    """Place of each key in a sorted table."""
    i = cuda.grid(1)
    if i < keys.size:
        low = 0
        high = table.size
        while low < high:
            mid = (low + high) // 2
            if table[mid] < keys[i]:
                low = mid + 1
            else:
                high = mid
        out[i] = low


@cuda.jit
def convolve(x, taps, out):
    """A one-dimensional filter with clamped edges, fp32."""
    i = cuda.grid(1)
    if i < out.size:
        total = np.float32(0.0)
        for k in range(taps.size):
            j = min(max(i + k - taps.size // 2, 0), x.size - 1)
            total += taps[k] * x[j]
        out[i] = total


def _walk(state: np.ndarray, steps: int) -> np.ndarray:
    s = state.copy()
    place = np.zeros(s.size, np.int32)
    for _ in range(steps):
        s ^= s << np.uint32(13)
        s ^= s >> np.uint32(17)
        s ^= s << np.uint32(5)
        place += np.where(s & 1, 1, -1).astype(np.int32)
    return place


def _nbody(pos: np.ndarray) -> np.ndarray:
    p = pos.astype(np.float64)
    d = p[None, :, :] - p[:, None, :]
    r2 = (d**2).sum(2) + 0.01
    return (d / (r2 * np.sqrt(r2))[:, :, None]).sum(1)


def _sparse_case(rng: np.random.Generator) -> Case:
    lengths = rng.integers(0, 12, 150)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns = rng.integers(0, 80, starts[-1]).astype(np.int32)
    values = rng.integers(-9, 9, starts[-1]).astype(np.float64)
    x = rng.integers(-9, 9, 80).astype(np.float64)
    want = np.zeros(150)
    np.add.at(want, np.repeat(np.arange(150), lengths), values * x[columns])
    return case(spmv_csr, 3, 64, (starts, columns, values, x, np.zeros(150)), exact(4, want))


def _fft_case(rng: np.random.Generator) -> Case:
    z = rng.normal(size=256) + 1j * rng.normal(size=256)
    w = np.exp(-1j * np.pi * np.arange(128) / 128)
    want = np.concatenate([z[:128] + z[128:], (z[:128] - z[128:]) * w])
    args = (z.real.copy(), z.imag.copy(), 128)

    def check(done: tuple[np.ndarray, ...]) -> None:
        np.testing.assert_allclose(done[0] + 1j * done[1], want, rtol=1e-12, atol=1e-12)

    return case(fft_stage, 2, 64, args, check)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    x = rng.integers(-99, 99, (37, 50)).astype(np.float64)
    want = np.zeros_like(x)
    want[1:-1, 1:-1] = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:] - 4 * x[1:-1, 1:-1]
    yield case(stencil2d, (4, 5), (16, 8), (x, np.zeros_like(x)), exact(1, want))
    yield _sparse_case(rng)
    pos = rng.normal(size=(70, 2)).astype(np.float32)
    yield case(nbody, 2, 64, (pos, np.zeros_like(pos)), close(1, _nbody(pos), 1e-4, 1e-3))
    yield _fft_case(rng)
    state = rng.integers(1, 2**32, 128, dtype=np.uint32)
    args = (state.copy(), np.zeros(128, np.int32), 40)
    yield case(random_walk, 2, 64, args, exact(1, _walk(state, 40)))
    table = np.sort(rng.integers(0, 10**6, 777))
    keys = rng.integers(0, 10**6, 300)
    found = np.searchsorted(table, keys)
    yield case(binary_search, 3, 128, (table, keys, np.zeros(300, np.int64)), exact(2, found))
    signal, taps = rng.integers(-9, 9, 400).astype(np.float32), np.arange(-3, 4, dtype=np.float32)
    padded = np.concatenate([np.repeat(signal[0], 3), signal, np.repeat(signal[-1], 3)])
    smooth = np.correlate(padded, taps, "valid")
    yield case(convolve, 4, 128, (signal, taps, np.zeros(400, np.float32)), exact(2, smooth))
