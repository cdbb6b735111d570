"""Irregular memory: graphs, block-sparse rows, cuckoo tables, buckets, hot addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda, float32, int32, uint32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import launch


@cuda.jit
def cuckoo(first, second, keys, found):
    """Looks keys up in two tables, by two hashes."""
    i = cuda.grid(1)
    if i < keys.shape[0]:
        key = keys[i]
        mask = uint32(first.shape[0] - 1)
        h = uint32(key) * uint32(2654435769)
        hit = first[(h >> uint32(7)) & mask] == key
        if not hit:
            h = uint32(key) * uint32(2246822519) + uint32(374761393)
            hit = second[(h >> uint32(9)) & mask] == key
        found[i] = 1 if hit else 0


@cuda.jit
def bottom_up(ptr, edges, level, now, parent):
    """A step of a breadth-first search from below: the first neighbour of the level ends it."""
    v = cuda.grid(1)
    if v < level.shape[0] and level[v] < 0:
        for e in range(ptr[v], ptr[v + 1]):
            u = edges[e]
            if level[u] == now:
                parent[v] = u
                break


@cuda.jit
def pull_ranks(ptr, edges, share, rank, damping):
    """A page-rank step over a graph whose degrees follow a power law, a thread a page."""
    v = cuda.grid(1)
    if v < rank.shape[0]:
        total = float32(0.0)
        for e in range(ptr[v], ptr[v + 1]):
            total += share[edges[e]]
        rank[v] = damping * total + (float32(1.0) - damping)


@cuda.jit
def block_rows(ptr, col, val, x, y):
    """Sparse rows of 4 x 4 blocks, four threads a block row."""
    i = cuda.grid(1)
    row = i >> 2
    if row < ptr.shape[0] - 1:
        total = float32(0.0)
        for b in range(ptr[row], ptr[row + 1]):
            c = col[b] * 4
            for k in range(4):
                total += val[b, i & 3, k] * x[c + k]
        y[i] = total


@cuda.jit
def triangles(ptr, edges, source, count):
    """Common neighbours of the ends of each edge, by merging two sorted lists."""
    e = cuda.grid(1)
    if e < edges.shape[0]:
        a = ptr[source[e]]
        a_end = ptr[source[e] + 1]
        b = ptr[edges[e]]
        b_end = ptr[edges[e] + 1]
        n = 0
        while a < a_end and b < b_end:
            u = edges[a]
            v = edges[b]
            if u == v:
                n += 1
            if u <= v:
                a += 1
            if v <= u:
                b += 1
        count[e] = n


@cuda.jit
def bucket_fill(keys, fill, places):
    """Takes a place in its bucket for every key: an atomic that returns."""
    i = cuda.grid(1)
    if i < keys.shape[0]:
        places[i] = cuda.atomic.add(fill, keys[i], 1)


@cuda.jit
def hot_minimum(x, low):
    """Minima of 16 classes by atomics on 16 addresses."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.min(low, i & 15, x[i])


@cuda.jit
def swap_maximum(x, high):
    """Maxima of 1024 classes by compare-and-swap, tried until it holds."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        place = x[i] & 1023
        old = high[place]
        while old < x[i]:
            seen = cuda.atomic.cas(high, place, old, x[i])
            if seen == old:
                break
            old = seen


@cuda.jit
def jump(parent, out):
    """Pointer jumping: every node finds its root."""
    i = cuda.grid(1)
    if i < parent.shape[0]:
        p = parent[i]
        while parent[p] != p:
            p = parent[p]
        out[i] = p


@cuda.jit
def scatter_rows(index, x, y):
    """Rows of 32 doubles to new places, a warp a row."""
    row = (cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x) >> 5
    lane = cuda.threadIdx.x & 31
    if row < x.shape[0]:
        y[index[row], lane] = x[row, lane]


@cuda.jit
def neighbours(pos, head, after, size, out):
    """Particles of 2-D cells within reach, over linked lists of nine cells."""
    i = cuda.grid(1)
    if i < pos.shape[0]:
        x = pos[i, 0]
        y = pos[i, 1]
        n = 0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                cx = int32(x) + dx
                cy = int32(y) + dy
                if 0 <= cx < size and 0 <= cy < size:
                    j = head[cy * size + cx]
                    while j >= 0:
                        a = pos[j, 0] - x
                        b = pos[j, 1] - y
                        if a * a + b * b < float32(1.0):
                            n += 1
                        j = after[j]
        out[i] = n


def _graph(rng: np.random.Generator, degrees: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Row pointers and edges, each row sorted and without repeats."""
    rows = [np.unique(rng.integers(0, n, d)) for d in degrees]
    ptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int32)
    return ptr, np.concatenate(rows).astype(np.int32)


def _ranked(index: int, fill: np.ndarray) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        np.testing.assert_array_equal(args[index], fill)

    return check


def _roots(parent: np.ndarray) -> np.ndarray:
    roots = parent.copy()
    while np.any(roots != parent[roots]):
        roots = parent[roots]
    return roots


def _graphs(rng: np.random.Generator) -> Iterator[Case]:
    n = 60_000
    ptr, edges = _graph(rng, rng.integers(2, 30, n), n)
    level = np.where(rng.random(n) < 0.3, 4, -1).astype(np.int32)
    yield launch(f"bottom_up_{n}", bottom_up, -(-n // 256), 256,
                 (ptr, edges, level, np.int32(4), np.full(n, -1, np.int32)),
                 lambda args: None)  # fmt: skip
    for n in (4_000, 80_000):
        degrees = np.minimum(2 + rng.zipf(1.8, n), 3_000)
        ptr, edges = _graph(rng, degrees, n)
        share = rng.random(n, dtype=np.float32)
        want = np.add.reduceat(share[edges], ptr[:-1]) * 0.85 + 0.15
        yield launch(f"pull_ranks_{n}", pull_ranks, -(-n // 128), 128,
                     (ptr, edges, share, np.zeros(n, np.float32), np.float32(0.85)),
                     close(3, want, 1e-3))  # fmt: skip
    for n in (1_500, 15_000):
        ptr, edges = _graph(rng, rng.integers(4, 24, n), n)
        source = np.repeat(np.arange(n), np.diff(ptr)).astype(np.int32)
        yield launch(f"triangles_{n}", triangles, -(-len(edges) // 128), 128,
                     (ptr, edges, source, np.zeros(len(edges), np.int32)),
                     lambda args: None)  # fmt: skip
    n = 150_000
    parent = np.maximum(np.arange(n) - rng.integers(0, 40_000, n), 0).astype(np.int32)
    yield launch(f"jump_{n}", jump, -(-n // 256), 256, (parent, np.zeros_like(parent)),
                 exact(1, _roots(parent)))  # fmt: skip


def _hot(rng: np.random.Generator) -> Iterator[Case]:
    for n, buckets in ((20_000, 64), (600_000, 50_000)):
        keys = rng.integers(0, buckets, n).astype(np.int32)
        fill = np.bincount(keys, minlength=buckets).astype(np.int32)
        yield launch(f"bucket_fill_{n}_{buckets}", bucket_fill, -(-n // 256), 256,
                     (keys, np.zeros(buckets, np.int32), np.zeros(n, np.int32)),
                     _ranked(1, fill))  # fmt: skip
    n = 200_000
    x = rng.integers(0, 1 << 30, n).astype(np.int32)
    low = np.full(16, 1 << 30, np.int32)
    yield launch(f"hot_minimum_{n}", hot_minimum, -(-n // 256), 256, (x, low),
                 exact(1, np.array([x[k::16].min() for k in range(16)], np.int32)))  # fmt: skip
    n = 100_000
    x = rng.integers(0, 1 << 30, n).astype(np.int32)
    want = np.zeros(1024, np.int32)
    np.maximum.at(want, x & 1023, x)
    yield launch(f"swap_maximum_{n}", swap_maximum, -(-n // 128), 128,
                 (x, np.zeros(1024, np.int32)), exact(1, want))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for n in (5_000, 1_000_000):
        size = 1 << 20
        first, second = (rng.integers(0, 1 << 30, size).astype(np.int32) for _ in range(2))
        keys = rng.integers(0, 1 << 30, n).astype(np.int32)
        places = ((keys.astype(np.uint32) * np.uint32(2654435769)) >> np.uint32(7)) & (size - 1)
        half = rng.random(n) < 0.5
        first[places[half]] = keys[half]
        yield launch(f"cuckoo_{n}", cuckoo, -(-n // 256), 256,
                     (first, second, keys, np.zeros(n, np.int32)), lambda args: None)  # fmt: skip
    yield from _graphs(rng)
    yield from _hot(rng)
    for rows in (800, 25_000):
        ptr, col = _graph(rng, rng.integers(4, 18, rows), rows)
        val, x = rng.random((len(col), 4, 4), np.float32), rng.random(4 * rows, np.float32)
        parts = np.einsum("bik,bk->bi", val, x.reshape(-1, 4)[col])
        want = np.add.reduceat(parts, ptr[:-1]).ravel()
        yield launch(f"block_rows_{rows}", block_rows, -(-4 * rows // 128), 128,
                     (ptr, col, val, x, np.zeros(4 * rows, np.float32)),
                     close(4, want, 1e-3))  # fmt: skip
    n = 100_000
    index, x = rng.permutation(n).astype(np.int32), rng.random((n, 32))
    want = np.zeros_like(x)
    want[index] = x
    yield launch(f"scatter_rows_{n}", scatter_rows, -(-n // 8), 256, (index, x, np.zeros_like(x)),
                 exact(2, want))  # fmt: skip
    for n, size in ((3_000, 32), (60_000, 128)):
        pos = (rng.random((n, 2)) * size).astype(np.float32)
        head, after = np.full(size * size, -1, np.int32), np.full(n, -1, np.int32)
        for i, cell in enumerate((pos[:, 1].astype(int) * size + pos[:, 0].astype(int)).tolist()):
            after[i], head[cell] = head[cell], i
        yield launch(f"neighbours_{n}", neighbours, -(-n // 128), 128,
                     (pos, head, after, size, np.zeros(n, np.int32)),
                     lambda args: None)  # fmt: skip
