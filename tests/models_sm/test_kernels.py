"""Numba kernels of every kind, executed as machine code, against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda, float32, float64, int32, int64, uint8

from archsim.models.gpu.sm.execute import run
from workloads.kernels.examples import cooperative, elementwise, scientific

MODULES = {"elementwise": elementwise, "cooperative": cooperative, "scientific": scientific}
CASES = {
    f"{name}.{case.name}": case
    for name, module in MODULES.items()
    for case in module.cases(np.random.default_rng(3))
}


# Kernels like another one here: part of `make test-full` only.
REPEATED = {
    "elementwise.mix_int64", "elementwise.gelu", "elementwise.functions32", "elementwise.bits",
    "cooperative.transpose", "cooperative.layernorm_rows", "cooperative.scan_block",
    "scientific.stencil2d", "scientific.convolve", "scientific.random_walk",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in REPEATED else ()) for n in CASES]
)
def test_examples_give_their_expected_results(name):
    case = CASES[name]
    smem = case.options["dynamic_smem_bytes"]
    done = run(case.kernel, case.grid, case.block, case.args, dynamic_smem_bytes=smem, check=True)
    case.options["expect"](case.args)
    assert done.warp_instructions > 0
    assert len(done.ctas) == math.prod(case.grid)


def launch(function, args, grid=1, block=64):
    run(cuda.jit(function), grid, block, args, check=True)
    return args


def test_integer_division_and_shifts_of_all_widths():
    def kernel(a, b, c, out):
        i = cuda.grid(1)
        out[i, 0] = a[i] // 7
        out[i, 1] = a[i] % b[i]
        out[i, 2] = a[i] // b[i]
        out[i, 3] = (a[i] << (i & 31)) ^ (a[i] >> 5)
        out[i, 4] = c[i] // np.uint64(10)
        out[i, 5] = a[i] * b[i] + abs(a[i])
        out[i, 6] = max(a[i], b[i]) - min(a[i], b[i])

    rng = np.random.default_rng(0)
    a = rng.integers(-(2**62), 2**62, 64)
    b = rng.integers(1, 2**40, 64) * rng.choice([-1, 1], 64)
    c = rng.integers(0, 2**64, 64, dtype=np.uint64)
    out = launch(kernel, (a, b, c, np.zeros((64, 7), np.int64)))[3]
    shift = np.arange(64) & 31
    with np.errstate(over="ignore"):
        want = [a // 7, a % b, a // b, (a << shift) ^ (a >> 5), (c // np.uint64(10)).astype(int),
                a * b + abs(a), np.maximum(a, b) - np.minimum(a, b)]  # fmt: skip
    np.testing.assert_array_equal(out, np.stack(want, axis=1))


def test_every_conversion_between_integers_and_floats():
    def kernel(x, y, whole, real, single, half):
        i = cuda.grid(1)
        whole[i, 0] = int64(x[i])
        whole[i, 1] = int32(y[i])
        whole[i, 2] = uint8(int64(abs(y[i])))
        whole[i, 3] = math.floor(x[i])
        real[i, 0] = float64(whole[i, 0])
        real[i, 1] = float64(y[i])
        real[i, 2] = math.ceil(y[i])
        single[i, 0] = float32(x[i])
        single[i, 1] = float32(whole[i, 0])
        half[i] = np.float16(y[i])

    rng = np.random.default_rng(1)
    x = rng.normal(size=64) * 10.0 ** rng.integers(0, 15, 64)
    y = (rng.normal(size=64) * 10.0 ** rng.integers(-3, 4, 64)).astype(np.float32)
    args = (x, y, np.zeros((64, 4), np.int64), np.zeros((64, 3)), np.zeros((64, 2), np.float32),
            np.zeros(64, np.float16))  # fmt: skip
    _, _, whole, real, single, half = launch(kernel, args)
    np.testing.assert_array_equal(whole[:, 0], x.astype(np.int64))
    np.testing.assert_array_equal(whole[:, 1], y.astype(np.int32))
    np.testing.assert_array_equal(whole[:, 2], np.abs(y).astype(np.int64) & 255)
    np.testing.assert_array_equal(whole[:, 3], np.floor(x))
    np.testing.assert_array_equal(real, np.stack([whole[:, 0], y, np.ceil(y)], axis=1))
    np.testing.assert_array_equal(single[:, 0], x.astype(np.float32))
    np.testing.assert_array_equal(single[:, 1], whole[:, 0].astype(np.float32))
    np.testing.assert_array_equal(half, y.astype(np.float16))


def test_correctly_rounded_divisions_and_roots():
    def kernel(a, b, x, y, single, double):
        i = cuda.grid(1)
        single[i, 0] = a[i] / b[i]
        single[i, 1] = math.sqrt(abs(a[i]))
        single[i, 2] = a[i] * b[i] - a[i]
        double[i, 0] = x[i] / y[i]
        double[i, 1] = math.sqrt(abs(x[i]))
        double[i, 2] = min(x[i], y[i])

    rng = np.random.default_rng(2)
    a, b = (rng.normal(size=(2, 64)) * 10.0 ** rng.integers(-44, 37, (2, 64))).astype(np.float32)
    x, y = rng.normal(size=(2, 64)) * 10.0 ** rng.integers(-320, 300, (2, 64))
    a[0], b[0] = np.inf, np.inf
    x[1], y[1] = 5e-324, np.nan
    _, _, _, _, single, double = launch(
        kernel, (a, b, x, y, np.zeros((64, 3), np.float32), np.zeros((64, 3)))
    )
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(single[:, 0], a / b)
        np.testing.assert_array_equal(single[:, 1], np.sqrt(np.abs(a)))
        product = a.astype(np.longdouble) * b - a  # one rounding: the compiler fuses
        np.testing.assert_array_equal(single[:, 2], product.astype(np.float32))
        np.testing.assert_array_equal(double[:, 0], x / y)
    np.testing.assert_array_equal(double[:, 1], np.sqrt(np.abs(x)))
    np.testing.assert_array_equal(double[:, 2], np.fmin(x, y))


def test_mathematical_functions_are_within_the_libraries_error_bounds():
    def kernel(x, single, double):
        i = cuda.grid(1)
        v = float32(x[i])
        single[i, 0] = math.sin(v)
        single[i, 1] = math.cos(v)
        single[i, 2] = math.tanh(v)
        single[i, 3] = math.log(v)
        single[i, 4] = math.pow(v, float32(1.7))
        double[i, 0] = math.sin(x[i])
        double[i, 1] = math.exp(-x[i])
        double[i, 2] = math.log(x[i])
        double[i, 3] = math.pow(x[i], 1.7)
        double[i, 4] = math.atan(x[i])

    x = np.random.default_rng(4).uniform(0.01, 60, 64).astype(np.float32).astype(np.float64)
    x[:4] = [1e5, 3e6, 1e-20, 1.0]
    _, single, double = launch(kernel, (x, np.zeros((64, 5), np.float32), np.zeros((64, 5))))
    functions = [np.sin, np.cos, np.tanh, np.log, lambda v: v ** np.float64(np.float32(1.7))]
    for n, function in enumerate(functions):
        np.testing.assert_allclose(single[:, n], function(x), rtol=1e-6, atol=2e-7)
    functions = [np.sin, lambda v: np.exp(-v), np.log, lambda v: v**1.7, np.arctan]
    for n, function in enumerate(functions):
        np.testing.assert_allclose(double[:, n], function(x), rtol=1e-14, atol=1e-300)


def test_half_precision_arithmetic_is_exact():
    def kernel(a, b, c):
        i = cuda.grid(1)
        c[i] = a[i] * b[i] + c[i]

    rng = np.random.default_rng(5)
    a, b, c = rng.normal(size=(3, 64)).astype(np.float16)
    want = a * b + c
    np.testing.assert_array_equal(launch(kernel, (a, b, c))[2], want)


def test_atomics_of_every_type_and_operation():
    def kernel(keys, whole, wide, single, double, bits):
        i = cuda.grid(1)
        k = keys[i]
        cuda.atomic.add(whole, (0, k), 3)
        cuda.atomic.max(whole, (1, k), i)
        cuda.atomic.min(whole, (2, k), -i)
        cuda.atomic.add(wide, k, int64(1) << 33)
        cuda.atomic.add(single, k, float32(0.5))
        cuda.atomic.max(single, k + 8, float32(i))
        cuda.atomic.add(double, k, 0.25)
        cuda.atomic.or_(bits, k, np.uint32(1) << np.uint32(i & 31))
        cuda.atomic.inc(bits, k + 8, np.uint32(5))
        cuda.atomic.cas(wide, k + 8, 0, i + 1)

    keys = np.random.default_rng(6).integers(0, 8, 128).astype(np.int32)
    args = (keys, np.zeros((3, 8), np.int32), np.zeros(16, np.int64), np.zeros(16, np.float32),
            np.zeros(8), np.zeros(16, np.uint32))  # fmt: skip
    _, whole, wide, single, double, bits = launch(kernel, args, grid=2)
    count, i = np.bincount(keys, minlength=8), np.arange(128)
    np.testing.assert_array_equal(whole[0], 3 * count)
    last = np.array([i[keys == k].max() for k in range(8)])
    np.testing.assert_array_equal(whole[1:], [last, -last])
    np.testing.assert_array_equal(wide[:8], count << 33)
    np.testing.assert_array_equal(wide[8:], [i[keys == k].min() + 1 for k in range(8)])
    np.testing.assert_array_equal(single, np.concatenate([count * 0.5, last]))
    np.testing.assert_array_equal(double, count * 0.25)
    ored = [np.bitwise_or.reduce(1 << (i[keys == k] & 31)) for k in range(8)]
    np.testing.assert_array_equal(bits[:8], ored)
    np.testing.assert_array_equal(bits[8:], count % 6)


def test_shared_atomics_and_cta_votes():
    def kernel(x, out, sums):
        whole = cuda.shared.array(8, int64)
        real = cuda.shared.array(8, float32)
        t = cuda.threadIdx.x
        if t < 8:
            whole[t] = 0
            real[t] = 0
        cuda.syncthreads()
        cuda.atomic.add(whole, x[t] & 7, int64(x[t]))
        cuda.atomic.add(real, x[t] & 7, float32(x[t]))
        out[t] = cuda.syncthreads_count(1 if x[t] > 0 else 0)
        if cuda.syncthreads_or(1 if x[t] == 5 else 0):
            out[t] += 1000
        if cuda.syncthreads_and(1 if x[t] > -100 else 0):
            out[t] += 10000
        if t < 8:
            sums[t] = whole[t] + real[t]

    x = np.random.default_rng(7).integers(-99, 99, 128).astype(np.int32)
    x[17] = 5
    _, out, sums = launch(kernel, (x, np.zeros(128, np.int32), np.zeros(8)), block=128)
    assert (out == (x > 0).sum() + 11000).all()
    np.testing.assert_array_equal(sums, [2 * x[x & 7 == k].sum() for k in range(8)])


def test_loops_that_lanes_leave_one_by_one():
    def kernel(x, out):
        i = cuda.grid(1)
        total = 0
        for j in range(x[i]):
            if (j + x[i]) % 3 == 0:
                if j > 20:
                    break
                total += j
            elif j == 7:
                continue
            else:
                total -= 1
            k = 0
            while k * k < j:
                k += 1
            total += k
        out[i] = total

    def reference(n):
        total = 0
        for j in range(n):
            if (j + n) % 3 == 0:
                if j > 20:
                    break
                total += j
            elif j == 7:
                continue
            else:
                total -= 1
            total += math.isqrt(j - 1) + 1 if j else 0
        return total

    x = np.random.default_rng(8).integers(0, 60, 64).astype(np.int32)
    out = launch(kernel, (x, np.zeros(64, np.int32)))[1]
    assert out.tolist() == [reference(n) for n in x.tolist()]


def test_threads_of_a_warp_progress_while_others_spin():
    def kernel(lock, value):
        done = False
        while not done:
            if cuda.atomic.cas(lock, 0, 0, 1) == 0:
                value[0] += 1
                cuda.threadfence()
                cuda.atomic.exch(lock, 0, 0)
                done = True

    args = (np.zeros(1, np.int32), np.zeros(1, np.int32))
    assert launch(kernel, args, grid=2, block=40)[1][0] == 80


def test_tables_of_jumps_and_constants():
    table = np.linspace(0, 1, 16)

    def kernel(x, out):
        data = cuda.const.array_like(table)
        i = cuda.grid(1)
        v = x[i]
        if v == 0:
            r = 5
        elif v == 1:
            r = v * 7
        elif v == 2:
            r = v - 4
        elif v == 3:
            r = v * v
        elif v == 4:
            r = 9
        elif v == 5:
            r = v ^ 3
        else:
            r = 0
        out[i] = r + data[v]

    x = np.random.default_rng(9).integers(0, 8, 64).astype(np.int32)
    want = np.array([5, 7, -2, 9, 9, 6, 0, 0])[x] + table[x]
    np.testing.assert_array_equal(launch(kernel, (x, np.zeros(64)))[1], want)


def test_results_are_the_same_in_every_run_and_without_checks():
    case = CASES["cooperative.reduce_shared"]
    rng = np.random.default_rng(10)
    x = rng.normal(size=1000).astype(np.float32)
    sums = []
    for check in (False, True, False):
        total = np.zeros(1, np.float32)
        run(case.kernel, case.grid, case.block, (x, total), check=check)
        sums.append(total[0])
    assert len(set(sums)) == 1


def test_chosen_ctas_leave_the_arguments_alone():
    x, y = np.ones(512, np.float32), np.ones(512, np.float32)
    done = run(elementwise.saxpy, 4, 128, (np.float32(2), x, y), ctas=[1, 3], trace=True)
    assert (y == 1).all()
    assert done.ctas == [(1, 0, 0), (3, 0, 0)]
    assert [t.cta for t in done.traces] == done.ctas
    assert sum(len(t.pc) for t in done.traces) == done.warp_instructions
    loads = [
        t.address[t.mem[n]] for t in done.traces for n in range(len(t.pc))
        if done.program.kernel.instructions[t.pc[n]].opcode == "LDG"
    ]  # fmt: skip
    assert all((np.diff(row) == 4).all() for row in loads)
    assert len(loads) == 2 * 4 * 2  # CTAs, warps, arrays


def test_impossible_launches_are_refused_in_one_sentence():
    x = np.zeros(8, np.float32)
    for options, sentence in (
        ({"block": 2000}, "at most 1024 threads"),
        ({"grid": 0}, "grid must be"),
        ({"cluster": 3}, "divide the grid"),
        ({"dynamic_smem_bytes": 300_000}, "shared memory must be at most"),
        ({"ctas": [9]}, "ctas must be numbers below 2"),
    ):
        full = {"grid": 2, "block": 32, "args": (np.float32(1), x, x.copy()), **options}
        with pytest.raises(ValueError, match=sentence):
            run(elementwise.saxpy, **full)
    with pytest.raises(ValueError, match="contiguous"):
        gaps = np.ndarray((8,), np.float32, bytearray(64), strides=(8,))  # no array that holds it
        run(elementwise.saxpy, 1, 32, (np.float32(1), gaps, x))


@cuda.jit(device=True)
def affine(x, y):
    return 3.0 * x + y


@cuda.jit(device=True)
def twice(x, y):
    return affine(affine(x, y), y)


def test_kernels_call_device_functions():
    def kernel(x, y):
        i = cuda.grid(1)
        y[i] = twice(x[i], y[i])

    x = np.arange(64.0)
    _, found = launch(kernel, (x, np.ones(64)))
    np.testing.assert_array_equal(found, 9 * x + 4)


def test_numba_random_numbers_of_a_thread():
    from numba.cuda.random import xoroshiro128p_dtype, xoroshiro128p_uniform_float32

    def kernel(states, y):
        i = cuda.grid(1)
        y[i] = xoroshiro128p_uniform_float32(states, i)

    states = np.zeros(64, xoroshiro128p_dtype)
    states["s0"], states["s1"] = np.arange(64, dtype=np.uint64) << np.uint64(40), 12345
    s0, s1 = states["s0"].copy(), states["s1"].copy()
    _, found = launch(kernel, (states, np.zeros(64, np.float32)))
    want = ((s0 + s1) >> np.uint64(11)).astype(np.float64) * (1.0 / (1 << 53))
    np.testing.assert_allclose(found, want.astype(np.float32), rtol=1e-6)
    assert (states["s0"] != s0).any()
