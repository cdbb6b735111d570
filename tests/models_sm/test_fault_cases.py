"""Ordinary mistakes in kernels, each reported with its kernel, source line, thread and address."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda, float32, float64, int32, uint64

from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.execute import run
from archsim.models.gpu.sm.faults import MemoryFaultError
from workloads.kernels.ptx import address_of, asm

load_u32 = asm("ld.global.u32 $0, [$1];", "r", "l")
store_f64 = asm("st.global.f64 [$0], $1;", "", "ld")


def stencil_reads_past(x, y):
    i = cuda.grid(1)
    y[i] = x[i] + x[i + 2]  # faulty


def writes_before(x, y):
    i = cuda.grid(1)
    if i == 77:
        store_f64(address_of(x) - uint64(4096), 1.0)  # faulty
    y[i] = x[i]


def table_too_small(x, y):
    t = cuda.shared.array(32, int32)
    i = cuda.threadIdx.x
    if i < 32:
        t[i] = i
    cuda.syncthreads()
    y[cuda.grid(1)] = t[int(x[cuda.grid(1)]) * 4096]  # faulty


def odd_word(x, y):
    i = cuda.grid(1)
    y[i] = load_u32(address_of(x) + uint64(4 * i + (1 if i == 40 else 0)))  # faulty


def halo_never_loaded(x, y):
    t = cuda.shared.array(66, float32)
    i = cuda.threadIdx.x
    t[i + 1] = x[i]
    cuda.syncthreads()
    y[i] = t[i] + t[i + 1] + t[i + 2]  # faulty


def tree_without_barrier(x, y):
    t = cuda.shared.array(128, float64)
    i = cuda.threadIdx.x
    t[i] = x[i]
    cuda.syncthreads()
    n = 64
    while n > 0:
        if i < n:
            t[i] += t[i + n]  # faulty
        n //= 2
    y[i] = t[0]


def two_writers(x, y):
    t = cuda.shared.array(1, int32)
    i = cuda.threadIdx.x
    if i % 32 == 0:
        t[0] = x[i]  # faulty
    cuda.syncthreads()
    y[i] = t[0]


def reuses_tile(x, y):
    t = cuda.shared.array(64, int32)
    i = cuda.threadIdx.x % 64
    s = 0
    for k in range(4):
        t[i] = x[(k * 16 + i) % x.size]
        cuda.syncthreads()
        s += t[63 - i]  # faulty
    y[i] = s


CASES = [
    (stencil_reads_past, 128, st.OUT_OF_BOUNDS, (126, 0, 0)),
    (writes_before, 128, st.OUT_OF_BOUNDS, (77, 0, 0)),
    (table_too_small, 128, st.OUT_OF_BOUNDS, None),
    (odd_word, 128, st.MISALIGNED, (40, 0, 0)),
    (halo_never_loaded, 64, st.UNINITIALISED, None),
    (tree_without_barrier, 128, st.SHARED_RACE, None),
    (two_writers, 128, st.SHARED_RACE, None),
    (reuses_tile, 64, st.SHARED_RACE, None),
]


@pytest.mark.parametrize(("function", "n", "kind", "thread"), CASES, ids=lambda v: str(v)[:24])
def test_a_mistake_is_named_with_its_place(function, n, kind, thread):
    x = np.arange(n).astype(np.float64 if function in (writes_before,) else np.int32)
    x = x.astype(np.uint32) if function is odd_word else x
    with pytest.raises(MemoryFaultError) as caught:
        run(cuda.jit(function), 1, n, (x, np.zeros(n)), check=True)
    fault, text = caught.value.fault, str(caught.value)
    lines, first = inspect.getsourcelines(function)
    assert fault.line == next(first + i for i, line in enumerate(lines) if "# faulty" in line)
    assert text.startswith(f"{__file__}:{fault.line}: kernel {function.__name__} must not make")
    assert fault.kind == kind and (thread is None or fault.thread == thread)
    assert re.search(
        rf"thread \(\d+, 0, 0\) of block \(0, 0, 0\), address {fault.address:#x}", text
    )
