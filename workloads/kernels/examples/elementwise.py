"""Kernels whose threads do not talk to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, case, close, exact


@cuda.jit
def saxpy(a, x, y):
    """Y = a * x + y, one element per thread."""
    i = cuda.grid(1)
    if i < x.size:
        y[i] = a * x[i] + y[i]


@cuda.jit
def mandelbrot(out, limit):
    """Iterations until escape on a grid over [-2, 1] x [-1, 1]: divergent loops."""
    col, row = cuda.grid(2)
    if row < out.shape[0] and col < out.shape[1]:
        cx = -2.0 + 3.0 * col / out.shape[1]
        cy = -1.0 + 2.0 * row / out.shape[0]
        x = 0.0
        y = 0.0
        n = 0
        while x * x + y * y <= 4.0 and n < limit:
            x, y = x * x - y * y + cx, 2.0 * x * y + cy
            n += 1
        out[row, col] = n


@cuda.jit
def mix_int64(x, out):
    """The finaliser of SplitMix64."""
    i = cuda.grid(1)
    if i < x.size:
        z = x[i]
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[i] = z ^ (z >> np.uint64(31))


@cuda.jit
def divide_int(a, b, q, r):
    """Quotient and remainder of signed integers, rounded down as in Python."""
    i = cuda.grid(1)
    if i < a.size:
        q[i] = a[i] // b[i]
        r[i] = a[i] % b[i]


@cuda.jit
def collatz(start, steps):
    """Steps of the Collatz sequence: data-dependent loop lengths."""
    i = cuda.grid(1)
    if i < start.size:
        n = start[i]
        count = 0
        while n != 1:
            if n & 1:
                n = 3 * n + 1
            else:
                n >>= 1
            count += 1
        steps[i] = count


@cuda.jit
def gelu(x, y):
    """GELU by the error function, fp32."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        y[i] = np.float32(0.5) * v * (np.float32(1.0) + math.erf(v * np.float32(0.70710677)))


@cuda.jit
def functions32(x, y):
    """Exponential, logarithm, square root, sine and division, fp32."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        y[i] = math.exp(-v) + math.log(v) + math.sqrt(v) + math.sin(v) / (v + np.float32(1.0))


@cuda.jit
def functions64(x, y):
    """Exponential, logarithm, square root and division, fp64."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        y[i] = math.exp(-v) + math.log(v) + math.sqrt(v) + 1.0 / (v + 1.0)


@cuda.jit
def bits(x, out):
    """Population count, leading zeros, bit reversal."""
    i = cuda.grid(1)
    if i < x.size:
        out[i] = cuda.popc(x[i]) + 100 * cuda.clz(x[i]) + (cuda.brev(x[i]) & 0xFF) * 10000


@cuda.jit
def local_histogram(x, out):
    """A private array indexed by data: local memory."""
    counts = cuda.local.array(16, np.int32)
    i = cuda.grid(1)
    for k in range(16):
        counts[k] = 0
    if i < out.shape[0]:
        for j in range(x.shape[1]):
            counts[x[i, j] & 15] += 1
        best = 0
        for k in range(16):
            if counts[k] > counts[best]:
                best = k
        out[i] = best


@cuda.jit
def convert(x, as_int, as_byte, as_half, back):
    """Conversions between fp64, integers of several widths and fp32."""
    i = cuda.grid(1)
    if i < x.size:
        as_int[i] = np.int64(x[i])
        as_byte[i] = np.int8(as_int[i])
        as_half[i] = np.float32(x[i])
        back[i] = np.float64(as_byte[i]) + np.float64(as_half[i])


def _mandelbrot(rows: int, cols: int, limit: int) -> np.ndarray:
    out = np.zeros((rows, cols), np.int32)
    for row in range(rows):
        for col in range(cols):
            cx, cy = -2.0 + 3.0 * col / cols, -1.0 + 2.0 * row / rows
            x = y = 0.0
            n = 0
            while x * x + y * y <= 4.0 and n < limit:
                x, y = x * x - y * y + cx, 2.0 * x * y + cy
                n += 1
            out[row, col] = n
    return out


def _collatz(start: np.ndarray) -> np.ndarray:
    out = np.zeros(start.size, np.int32)
    for i, n in enumerate(start.tolist()):
        while n != 1:
            n = 3 * n + 1 if n & 1 else n >> 1
            out[i] += 1
    return out


def _mix(x: np.ndarray) -> np.ndarray:
    z = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _integer_cases(rng: np.random.Generator) -> Iterator[Case]:
    n = 1000
    words = rng.integers(0, 2**64, n, dtype=np.uint64)
    yield case(mix_int64, 4, 256, (words, np.zeros(n, np.uint64)), exact(1, _mix(words)))
    a = rng.integers(-(2**31), 2**31, n).astype(np.int32)
    b = rng.integers(1, 5000, n).astype(np.int32) * rng.choice([-1, 1], n).astype(np.int32)
    zeros = np.zeros(n, np.int32)
    yield case(divide_int, 4, 256, (a, b, zeros.copy(), zeros.copy()), exact(2, a // b))
    start = rng.integers(1, 3000, n)
    yield case(collatz, 8, 128, (start, zeros.copy()), exact(1, _collatz(start)))
    x = rng.integers(0, 2**32, n, dtype=np.uint32)
    want = [
        v.bit_count() + 100 * (32 - v.bit_length()) + int(f"{v:032b}"[::-1], 2) % 256 * 10000
        for v in x.tolist()
    ]
    yield case(bits, 4, 256, (x, np.zeros(n, np.int64)), exact(1, np.array(want)))
    table = rng.integers(0, 2**20, (100, 40)).astype(np.int32)
    best = np.array([np.bincount(row & 15, minlength=16).argmax() for row in table])
    yield case(local_histogram, 2, 64, (table, np.zeros(100, np.int32)), exact(1, best))


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    n = 1000
    x, y = rng.integers(-99, 99, (2, n)).astype(np.float32)
    yield case(saxpy, 8, 128, (np.float32(2.5), x, y.copy()), exact(2, np.float32(2.5) * x + y))
    yield case(
        mandelbrot, (3, 6), (16, 8), (np.zeros((45, 40), np.int32), 50),
        exact(0, _mandelbrot(45, 40, 50)),
    )  # fmt: skip
    yield from _integer_cases(rng)
    wide = rng.normal(0, 2, n).astype(np.float32)
    erf = np.array([math.erf(v / math.sqrt(2)) for v in wide.tolist()])
    yield case(
        gelu, 4, 256, (wide, np.zeros(n, np.float32)), close(1, 0.5 * wide * (1 + erf), 1e-5, 2e-6)
    )
    positive = rng.uniform(0.01, 50, n)
    p32 = positive.astype(np.float32)
    p = p32.astype(np.float64)
    want = np.exp(-p) + np.log(p) + np.sqrt(p) + np.sin(p) / (p + 1)
    yield case(functions32, 4, 256, (p32, np.zeros(n, np.float32)), close(1, want, 1e-5, 1e-6))
    want = np.exp(-positive) + np.log(positive) + np.sqrt(positive) + 1 / (positive + 1)
    yield case(functions64, 4, 256, (positive, np.zeros(n)), close(1, want, 1e-14, 1e-14))
    v = rng.uniform(-120, 120, n)
    single = v.astype(np.float32)
    back = v.astype(np.int8).astype(np.float64) + single
    outs = (np.zeros(n, np.int64), np.zeros(n, np.int8), np.zeros(n, np.float32), np.zeros(n))
    yield case(convert, 4, 256, (v, *outs), exact(4, back))
