"""Irregular kernels: sparse rows, trees, graphs, hash tables, atomics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import _check_finite, launch


@cuda.jit
def csr_scalar(ptr, col, val, x, y):
    """A sparse row a thread, fp64."""
    r = cuda.grid(1)
    if r < y.shape[0]:
        s = 0.0
        for k in range(ptr[r], ptr[r + 1]):
            s += val[k] * x[col[k]]
        y[r] = s


@cuda.jit
def csr_vector(ptr, col, val, x, y):
    """A sparse row a group of eight threads, fp32."""
    i = cuda.grid(1)
    r = i // 8
    part = i % 8
    s = np.float32(0.0)
    if r < y.shape[0]:
        for k in range(ptr[r] + part, ptr[r + 1], 8):
            s += val[k] * x[col[k]]
    for d in range(3):
        s += cuda.shfl_xor_sync(0xFFFFFFFF, s, 4 >> d)
    if part == 0 and r < y.shape[0]:
        y[r] = s


@cuda.jit
def ell(col, val, x, y):
    """ELLPACK: entries of a row lie a column apart."""
    r = cuda.grid(1)
    if r < y.shape[0]:
        s = np.float32(0.0)
        for k in range(col.shape[0]):
            c = col[k, r]
            if c >= 0:
                s += val[k, r] * x[c]
        y[r] = s


@cuda.jit
def coo(row, col, val, x, y):
    """A sparse product by atomics, an entry a thread."""
    k = cuda.grid(1)
    if k < val.shape[0]:
        cuda.atomic.add(y, row[k], val[k] * x[col[k]])


@cuda.jit
def frontier(ptr, edges, level, now, after, changed):
    """One level of a breadth-first search, a vertex a thread."""
    v = cuda.grid(1)
    if v < level.shape[0] and level[v] == now:
        for k in range(ptr[v], ptr[v + 1]):
            w = edges[k]
            if level[w] == -1:
                after[w] = now + 1
                changed[0] = 1


@cuda.jit
def descend(keys, left, right, queries, out):
    """Binary tree that grew from random insertions: depth differs by query."""
    i = cuda.grid(1)
    if i < queries.shape[0]:
        node = 0
        depth = 0
        q = queries[i]
        while node >= 0 and keys[node] != q:
            node = left[node] if q < keys[node] else right[node]
            depth += 1
        out[i] = depth


@cuda.jit
def forest(feature, threshold, samples, out):
    """16 perfect decision trees of depth 8, a sample a thread."""
    i = cuda.grid(1)
    if i < samples.shape[0]:
        total = 0
        for tree in range(feature.shape[0]):
            node = 0
            for _ in range(8):
                f = feature[tree, node]
                node = 2 * node + 1 if samples[i, f] < threshold[tree, node] else 2 * node + 2
            total += node
        out[i] = total


@cuda.jit
def scatter_sums(index, x, out):
    """Atomic sums at random places."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.add(out, index[i], x[i])


@cuda.jit
def peak(x, out):
    """The largest value, an atomic a thread."""
    i = cuda.grid(1)
    if i < x.shape[0]:
        cuda.atomic.max(out, 0, x[i])


@cuda.jit
def bags(offsets, index, table, out):
    """Sums of embedding rows of 64: a bag a warp, two columns a lane."""
    bag = cuda.grid(1) // 32
    lane = cuda.laneid
    if bag < out.shape[0]:
        a = np.float32(0.0)
        b = np.float32(0.0)
        for k in range(offsets[bag], offsets[bag + 1]):
            row = index[k]
            a += table[row, lane]
            b += table[row, lane + 32]
        out[bag, lane] = a
        out[bag, lane + 32] = b


@cuda.jit
def gather_rows(index, table, out):
    """Rows of 96 floats copied by an index, a row a block."""
    row = index[cuda.blockIdx.x]
    out[cuda.blockIdx.x, cuda.threadIdx.x] = table[row, cuda.threadIdx.x]


@cuda.jit
def gather64(index, x, y):
    """fp64 by a random index of int64."""
    i = cuda.grid(1)
    if i < y.shape[0]:
        y[i] = x[index[i]]


@cuda.jit
def insert(keys, table):
    """Open addressing with compare-and-swap."""
    i = cuda.grid(1)
    if i < keys.shape[0]:
        key = keys[i]
        mask = table.shape[0] - 1
        slot = ((key * 2654435769) >> 7) & mask
        while True:
            old = cuda.atomic.cas(table, slot, -1, key)
            if old == -1 or old == key:
                break
            slot = (slot + 1) & mask


@cuda.jit
def relax(dist, k, out):
    """One step of Floyd and Warshall."""
    j, i = cuda.grid(2)
    n = dist.shape[0]
    if i < n and j < n:
        through = dist[i, k] + dist[k, j]
        out[i, j] = min(through, dist[i, j])


@cuda.jit
def lists(head, after, value, out):
    """Sums along linked lists of several lengths."""
    i = cuda.grid(1)
    if i < head.shape[0]:
        node = head[i]
        total = 0
        while node >= 0:
            total += value[node]
            node = after[node]
        out[i] = total


def _csr(rng: np.random.Generator, rows: int, mean: int, skew: bool, dtype: Any) -> tuple[Any, ...]:
    size = np.minimum(rng.pareto(1.3, rows) * mean / 3, 60 * mean) if skew else (
        rng.poisson(mean, rows))  # fmt: skip
    ptr = np.concatenate([[0], np.cumsum(size.astype(np.int64))]).astype(np.int32)
    col = rng.integers(0, rows, ptr[-1]).astype(np.int32)
    val, x = rng.random(ptr[-1]).astype(dtype), rng.random(rows).astype(dtype)
    want = np.zeros(rows)
    np.add.at(want, np.repeat(np.arange(rows), np.diff(ptr)), val * x[col])
    return ptr, col, val, x, want


def _tree(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    keys = rng.permutation(n).astype(np.int32)
    left, right = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    for i in range(1, n):
        node = 0
        while True:
            side = left if keys[i] < keys[node] else right
            if side[node] < 0:
                side[node] = i
                break
            node = side[node]
    return keys, left, right


def _sparse(rng: np.random.Generator) -> Iterator[Case]:
    for rows, mean, skew in ((3_000, 12, False), (120_000, 9, False), (50_000, 12, True)):
        *args, want = _csr(rng, rows, mean, skew, np.float64)
        yield launch(f"csr_scalar_{rows}{'_skew' if skew else ''}", csr_scalar,
                     -(-rows // 128), 128,
                     (*args, np.zeros(rows)), close(4, want, 1e-9))  # fmt: skip
    for rows, mean, skew in ((2_000, 30, False), (60_000, 20, True)):
        *args, want = _csr(rng, rows, mean, skew, np.float32)
        yield launch(f"csr_vector_{rows}{'_skew' if skew else ''}", csr_vector, -(-rows // 32), 256,
                     (*args, np.zeros(rows, np.float32)), close(4, want, 1e-3))  # fmt: skip
    rows, most = 40_000, 16
    col = rng.integers(-8, rows, (most, rows)).astype(np.int32)
    val, x = rng.random((most, rows), dtype=np.float32), rng.random(rows, dtype=np.float32)
    want = np.where(col >= 0, val * x[np.maximum(col, 0)], 0).sum(axis=0)
    yield launch(f"ell_{rows}", ell, -(-rows // 256), 256,
                 (col, val, x, np.zeros(rows, np.float32)), close(3, want, 1e-3))  # fmt: skip
    rows, n = 20_000, 300_000
    row = np.sort(rng.integers(0, rows, n)).astype(np.int32)
    col = rng.integers(0, rows, n).astype(np.int32)
    val, x = rng.random(n, dtype=np.float32), rng.random(rows, dtype=np.float32)
    want = np.zeros(rows)
    np.add.at(want, row, val * x[col])
    yield launch(f"coo_{n}", coo, -(-n // 256), 256,
                 (row, col, val, x, np.zeros(rows, np.float32)), close(4, want, 1e-3))  # fmt: skip


def _atomics(rng: np.random.Generator) -> Iterator[Case]:
    for n, places in ((30_000, 500), (800_000, 200_000)):
        index = rng.integers(0, places, n).astype(np.int32)
        x = rng.integers(0, 9, n).astype(np.float32)
        want = np.bincount(index, x, places).astype(np.float32)
        yield launch(f"scatter_sums_{n}_{places}", scatter_sums, -(-n // 256), 256,
                     (index, x, np.zeros(places, np.float32)), exact(2, want))  # fmt: skip
    n = 40_000
    x = rng.integers(0, 1 << 30, n).astype(np.int32)
    yield launch(f"peak_{n}", peak, -(-n // 256), 256, (x, np.zeros(1, np.int32)),
                 exact(1, np.array([x.max()], np.int32)))  # fmt: skip
    n = 100_000
    keys = rng.choice(1 << 24, n, replace=False).astype(np.int32)
    yield launch(f"insert_{n}", insert, -(-n // 128), 128,
                 (keys, _filled(keys, 1 << 18)), _inserted(keys))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _sparse(rng)
    yield from _atomics(rng)
    n, degree = 100_000, 8
    ptr = (np.arange(n + 1) * degree).astype(np.int32)
    edges = rng.integers(0, n, n * degree).astype(np.int32)
    level = np.full(n, -1, np.int32)
    level[rng.choice(n, 2_000, replace=False)] = 3
    yield launch(f"frontier_{n}", frontier, -(-n // 256), 256,
                 (ptr, edges, level, np.int32(3), np.zeros(n, np.int32), np.zeros(1, np.int32)),
                 exact(5, np.ones(1, np.int32)))  # fmt: skip
    tree = _tree(rng, 20_000)
    for n in (2_000, 130_000):
        queries = rng.integers(0, 20_000, n).astype(np.int32)
        yield launch(f"descend_{n}", descend, -(-n // 128), 128,
                     (*tree, queries, np.zeros(n, np.int32)), _check_finite(4))  # fmt: skip
    feature = rng.integers(0, 12, (16, 511)).astype(np.int32)
    threshold = rng.random((16, 511), dtype=np.float32)
    for n in (3_000, 120_000):
        samples = rng.random((n, 12), dtype=np.float32)
        yield launch(f"forest_{n}", forest, -(-n // 128), 128,
                     (feature, threshold, samples, np.zeros(n, np.int64)),
                     _check_finite(3))  # fmt: skip
    n = 6_000
    offsets = np.concatenate([[0], np.cumsum(rng.integers(4, 40, n))]).astype(np.int32)
    index = rng.integers(0, 50_000, offsets[-1]).astype(np.int32)
    table = rng.random((50_000, 64), dtype=np.float32)
    yield launch(f"bags_{n}", bags, n // 8, 256,
                 (offsets, index, table, np.zeros((n, 64), np.float32)),
                 _check_finite(3))  # fmt: skip
    n = 20_000
    index = rng.integers(0, 60_000, n).astype(np.int32)
    table = rng.random((60_000, 96), dtype=np.float32)
    yield launch(f"gather_rows_{n}", gather_rows, n, 96,
                 (index, table, np.zeros((n, 96), np.float32)), exact(2, table[index]))  # fmt: skip
    for n, size in ((40_000, 1_000_000), (1_000_000, 3_000_000)):
        index, x = rng.integers(0, size, n), rng.random(size)
        yield launch(f"gather64_{n}", gather64, -(-n // 256), 256, (index, x, np.zeros(n)),
                     exact(2, x[index]))  # fmt: skip
    for n in (200, 1500):
        dist = rng.integers(1, 1000, (n, n)).astype(np.int32)
        want = np.minimum(dist, dist[:, 7:8] + dist[7:8, :])
        yield launch(f"relax_{n}", relax, (-(-n // 32), -(-n // 8)), (32, 8),
                     (dist, 7, np.zeros_like(dist)), exact(2, want))  # fmt: skip
    n, nodes = 10_000, 200_000
    order = rng.permutation(nodes)
    cuts = np.sort(rng.choice(np.arange(1, nodes), n - 1, replace=False))
    after = np.full(nodes, -1, np.int32)
    after[order[:-1]] = order[1:]
    after[order[cuts - 1]] = -1
    head = order[np.concatenate([[0], cuts])].astype(np.int32)
    yield launch(f"lists_{n}", lists, -(-n // 128), 128,
                 (head, after, rng.integers(1, 9, nodes), np.zeros(n, np.int64)),
                 _check_finite(3))  # fmt: skip


def _filled(keys: np.ndarray, size: int) -> np.ndarray:
    """The table that holds all keys, so that every launch finds the same."""
    table = np.full(size, -1, np.int32)
    for key in keys.tolist():
        slot = ((key * 2654435769) >> 7) & (size - 1)
        while table[slot] != -1:
            slot = (slot + 1) & (size - 1)
        table[slot] = key
    return table


def _inserted(keys: np.ndarray) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        table = args[1]
        np.testing.assert_array_equal(np.sort(table[table >= 0]), np.sort(keys))

    return check
