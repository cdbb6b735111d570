"""Random numbers and physics: options, spins, counters, orbits, one thread to many blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda, float32, uint32, uint64

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import launch


@cuda.jit
def asian_option(seeds, payoff, steps, drift, spread):
    """Mean of a path of prices: random bits, root, logarithm, cosine, exponential a step."""
    i = cuda.grid(1)
    if i < seeds.shape[0]:
        s = seeds[i]
        price = float32(1.0)
        total = float32(0.0)
        for _ in range(steps):
            s = uint32(s ^ (s << uint32(13)))
            s = uint32(s ^ (s >> uint32(17)))
            s = uint32(s ^ (s << uint32(5)))
            u = (float32(s >> uint32(9)) + float32(0.5)) * float32(1.1920929e-7)
            s = uint32(s * uint32(1664525) + uint32(1013904223))
            v = float32(s >> uint32(9)) * float32(1.1920929e-7)
            z = math.sqrt(float32(-2.0) * math.log(u)) * math.cos(float32(6.2831853) * v)
            price *= math.exp(drift + spread * z)
            total += price
        payoff[i] = max(total / float32(steps) - float32(1.0), float32(0.0))


@cuda.jit
def ising(spins, random, accept, colour):
    """Metropolis on a checkerboard of spins."""
    x, y = cuda.grid(2)
    n, m = spins.shape
    column = 2 * x + ((y + colour) & 1)
    if column < m and y < n:
        s = spins[y, column]
        near = (spins[(y + 1) % n, column] + spins[(y + n - 1) % n, column]
                + spins[y, (column + 1) % m] + spins[y, (column + m - 1) % m])  # fmt: skip
        if random[y, x] < accept[(s * near + 4) >> 1]:
            spins[y, column] = -s


@cuda.jit
def philox(out, key, rounds):
    """Counter-based random words: wide products, no memory but the result."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        a = uint32(i)
        b = uint32(0x12345)
        k = uint32(key)
        for _ in range(rounds):
            wide = uint64(a) * uint64(0xD256D193)
            a = uint32(uint32(wide >> uint64(32)) ^ k ^ b)
            b = uint32(wide & uint64(0xFFFFFFFF))
            k = uint32(k + uint32(0x9E3779B9))
        out[i] = a ^ b


@cuda.jit
def orbits(state, steps, dt):
    """Bodies around a fixed sun in double precision: square roots and divisions a step."""
    i = cuda.grid(1)
    if i < state.shape[1]:
        x = state[0, i]
        y = state[1, i]
        u = state[2, i]
        v = state[3, i]
        for _ in range(steps):
            r2 = x * x + y * y
            w = -dt / (r2 * math.sqrt(r2))
            u += x * w
            v += y * w
            x += u * dt
            y += v * dt
        state[0, i] = x
        state[1, i] = y
        state[2, i] = u
        state[3, i] = v


@cuda.jit
def lorenz(out, steps):
    """One long chain of dependent products: a trajectory a thread, fp32."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        x = float32(1.0) + float32(i) * float32(1e-3)
        y = float32(1.0)
        z = float32(1.0)
        dt = float32(0.005)
        for _ in range(steps):
            a = float32(10.0) * (y - x)
            b = x * (float32(28.0) - z) - y
            c = x * y - float32(2.6666667) * z
            x += dt * a
            y += dt * b
            z += dt * c
        out[i] = x + y + z


@cuda.jit
def softplus_mix(x, gate, y):
    """A gated mixture of softplus and tanh, four elements a thread."""
    start = cuda.grid(1) * 4
    for i in range(start, min(start + 4, x.shape[0])):
        v = x[i]
        g = float32(1.0) / (float32(1.0) + math.exp(-gate[i]))
        y[i] = g * math.log1p(math.exp(v)) + (float32(1.0) - g) * math.tanh(v)


@cuda.jit
def cumulative(x, y):
    """Prefix sums of doubles by one block that walks the whole array."""
    part = cuda.shared.array(32, np.float64)
    t = cuda.threadIdx.x
    lane = t & 31
    carry = 0.0
    for start in range(0, x.shape[0], 1024):
        v = x[start + t]
        for k in range(5):
            other = cuda.shfl_up_sync(0xFFFFFFFF, v, 1 << k)
            if lane >= 1 << k:
                v += other
        if lane == 31:
            part[t >> 5] = v
        cuda.syncthreads()
        before = carry
        total = carry
        for w in range(32):
            if w < t >> 5:
                before += part[w]
            total += part[w]
        y[start + t] = v + before
        carry = total
        cuda.syncthreads()


def _finite(index: int) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        assert np.isfinite(args[index]).all() and np.any(args[index])

    return check


def _philox(n: int, key: int, rounds: int) -> np.ndarray:
    a, b = np.arange(n, dtype=np.uint64), np.full(n, 0x12345, np.uint64)
    k, low = key, np.uint64(0xFFFFFFFF)
    for _ in range(rounds):
        wide = a * np.uint64(0xD256D193)
        a, b = (wide >> np.uint64(32)) ^ np.uint64(k) ^ b, wide & low
        k = (k + 0x9E3779B9) & 0xFFFFFFFF
    return (a ^ b).astype(np.uint32)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n, steps in ((500, 64), (60_000, 24)):
        seeds = rng.integers(1, 1 << 32, n).astype(np.uint32)
        yield launch(f"asian_option_{n}", asian_option, -(-n // 128), 128,
                     (seeds, np.zeros(n, np.float32), steps, np.float32(1e-4), np.float32(0.02)),
                     _finite(1))  # fmt: skip
    for size in (128, 2_048):
        spins = rng.choice(np.array([-1, 1], np.int8), (size, size))
        accept = np.exp(-0.8 * np.arange(-4, 6, 2)).astype(np.float32)
        yield launch(f"ising_{size}", ising, (-(-size // 128), -(-size // 4)), (64, 4),
                     (spins, rng.random((size, size // 2), dtype=np.float32), accept, 1),
                     _finite(0))  # fmt: skip
    for n in (4_000, 1_500_000):
        yield launch(f"philox_{n}", philox, -(-n // 256), 256, (np.zeros(n, np.uint32), 77, 10),
                     exact(0, _philox(n, 77, 10)))  # fmt: skip
    for n in (300, 40_000):
        angle = rng.random(n) * 2 * math.pi
        state = np.stack([np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)])
        yield launch(f"orbits_{n}", orbits, -(-n // 64), 64, (state, 20, 0.01),
                     _finite(0))  # fmt: skip
    for n in (1, 33_792):
        yield launch(f"lorenz_{n}", lorenz, -(-n // 128), min(n, 128),
                     (np.zeros(n, np.float32), 400), _finite(0))  # fmt: skip
    for n in (7_000, 1_200_000):
        x, gate = (rng.standard_normal(n).astype(np.float32) for _ in range(2))
        want = np.log1p(np.exp(x)) / (1 + np.exp(-gate)) + np.tanh(x) / (1 + np.exp(gate))
        yield launch(f"softplus_mix_{n}", softplus_mix, -(-n // 1024), 256,
                     (x, gate, np.zeros_like(x)), close(2, want, 1e-4, 1e-5))  # fmt: skip
    x = rng.random(65_536)
    yield launch("cumulative_65536", cumulative, 1, 1024, (x, np.zeros_like(x)),
                 close(1, np.cumsum(x), 1e-10))  # fmt: skip
