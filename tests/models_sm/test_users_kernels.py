"""Kernels as users write them: what once failed, or nobody had tried."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda, float32, int32

from archsim.models.gpu.sm import trace
from archsim.models.gpu.sm.execute import run
from archsim.models.gpu.sm.faults import ExecutionError, MemoryFaultError
from workloads.kernels.hopper import wgmma_gemm as gemm

PARTICLE = np.dtype([("place", np.float32, 3), ("mass", np.float64), ("kind", np.int8)], align=True)


def test_lanes_that_leave_one_barrier_wait_apart_at_the_next():
    """Loops of compare-and-swap one after another share the number of a convergence barrier."""

    @cuda.jit
    def extremes(x, f, d):
        v = x[cuda.grid(1)]
        s = cuda.shared.array(4, float32)
        if cuda.threadIdx.x < 4:
            s[cuda.threadIdx.x] = 0
        cuda.syncthreads()
        cuda.atomic.add(s, 0, float32(v))
        cuda.atomic.max(s, 1, float32(v))
        cuda.atomic.min(s, 2, float32(v))
        cuda.atomic.add(f, 0, float32(v))
        cuda.atomic.max(f, 1, float32(v))
        cuda.atomic.max(d, 1, v)
        cuda.atomic.min(d, 2, v)
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            cuda.atomic.max(f, 2, s[1])
            cuda.atomic.min(f, 3, s[2])

    x = np.random.default_rng(5).standard_normal(512)
    f, d = np.zeros(4, np.float32), np.zeros(3)
    run(extremes, 4, 128, (x, f, d), check=True)
    np.testing.assert_allclose(f[0], x.sum(), atol=1e-3)
    np.testing.assert_array_equal(f[1:], np.float32([x.max(), x.max(), x.min()]))
    np.testing.assert_array_equal(d[1:], [x.max(), x.min()])


def test_dynamic_shared_memory_has_its_size():
    @cuda.jit
    def halves(x, y):
        first = cuda.shared.array(0, float32)
        second = cuda.shared.array(0, int32)[64:]
        t = cuda.threadIdx.x
        first[t] = x[t]
        second[t] = 3 * t
        cuda.syncthreads()
        y[t] = first[63 - t] + second[(t + 1) % 64]

    x, t = np.random.default_rng(6).random(64, np.float32), np.arange(64)
    y = np.zeros(64)
    run(halves, 1, 64, (x, y), dynamic_smem_bytes=512, check=True)
    np.testing.assert_allclose(y, x[::-1] + 3.0 * ((t + 1) % 64))


def test_tuples_and_records_are_arguments():
    @cuda.jit
    def weigh(p, shape, y):
        i = cuda.grid(1)
        if i < shape[0]:
            total = 0.0
            for k in range(shape[1][0]):
                total += p[i]["place"][k]
            y[i] = total * p[i]["mass"] - p[i]["kind"]

    rng = np.random.default_rng(7)
    p = np.zeros(50, PARTICLE)
    p["place"], p["mass"], p["kind"] = rng.random((50, 3)), rng.random(50), rng.integers(-9, 9, 50)
    y = np.zeros(50)
    run(weigh, 1, 64, (p, (50, (3, 2.5)), y), check=True)
    np.testing.assert_allclose(y, p["place"].astype(float).sum(1) * p["mass"] - p["kind"], 1e-6)


def test_functions_that_call_themselves():
    @cuda.jit(device=True)
    def fibonacci(n):
        if n < 2:
            return n
        return fibonacci(n - 1) + fibonacci(n - 2)

    @cuda.jit
    def fill(n, y):
        y[cuda.grid(1)] = fibonacci(n[cuda.grid(1)])

    n = np.arange(32) % 9
    y = np.zeros(32, np.int64)
    run(fill, 1, 32, (n, y))
    np.testing.assert_array_equal(y, np.array([0, 1, 1, 2, 3, 5, 8, 13, 21])[n])


def test_a_product_on_warp_groups_through_a_ring_of_mbarriers():
    """Its descriptors are advanced by 64-bit sums of uniform registers."""
    rng = np.random.default_rng(8)
    m, n, k = 128, 128, 6 * gemm.STEP
    a = rng.integers(-4, 5, (m, k)).astype(np.float16)
    b = rng.integers(-4, 5, (k, n)).astype(np.float16)
    c = np.zeros((m, n), np.float32)
    args = (gemm.tile_a(a), gemm.tile_b(b), c, np.uint32(n), np.uint32(k // gemm.STEP))
    run(gemm.kernel(), 1, 256, args, dynamic_smem_bytes=gemm.DYNAMIC_BYTES, check=True)
    np.testing.assert_array_equal(c, a.astype(np.float32) @ b.astype(np.float32))


def test_only_lanes_that_are_there_vote_for_a_joint_count():
    """ptxas counts the lanes of a branch by VOTEU, and one of them adds for all."""

    @cuda.jit
    def count(x, n, least, places):
        i = cuda.grid(1)
        if i < x.size and x[i] > 0:
            cuda.atomic.add(n, 0, 1)
            cuda.atomic.min(least, 0, i)
            places[cuda.atomic.add(n, 1, 1)] = i

    x = np.random.default_rng(9).standard_normal(300)
    n, least, places = np.zeros(2, np.int32), np.full(1, 999, np.int32), np.zeros(300, np.int32)
    run(count, 3, 128, (x, n, least, places), check=True)
    found = np.flatnonzero(x > 0)
    np.testing.assert_array_equal([*n, *least], [len(found), len(found), found[0]])
    np.testing.assert_array_equal(np.sort(places[: len(found)]), found)


def test_comparisons_that_give_a_word():
    @cuda.jit
    def classify(x, y):
        i = cuda.grid(1)
        y[0, i] = math.isnan(x[i])
        y[1, i] = math.isinf(x[i])
        y[2, i] = math.isfinite(x[i])

    x = np.float32([0, -0.0, 1, np.nan, np.inf, -np.inf, 1e-45, -3e38] * 4)
    y = np.zeros((3, 32), np.float32)
    run(classify, 1, 32, (x, y), check=True)
    np.testing.assert_array_equal(y, np.stack([np.isnan(x), np.isinf(x), np.isfinite(x)]))


def test_complex_numbers_and_a_record_are_arguments():
    @cuda.jit
    def fill(single, double, record, z):
        i = cuda.grid(1)
        z[i] = single * double + record.mass * i
        if i == 0:
            record.kind += 1

    particles = np.zeros(3, PARTICLE)
    particles[1]["mass"], particles[1]["kind"] = 2.5, -7
    z = np.zeros(32, complex)
    run(fill, 1, 32, (np.complex64(1 + 2j), 3 - 1j, particles[1], z), check=True)
    np.testing.assert_array_equal(z, (1 + 2j) * (3 - 1j) + 2.5 * np.arange(32))
    np.testing.assert_array_equal(particles["kind"], [0, -6, 0])


def test_views_with_gaps_lie_in_the_array_they_were_taken_from():
    @cuda.jit
    def add(x, y, z):
        i, j = cuda.grid(2)
        if i < z.shape[0] and j < z.shape[1]:
            z[i, j] = x[i, j] + y[j, i]

    whole = np.random.default_rng(10).integers(-99, 99, (16, 40)).astype(np.int16)
    before = whole.copy()
    x, row, z = whole[::2, 30:4:-3], whole[2:3].T, whole[1::2, 1:27:3]
    y = np.broadcast_to(row[: len(x.T)], (9, 8))
    want = x + y.T
    run(add, (1, 1), (8, 16), (x, y, z), check=True)
    np.testing.assert_array_equal(z, want)
    before[1::2, 1:27:3] = want
    np.testing.assert_array_equal(whole, before)


def test_a_block_that_waits_for_one_that_does_not_run_with_it_ends(monkeypatch):
    @cuda.jit
    def wait(flag):
        if cuda.blockIdx.x == 0:
            cuda.atomic.add(flag, 0, 1)
        else:
            while cuda.atomic.add(flag, 0, 0) == 0:
                pass

    monkeypatch.setattr(trace, "MOST_BYTES", 1 << 24)
    flag = np.zeros(1, np.int32)
    run(wait, 2, 1, (flag,))
    assert flag[0] == 1
    with pytest.raises(ExecutionError, match=r"block \(1, 0, 0\) .* wait for another block"):
        run(wait, 2, 1, (flag * 0,), ctas=[1], trace=True)


def test_a_read_before_another_warps_write_asks_for_a_barrier():
    @cuda.jit
    def mirror(y):
        s = cuda.shared.array(64, int32)
        t = cuda.threadIdx.x
        s[t] = t
        y[t] = s[63 - t]

    with pytest.raises(MemoryFaultError, match=r"written yet \(is a barrier missing .* 'LDS"):
        run(mirror, 1, 64, (np.zeros(64, np.int32),), check=True)
