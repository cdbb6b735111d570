"""The memory checker: each kind of fault names kernel, line, thread and address."""

from __future__ import annotations

import inspect

import numpy as np
import ptx_kernels as ptx
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda, float32, int32

from archsim.frontend import load_ptx
from archsim.models.gpu.sm import state as st
from archsim.models.gpu.sm.execute import run
from archsim.models.gpu.sm.faults import ExecutionError, MemoryFaultError
from archsim.models.gpu.sm.program import UnsupportedInstructionError


def fault_of(function, args, grid=1, block=64, **options):
    with pytest.raises(MemoryFaultError) as caught:
        run(cuda.jit(function), grid, block, args, **options)
    text, first = inspect.getsourcelines(function)
    marked = next(first + n for n, line in enumerate(text) if "# faulty" in line)
    assert caught.value.fault.line == marked
    assert f"{__file__}:{marked}: " in str(caught.value)
    assert f"kernel {function.__name__} must not make" in str(caught.value)
    return caught.value.fault, str(caught.value)


def test_out_of_bounds_names_thread_address_and_argument():
    def past_the_end(x, y):
        i = cuda.grid(1)
        y[i] = x[i + 1]  # faulty

    fault, text = fault_of(past_the_end, (np.zeros(128, np.float32), np.zeros(128, np.float32)), 2)
    assert (fault.kind, fault.cta, fault.thread) == (st.OUT_OF_BOUNDS, (1, 0, 0), (63, 0, 0))
    assert "(byte 512 of argument 0, which has 512)" in text
    assert hex(fault.address) in text


def test_out_of_bounds_in_shared_memory():
    def far(x):
        data = cuda.shared.array(8, float32)
        data[x[0] + cuda.threadIdx.x] = 1  # faulty
        cuda.syncthreads()
        x[1] = data[0]

    fault, _ = fault_of(far, (np.full(2, 10**6, np.int32),))
    assert (fault.kind, fault.thread) == (st.OUT_OF_BOUNDS, (0, 0, 0))


def test_uninitialised_shared_memory_is_found_when_checking():
    def half_written(x):
        data = cuda.shared.array(64, int32)
        t = cuda.threadIdx.x
        if t < 32:
            data[t] = t
        cuda.syncthreads()
        x[t] = data[t]  # faulty

    args = (np.zeros(64, np.int32),)
    fault, _ = fault_of(half_written, args, check=True)
    assert (fault.kind, fault.thread) == (st.UNINITIALISED, (32, 0, 0))
    run(cuda.jit(half_written), 1, 64, args)


def test_a_missing_barrier_is_a_race_and_with_it_none():
    def racing(x):
        data = cuda.shared.array(64, int32)
        t = cuda.threadIdx.x
        data[t] = t
        x[t] = data[63 - t]  # faulty

    def correct(x):
        data = cuda.shared.array(64, int32)
        t = cuda.threadIdx.x
        data[t] = t
        cuda.syncthreads()
        x[t] = data[63 - t]

    args = (np.zeros(64, np.int32),)
    with pytest.raises(MemoryFaultError) as caught:
        run(cuda.jit(racing), 1, 64, args, check=True)
    assert caught.value.fault.kind in (st.SHARED_RACE, st.UNINITIALISED)
    run(cuda.jit(correct), 1, 64, args, check=True)
    np.testing.assert_array_equal(args[0], np.arange(64)[::-1])


def test_a_write_after_a_read_without_a_barrier_is_a_race():
    def overwrites(x):
        data = cuda.shared.array(64, int32)
        t = cuda.threadIdx.x
        data[t] = x[t]
        cuda.syncthreads()
        v = data[63 - t]  # faulty: the other warp has already written, or will before it is read
        data[t] = v + 1
        cuda.syncthreads()
        x[t] = data[t]

    fault, _ = fault_of(overwrites, (np.arange(64, dtype=np.int32),), check=True)
    assert fault.kind == st.SHARED_RACE


def test_misaligned_accesses():
    body = " add.u64 %d4, %d1, 2; ld.global.u32 %r20, [%d4]; mov.u32 %r21, 0;"
    kernel = ptx.kernel(body + " mov.u32 %r22, 0; mov.u32 %r23, 0; mov.u64 %d5, %d2;")
    with pytest.raises(MemoryFaultError, match="misaligned access of 4 bytes"):
        run(kernel, 1, 32, (np.zeros(128, np.int32), np.zeros(128, np.int32)))


def test_deadlocks_end_and_say_where():
    body = """
     setp.eq.u32 %p1, %r1, 0; @%p1 bra SKIP;
     bar.sync 1, 64;
    SKIP: mov.u32 %r20, 0; mov.u32 %r21, 0; mov.u32 %r22, 0; mov.u32 %r23, 0;
    """
    with pytest.raises(ExecutionError, match=r"wait for each other: warp 0 at .*BAR"):
        run(ptx.kernel(body), 1, 32, (np.zeros(128, np.int32), np.zeros(128, np.int32)))


def test_an_unsupported_instruction_names_address_and_text():
    body = """
     mov.b32 %f4, %r4; cvt.rni.sat.u8.f32 %r20, %f4;
     mov.u32 %r21, 0; mov.u32 %r22, 0; mov.u32 %r23, 0;
    """
    with pytest.raises(UnsupportedInstructionError, match=r"at 0x[0-9a-f]+.*F2IP"):
        run(ptx.kernel(body), 1, 32, (np.zeros(128, np.int32), np.zeros(128, np.int32)))


def test_arguments_must_fit_the_parameters():
    kernel = load_ptx(ptx._HEAD + ptx._LOAD + " mov.u32 %r20, 0; mov.u32 %r21, 0;"
                      " mov.u32 %r22, 0; mov.u32 %r23, 0;" + ptx._TAIL, "k", "sm_90a")  # fmt: skip
    with pytest.raises(ValueError, match="must get arguments for 2 parameters, not 3"):
        run(kernel, 1, 32, (1, 2, 3))
    with pytest.raises(TypeError, match="must be an array or a number, not str"):
        run(kernel, 1, 32, ("a", 2))
