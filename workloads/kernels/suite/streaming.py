"""Element-wise kernels: streams, gathers, arithmetic of rising intensity, stencils."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, close, exact


@cuda.jit
def copy(x, y):
    """One element a thread."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i]


@cuda.jit
def triad(a, b, c, s):
    """a = b + s c, grid-stride loop."""
    for i in range(cuda.grid(1), a.size, cuda.gridsize(1)):
        a[i] = b[i] + s * c[i]


@cuda.jit
def sum4(a, b, c, d, out):
    """Four streams in, one out."""
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a[i] + b[i] + c[i] + d[i]


@cuda.jit
def widen(x, y):
    """Bytes to floats."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * np.float32(0.5)


@cuda.jit
def strided(x, y, stride):
    """Reads ``stride`` elements apart."""
    i = cuda.grid(1)
    if i < y.size:
        y[i] = x[i * stride]


@cuda.jit
def gather(index, x, y):
    """Reads by an index."""
    i = cuda.grid(1)
    if i < y.size:
        y[i] = x[index[i]]


@cuda.jit
def scatter(index, x, y):
    """Writes by an index."""
    i = cuda.grid(1)
    if i < x.size:
        y[index[i]] = x[i]


@cuda.jit
def polynomial(x, y, degree):
    """Horner's rule: a chain of fused multiply-adds."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        total = v
        for _ in range(degree):
            total = total * v + np.float32(0.25)
        y[i] = total


@cuda.jit
def polynomial64(x, y, degree):
    """Horner's rule in fp64."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        total = v
        for _ in range(degree):
            total = total * v + 0.25
        y[i] = total


@cuda.jit
def special(x, y):
    """Exponential, sine and square root."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        y[i] = math.exp(-v) * math.sin(v) + math.sqrt(v)


@cuda.jit
def hash64(x, y):
    """The finaliser of SplitMix64, twice."""
    i = cuda.grid(1)
    if i < x.size:
        z = x[i]
        for _ in range(2):
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            z = z ^ (z >> np.uint64(31))
        y[i] = z


@cuda.jit
def heat2d(x, y):
    """Five-point stencil."""
    j, i = cuda.grid(2)
    if 0 < i < x.shape[0] - 1 and 0 < j < x.shape[1] - 1:
        around = x[i - 1, j] + x[i + 1, j] + x[i, j - 1] + x[i, j + 1]
        y[i, j] = x[i, j] + np.float32(0.1) * (around - np.float32(4.0) * x[i, j])


@cuda.jit
def heat3d(x, y):
    """Seven-point stencil, a column of planes a thread."""
    k, j = cuda.grid(2)
    if 0 < j < x.shape[1] - 1 and 0 < k < x.shape[2] - 1:
        for i in range(1, x.shape[0] - 1):
            around = x[i - 1, j, k] + x[i + 1, j, k] + x[i, j - 1, k]
            around += x[i, j + 1, k] + x[i, j, k - 1] + x[i, j, k + 1]
            y[i, j, k] = around - np.float32(6.0) * x[i, j, k]


@cuda.jit
def convolve(x, taps, y):
    """One-dimensional filter."""
    i = cuda.grid(1)
    if i < y.size:
        total = np.float32(0.0)
        for k in range(taps.size):
            total += taps[k] * x[i + k]
        y[i] = total


@cuda.jit
def empty(x):
    """Nothing: the cost of a launch."""
    if x.size == 0:
        x[0] = 1


def _case(name: str, kernel: Any, grid: Any, block: Any, args: Any, expect: Any) -> Case:
    grid = (grid,) if isinstance(grid, int) else grid
    block = (block,) if isinstance(block, int) else block
    return Case(name, kernel, grid, block, args, {"dynamic_smem_bytes": 0, "expect": expect})


def _simple(rng: np.random.Generator) -> Iterator[Case]:
    for n, block in ((4096, 128), (1 << 18, 256), (1 << 20, 1024), (1 << 23, 256)):
        x = rng.random(n, dtype=np.float32)
        args = (x, np.zeros_like(x))
        yield _case(f"copy_{n}", copy, -(-n // block), block, args, exact(1, x))
    for n, grid in ((1 << 20, 132), (1 << 22, 528), (1 << 22, 33)):
        b, c = rng.random(n), rng.random(n)
        args = (np.zeros(n), b, c, 2.0)
        yield _case(f"triad_{n}_{grid}", triad, grid, 256, args, exact(0, b + 2.0 * c))
    for n in (1 << 16, 1 << 21):
        parts = tuple(rng.integers(0, 99, n).astype(np.float32) for _ in range(4))
        args = (*parts, np.zeros(n, np.float32))
        yield _case(f"sum4_{n}", sum4, n // 256, 256, args, exact(4, sum(parts)))
    for n in (1 << 18, 1 << 22):
        bytes_ = rng.integers(-128, 127, n).astype(np.int8)
        args = (bytes_, np.zeros(n, np.float32))
        yield _case(f"widen_{n}", widen, n // 128, 128, args, exact(1, bytes_ * np.float32(0.5)))
    for stride in (2, 8, 33):
        n = 1 << 18
        x = rng.random(n * stride, dtype=np.float32)
        args = (x, np.zeros(n, np.float32), stride)
        yield _case(f"strided_{stride}", strided, n // 256, 256, args, exact(1, x[::stride]))
    for n, table in ((1 << 16, 1 << 12), (1 << 19, 1 << 22), (1 << 20, 1 << 16)):
        index = rng.integers(0, table, n).astype(np.int32)
        x = rng.random(table, dtype=np.float32)
        args = (index, x, np.zeros(n, np.float32))
        yield _case(f"gather_{n}_{table}", gather, n // 256, 256, args, exact(2, x[index]))
    n = 1 << 19
    index = rng.permutation(n).astype(np.int32)
    x = rng.random(n, dtype=np.float32)
    want = np.zeros_like(x)
    want[index] = x
    yield _case(
        f"scatter_{n}", scatter, n // 256, 256, (index, x, np.zeros_like(x)), exact(2, want)
    )


def _arithmetic(rng: np.random.Generator) -> Iterator[Case]:
    for n, degree in ((128, 2000), (1 << 17, 64), (1 << 20, 16), (1 << 20, 256)):
        x = rng.random(n, dtype=np.float32) * np.float32(0.5)
        want = _horner(x, degree)
        args = (x, np.zeros_like(x), degree)
        yield _case(f"polynomial_{n}_{degree}", polynomial, -(-n // 128), 128, args,
                    close(1, want, 1e-4))  # fmt: skip
    for n, degree in ((1 << 12, 200), (1 << 18, 64)):
        x = rng.random(n) * 0.5
        args = (x, np.zeros_like(x), degree)
        yield _case(f"polynomial64_{n}_{degree}", polynomial64, n // 128, 128, args,
                    close(1, _horner(x, degree), 1e-10))  # fmt: skip
    for n in (1 << 14, 1 << 20):
        x = rng.random(n, dtype=np.float32) * np.float32(4)
        want = np.exp(-x) * np.sin(x) + np.sqrt(x)
        yield _case(f"special_{n}", special, n // 256, 256, (x, np.zeros_like(x)),
                    close(1, want, 1e-4, 1e-5))  # fmt: skip
    for n in (1 << 13, 1 << 20):
        words = rng.integers(0, 2**64, n, dtype=np.uint64)
        yield _case(f"hash64_{n}", hash64, n // 256, 256, (words, np.zeros_like(words)),
                    exact(1, _splitmix(words)))  # fmt: skip


def _horner(x: np.ndarray, degree: int) -> np.ndarray:
    total = x.astype(np.float64)
    for _ in range(degree):
        total = total * x + 0.25
    return total


def _splitmix(z: np.ndarray) -> np.ndarray:
    for _ in range(2):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return z


def _grids(rng: np.random.Generator) -> Iterator[Case]:
    for size, block in ((128, (16, 16)), (1024, (32, 8)), (2048, (64, 4))):
        x = rng.random((size, size), dtype=np.float32)
        want = np.zeros_like(x)
        around = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
        want[1:-1, 1:-1] = x[1:-1, 1:-1] + np.float32(0.1) * (around - 4 * x[1:-1, 1:-1])
        grid = (size // block[0], size // block[1])
        yield _case(f"heat2d_{size}", heat2d, grid, block, (x, np.zeros_like(x)),
                    close(1, want, 1e-5, 1e-5))  # fmt: skip
    for depth, size in ((16, 64), (32, 256)):
        x = rng.integers(-9, 9, (depth, size, size)).astype(np.float32)
        c = x[1:-1, 1:-1, 1:-1]
        want = np.zeros_like(x)
        want[1:-1, 1:-1, 1:-1] = (
            x[:-2, 1:-1, 1:-1] + x[2:, 1:-1, 1:-1] + x[1:-1, :-2, 1:-1] + x[1:-1, 2:, 1:-1]
            + x[1:-1, 1:-1, :-2] + x[1:-1, 1:-1, 2:] - 6 * c
        )  # fmt: skip
        yield _case(f"heat3d_{depth}_{size}", heat3d, (size // 32, size // 4), (32, 4),
                    (x, np.zeros_like(x)), exact(1, want))  # fmt: skip
    for n, taps in ((1 << 14, 9), (1 << 20, 33)):
        x = rng.integers(-9, 9, n + taps).astype(np.float32)
        t = rng.integers(-9, 9, taps).astype(np.float32)
        want = np.correlate(x[: n + taps - 1], t, "valid")
        args = (x, t, np.zeros(n, np.float32))
        yield _case(f"convolve_{n}_{taps}", convolve, n // 256, 256, args,
                    exact(2, want.astype(np.float32)))  # fmt: skip
    for ctas, block in ((1, 32), (132, 128), (4096, 128), (16384, 64), (2048, 1024)):
        yield _case(f"empty_{ctas}_{block}", empty, ctas, block, (np.ones(8, np.int32),),
                    exact(0, np.ones(8, np.int32)))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _simple(rng)
    yield from _arithmetic(rng)
    yield from _grids(rng)
