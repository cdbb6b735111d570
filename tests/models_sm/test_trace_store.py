"""Traces that are kept once: every CTA reads back what it executed."""

from __future__ import annotations

import resource
from typing import Any

import numpy as np
from numba import cuda, float32

from archsim.app.sm_device import sm_device
from archsim.frontend import load_numba
from archsim.models.gpu.sm import execute, timing_table
from archsim.models.gpu.sm.timing_launch import time_launch
from archsim.models.gpu.sm.timing_traces import TraceStore


@cuda.jit
def tiled(x, y, rounds):
    tile = cuda.shared.array(64, float32)
    i = cuda.grid(1)
    t = cuda.threadIdx.x
    total = float32(0)
    for k in range(rounds):
        tile[t] = x[i + k]
        cuda.syncthreads()
        for n in range(64):
            total += tile[n]
        cuda.syncthreads()
    if cuda.blockIdx.x % 2:
        y[i] = total


def kept(rounds: int, ctas: int) -> tuple[Any, Any, Any]:
    args = (np.zeros(64 * ctas + rounds, np.float32), np.zeros(64 * ctas, np.float32), rounds)
    kernel = execute.load(tiled, args)
    table = timing_table.table(kernel, sm_device("h200").constants)
    store = TraceStore(table, np.zeros(len(kernel.instructions), bool))
    found: list[Any] = []
    execute.run(kernel, ctas, 64, args, trace=True, keep=lambda t: found.extend(store.add(t)))
    return execute.run(kernel, ctas, 64, args, trace=True).traces, found, store


def test_every_cta_reads_back_what_it_executed() -> None:
    traces, found, store = kept(3, 5)
    assert len(traces) == len(found) == 5
    for trace, own in zip(traces, found, strict=True):
        stream, touches = own.stream, trace.mem >= 0
        np.testing.assert_array_equal(stream.pc, trace.pc)
        np.testing.assert_array_equal(stream.mask, trace.mask)
        np.testing.assert_array_equal(stream.start, trace.start)
        np.testing.assert_array_equal(stream.nth >= 0, touches)
        np.testing.assert_array_equal(
            store.rows[own.rows[stream.nth[touches]]], trace.address[trace.mem[touches]]
        )


def test_what_ctas_share_is_kept_once() -> None:
    traces, _, store = kept(20, 12)
    assert len(store.streams) == 2  # even and odd blocks
    rows = np.concatenate([t.address for t in traces])
    assert int(store.used[0]) == len(np.unique(rows, axis=0)) < len(rows) / 10


def test_exact_mode_stays_small_where_traces_are_long() -> None:
    x = np.zeros(64 * 2112 + 4, np.float32)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = time_launch(_loaded(x), 2112, 64, (x, np.zeros_like(x), 4),
                        sm_device("h200"), exact=True)  # fmt: skip
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert found.sampled_ctas == 2112
    assert grown < 30 * found.warp_instructions + (200 << 20)  # 76 bytes an instruction before


def _loaded(x: np.ndarray) -> Any:
    from numba import typeof

    return load_numba(tiled, tuple(typeof(v) for v in (x, x, 4)))
