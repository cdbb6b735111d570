"""Vectors: streams in several types, special functions, Monte Carlo, finance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, close, exact


def launch(name: str, kernel: Any, grid: Any, block: Any, args: Any, expect: Any,
           smem: int = 0) -> Case:  # fmt: skip
    """A `Case` with one-dimensional launches allowed as integers."""
    grid = (grid,) if isinstance(grid, int) else grid
    block = (block,) if isinstance(block, int) else block
    return Case(name, kernel, grid, block, args, {"dynamic_smem_bytes": smem, "expect": expect})


@cuda.jit
def saxpy(a, x, y):
    """y += a x, grid-stride."""
    start = cuda.grid(1)
    for i in range(start, x.shape[0], cuda.gridsize(1)):
        y[i] = a * x[i] + y[i]


@cuda.jit
def add_halves(x, y, z):
    """Sum of fp16 vectors."""
    i = cuda.grid(1)
    if i < z.shape[0]:
        z[i] = x[i] + y[i]


@cuda.jit
def complex_product(x, y, z):
    """Product of complex64 vectors."""
    i = cuda.grid(1)
    if i < z.shape[0]:
        z[i] = x[i] * y[i]


@cuda.jit
def complex_wide(x, z, rounds):
    """z <- z^2 + c in complex128, a fixed number of rounds."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        c = x[i]
        v = c
        for _ in range(rounds):
            v = v * v * 0.5 + c * 0.25
        z[i] = v


@cuda.jit
def black_scholes(spot, strike, years, call, put):
    """European options, fp32."""
    i = cuda.grid(1)
    if i < spot.shape[0]:
        s = spot[i]
        k = strike[i]
        t = years[i]
        r = np.float32(0.02)
        v = np.float32(0.3)
        root = math.sqrt(t)
        d1 = (math.log(s / k) + (r + np.float32(0.5) * v * v) * t) / (v * root)
        d2 = d1 - v * root
        n1 = np.float32(0.5) * math.erfc(-d1 * np.float32(0.70710678))
        n2 = np.float32(0.5) * math.erfc(-d2 * np.float32(0.70710678))
        discount = k * math.exp(-r * t)
        price = s * n1 - discount * n2
        call[i] = price
        put[i] = price - s + discount


@cuda.jit
def trigonometry(x, y):
    """pow, tanh, atan2 and cosine in fp64."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        v = x[i]
        y[i] = math.pow(v, 1.7) * math.tanh(v) + math.atan2(v, 2.0) * math.cos(v)


@cuda.jit
def newton_roots(x, y, rounds):
    """Newton's iteration for cube roots: divisions in fp64."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        a = x[i]
        g = a
        for _ in range(rounds):
            g = g - (g * g * g - a) / (3.0 * g * g)
        y[i] = g


@cuda.jit
def lengths(points, out):
    """Norms of 3-vectors stored together."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        a = points[i, 0]
        b = points[i, 1]
        c = points[i, 2]
        out[i] = math.sqrt(a * a + b * b + c * c)


@cuda.jit
def monte_carlo_pi(seeds, hits, draws):
    """Points in a quarter circle by a 64-bit congruential generator."""
    i = cuda.grid(1)
    if i < seeds.shape[0]:
        state = seeds[i]
        inside = 0
        for _ in range(draws):
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            x = np.float32(state >> np.uint64(40)) * np.float32(5.9604645e-08)
            state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
            y = np.float32(state >> np.uint64(40)) * np.float32(5.9604645e-08)
            if x * x + y * y < np.float32(1.0):
                inside += 1
        hits[i] = inside


@cuda.jit
def random_paths(seeds, out, steps):
    """Geometric walks: a 32-bit congruential generator and exp."""
    i = cuda.grid(1)
    if i < seeds.shape[0]:
        s = seeds[i]
        price = np.float32(1.0)
        for _ in range(steps):
            s = np.uint32(s * np.uint32(1664525) + np.uint32(1013904223))
            z = np.float32(s >> np.uint32(8)) * np.float32(1.1920929e-07) - np.float32(1.0)
            price *= math.exp(np.float32(0.01) * z)
        out[i] = price


@cuda.jit
def running_mean(x, y, width):
    """Mean of a window, each thread sums its own."""
    i = cuda.grid(1)
    if i < y.shape[0]:
        total = 0.0
        for k in range(width):
            total += x[i + k]
        y[i] = total / width


@cuda.jit
def double_sums(x, y, z):
    """fp64: z = x y + z."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        z[i] += x[i] * y[i]


@cuda.jit
def clamp_bytes(x, y, low, high):
    """Bytes clamped, four a thread."""
    i = cuda.grid(1) * 4
    for k in range(4):
        if i + k < x.shape[0]:
            v = x[i + k]
            y[i + k] = min(max(v, low), high)


def _check_finite(index: int) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_equal(bool(np.isfinite(args[index]).all() and args[index].any()), True)

    return check


def _lcg(seeds: np.ndarray, draws: int) -> np.ndarray:
    state, hits = seeds.copy(), np.zeros(len(seeds), np.int32)
    a, c = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
    for _ in range(draws):
        pair = []
        for _ in range(2):
            state = state * a + c
            pair.append((state >> np.uint64(40)).astype(np.float32) * np.float32(5.9604645e-08))
        x, y = pair
        hits += (x.astype(np.float64) ** 2 + y.astype(np.float64) ** 2 < 1.0).astype(np.int32)
    return hits


def _close_counts(index: int, want: np.ndarray) -> Any:
    """Counts may differ by one where a point lies on the circle."""

    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_allclose(args[index], want, atol=1)

    return check


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n, grid in ((100_000, 391), (6_000_000, 264), (12_000_000, 46_875)):
        x, y = rng.random(n, dtype=np.float32), rng.random(n, dtype=np.float32)
        yield launch(f"saxpy_{n}_{grid}", saxpy, grid, 256, (np.float32(2), x, y),
                     close(2, 2 * x + y, 1e-5))  # fmt: skip
    for n in (50_000, 3_000_000):
        x, y = (rng.integers(-99, 99, n).astype(np.float16) for _ in range(2))
        yield launch(f"add_halves_{n}", add_halves, -(-n // 192), 192, (x, y, np.zeros_like(x)),
                     exact(2, x + y))  # fmt: skip
    n = 700_000
    x, y = ((rng.random(n) + 1j * rng.random(n)).astype(np.complex64) for _ in range(2))
    yield launch(f"complex_product_{n}", complex_product, -(-n // 128), 128,
                 (x, y, np.zeros_like(x)), close(2, x * y, 1e-4, 1e-5))  # fmt: skip
    n = 90_000
    x = (rng.random(n) - 0.5) + 1j * (rng.random(n) - 0.5)
    yield launch(f"complex_wide_{n}", complex_wide, -(-n // 256), 256,
                 (x, np.zeros_like(x), 24), _check_finite(1))  # fmt: skip
    for n in (20_000, 1_500_000):
        s, k, t = (rng.random(n, dtype=np.float32) + np.float32(0.5) for _ in range(3))
        yield launch(f"black_scholes_{n}", black_scholes, -(-n // 256), 256,
                     (s, k, t, np.zeros_like(s), np.zeros_like(s)), _check_finite(3))  # fmt: skip
    for n in (8_000, 250_000):
        x = rng.random(n) + 0.5
        want = x**1.7 * np.tanh(x) + np.arctan2(x, 2.0) * np.cos(x)
        yield launch(f"trigonometry_{n}", trigonometry, -(-n // 128), 128, (x, np.zeros_like(x)),
                     close(1, want, 1e-9))  # fmt: skip
    for n, rounds in ((4_096, 12), (200_000, 8)):
        x = rng.random(n) + 0.7
        yield launch(f"newton_roots_{n}", newton_roots, -(-n // 64), 64,
                     (x, np.zeros_like(x), rounds), close(1, np.cbrt(x), 1e-4))  # fmt: skip
    n = 900_000
    x = rng.random((n, 3), dtype=np.float32)
    yield launch(f"lengths_{n}", lengths, -(-n // 256), 256, (x, np.zeros(n, np.float32)),
                 close(1, np.linalg.norm(x, axis=1), 1e-5))  # fmt: skip
    for n, draws in ((2_048, 400), (150_000, 48)):
        seeds = rng.integers(0, 2**63, n, dtype=np.uint64)
        yield launch(f"monte_carlo_pi_{n}", monte_carlo_pi, -(-n // 128), 128,
                     (seeds, np.zeros(n, np.int32), draws),
                     _close_counts(1, _lcg(seeds, draws)))  # fmt: skip
    n = 60_000
    seeds = rng.integers(0, 2**32, n, dtype=np.uint32)
    yield launch(f"random_paths_{n}", random_paths, -(-n // 96), 96,
                 (seeds, np.zeros(n, np.float32), 100), _check_finite(1))  # fmt: skip
    for n, width in ((30_000, 64), (1_000_000, 20)):
        x = rng.integers(0, 99, n + width).astype(np.float64)
        want = np.convolve(x[:-1], np.ones(width), "valid") / width
        yield launch(f"running_mean_{n}_{width}", running_mean, -(-n // 256), 256,
                     (x, np.zeros(n), width), close(1, want, 1e-12))  # fmt: skip
    n = 2_000_000
    x, y, z = (rng.random(n) for _ in range(3))
    yield launch(f"double_sums_{n}", double_sums, -(-n // 512), 512, (x, y, z),
                 close(2, z + x * y, 1e-12))  # fmt: skip
    n = 5_000_000
    b = rng.integers(0, 255, n).astype(np.uint8)
    yield launch(f"clamp_bytes_{n}", clamp_bytes, -(-n // 1024), 256,
                 (b, np.zeros_like(b), np.uint8(30), np.uint8(200)),
                 exact(1, np.clip(b, 30, 200)))  # fmt: skip
