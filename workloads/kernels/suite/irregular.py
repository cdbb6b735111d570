"""Divergent, data-dependent and latency-bound kernels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, exact
from workloads.kernels.suite.streaming import _case


@cuda.jit
def spmv_thread(starts, columns, values, x, y):
    """A row a thread."""
    row = cuda.grid(1)
    if row < y.size:
        total = np.float32(0.0)
        for k in range(starts[row], starts[row + 1]):
            total += values[k] * x[columns[k]]
        y[row] = total


@cuda.jit
def spmv_warp(starts, columns, values, x, y):
    """A row a warp."""
    row = cuda.grid(1) // 32
    lane = cuda.laneid
    if row < y.size:
        total = np.float32(0.0)
        for k in range(starts[row] + lane, starts[row + 1], 32):
            total += values[k] * x[columns[k]]
        for s in range(5):
            total += cuda.shfl_xor_sync(0xFFFFFFFF, total, 16 >> s)
        if lane == 0:
            y[row] = total


@cuda.jit
def search(table, keys, out):
    """Binary search of every key."""
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
def chase(links, out, steps):
    """Every thread follows its own chain of links."""
    i = cuda.grid(1)
    place = links[i]
    for _ in range(steps):
        place = links[place]
    out[i] = place


@cuda.jit
def collatz(start, steps):
    """Loop lengths that differ by lane."""
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
def mandelbrot(out, limit):
    """Iterations until escape."""
    col, row = cuda.grid(2)
    if row < out.shape[0] and col < out.shape[1]:
        cx = np.float32(-2.0) + np.float32(3.0) * np.float32(col) / np.float32(out.shape[1])
        cy = np.float32(-1.0) + np.float32(2.0) * np.float32(row) / np.float32(out.shape[0])
        x = np.float32(0.0)
        y = np.float32(0.0)
        n = 0
        while x * x + y * y <= np.float32(4.0) and n < limit:
            x, y = x * x - y * y + cx, np.float32(2.0) * x * y + cy
            n += 1
        out[row, col] = n


@cuda.jit
def branches(x, y):
    """Four ways, chosen by data."""
    i = cuda.grid(1)
    if i < x.size:
        v = x[i]
        k = v & 3
        if k == 0:
            v = v * 3 + 1
        elif k == 1:
            for j in range(8):
                v ^= v << (j & 3)
        elif k == 2:
            v = v // 7 + 11
        else:
            v = v % 13
        y[i] = v


@cuda.jit
def walk(state, out, steps):
    """A xorshift walk."""
    i = cuda.grid(1)
    s = state[i]
    place = 0
    for _ in range(steps):
        s ^= (s << np.uint32(13)) & np.uint32(0xFFFFFFFF)
        s ^= s >> np.uint32(17)
        s ^= (s << np.uint32(5)) & np.uint32(0xFFFFFFFF)
        place += 1 if s & np.uint32(1) else -1
    out[i] = place


@cuda.jit
def probe(table, keys, out):
    """Open addressing: look every key up."""
    i = cuda.grid(1)
    mask = table.size - 1
    if i < keys.size:
        key = keys[i]
        slot = (key * 40503) & mask
        while table[slot] != key and table[slot] != -1:
            slot = (slot + 1) & mask
        out[i] = slot if table[slot] == key else -1


@cuda.jit
def serial(x, out):
    """One thread does it all."""
    total = 0.0
    for i in range(x.size):
        total += x[i]
    out[0] = total


def _sparse(rng: np.random.Generator, rows: int, mean: int, skew: bool) -> tuple[np.ndarray, ...]:
    lengths = rng.integers(0, 2 * mean, rows) if not skew else (
        (mean * rng.pareto(1.5, rows)).astype(np.int64).clip(0, 40 * mean))  # fmt: skip
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    columns = rng.integers(0, rows, starts[-1]).astype(np.int32)
    values = rng.integers(-9, 9, starts[-1]).astype(np.float32)
    x = rng.integers(-9, 9, rows).astype(np.float32)
    want = np.zeros(rows)
    np.add.at(want, np.repeat(np.arange(rows), lengths), values * x[columns])
    return starts, columns, values, x, want.astype(np.float32)


def _table(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    table = np.full(size, -1, np.int32)
    keys = rng.choice(2**24, size // 2, replace=False).astype(np.int32)
    for key in keys.tolist():
        slot = (key * 40503) & (size - 1)
        while table[slot] != -1:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
    return table, keys


def _data_dependent(rng: np.random.Generator) -> Iterator[Case]:
    for kernel, rows, mean, skew, width in (
        (spmv_thread, 4096, 16, False, 1), (spmv_thread, 65536, 16, True, 1),
        (spmv_warp, 4096, 64, False, 32), (spmv_warp, 32768, 32, True, 32),
    ):  # fmt: skip
        *args, want = _sparse(rng, rows, mean, skew)
        name = f"{kernel.py_func.__name__}_{rows}{'_skew' if skew else ''}"
        yield _case(name, kernel, rows * width // 128, 128, (*args, np.zeros(rows, np.float32)),
                    exact(4, want))  # fmt: skip
    for n, keys in ((1 << 12, 1 << 12), (1 << 22, 1 << 18)):
        table = np.sort(rng.integers(0, 2**40, n))
        wanted = rng.integers(0, 2**40, keys)
        yield _case(f"search_{n}_{keys}", search, keys // 128, 128,
                    (table, wanted, np.zeros(keys, np.int64)),
                    exact(2, np.searchsorted(table, wanted)))  # fmt: skip
    for n, size in ((1 << 12, 1 << 13), (1 << 18, 1 << 17)):
        table, keys = _table(rng, size)
        pick = rng.choice(keys, n)
        slots = np.argsort(table, kind="stable")[np.searchsorted(np.sort(table), pick)]
        yield _case(f"probe_{n}", probe, n // 256, 256, (table, pick, np.zeros(n, np.int32)),
                    exact(2, slots.astype(np.int32)))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _data_dependent(rng)
    for n, threads, steps in ((1 << 14, 1, 200), (1 << 22, 32, 100), (1 << 20, 1 << 16, 30)):
        links = rng.permutation(n).astype(np.int64)
        want = links[:threads]
        for _ in range(steps):
            want = links[want]
        yield _case(f"chase_{n}_{threads}", chase, max(1, threads // 128), min(threads, 128),
                    (links, np.zeros(threads, np.int64), steps), exact(1, want))  # fmt: skip
    for n in (1 << 10, 1 << 17):
        start = rng.integers(1, 5000, n)
        yield _case(f"collatz_{n}", collatz, n // 128, 128, (start, np.zeros(n, np.int32)),
                    exact(1, _collatz(start)))  # fmt: skip
    for size in (64, 1024):
        yield _case(f"mandelbrot_{size}", mandelbrot, (size // 16, size // 16), (16, 16),
                    (np.zeros((size, size), np.int32), 100), _small)  # fmt: skip
    for n in (1 << 13, 1 << 20):
        x = rng.integers(0, 2**20, n).astype(np.int32)
        yield _case(f"branches_{n}", branches, n // 256, 256, (x, np.zeros_like(x)), _small)
    for threads, steps in ((1 << 12, 500), (1 << 18, 100)):
        state = rng.integers(1, 2**32, threads, dtype=np.uint32)
        yield _case(f"walk_{threads}", walk, threads // 128, 128,
                    (state, np.zeros(threads, np.int32), steps), _small)  # fmt: skip
    x = rng.integers(0, 9, 2000).astype(np.float64)
    yield _case("serial_2000", serial, 1, 1, (x, np.zeros(1)), exact(1, np.array([x.sum()])))


def _collatz(start: np.ndarray) -> np.ndarray:
    n, count = start.copy(), np.zeros(start.size, np.int32)
    while (n != 1).any():
        open_ = n != 1
        count += open_
        n = np.where(open_, np.where(n & 1, 3 * n + 1, n >> 1), n)
    return count


def _small(args: tuple[np.ndarray, ...]) -> None:
    """Something was written."""
    last = next(a for a in reversed(args) if isinstance(a, np.ndarray))
    np.testing.assert_equal(bool(np.any(last != 0)), True)
