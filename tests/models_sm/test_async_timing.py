"""Timing of what runs beside the warps: phases of mbarriers, clusters, boxes, grid barriers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba.cuda")

from numba import cuda

from archsim.app.sm_device import sm_device
from archsim.frontend import Kernel, load_ptx
from archsim.models.gpu.sm import timing_events, timing_table
from archsim.models.gpu.sm.execute import run
from archsim.models.gpu.sm.memory import TensorMap
from archsim.models.gpu.sm.timing_launch import time_launch

HEAD = """.version 8.6
.target sm_90a
.address_size 64
.visible .entry k(.param .u64 p) {
 .shared .align 1024 .b8 sm[65536];
 .reg .pred %p<9>; .reg .b32 %r<99>; .reg .b64 %d<9>;
 ld.param.u64 %d1, [p]; mov.u32 %r1, %tid.x; mov.u32 %r2, sm; mov.u32 %r9, 0;
"""
COPIES, BYTES = 16, 512


@pytest.fixture(scope="module")
def device() -> Any:
    return sm_device("h200")


@cache
def pipeline(stages: int) -> Kernel:
    """One thread copies `COPIES` rows through ``stages`` buffers, each with its mbarrier."""
    text = [HEAD]
    for n in range(stages):
        text.append(f"mbarrier.init.shared::cta.b64 [%r2+{8 * n}], 1;")

    def issue(n: int) -> None:
        bar = 8 * (n % stages)
        text.append(f"mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2+{bar}], {BYTES};")
        text.append(f"add.u32 %r3, %r2, {1024 + BYTES * (n % stages)};")
        text.append(f"add.u64 %d2, %d1, {4096 * n}; add.u32 %r4, %r2, {bar};")
        text.append(
            "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
            f"[%r3], [%d2], {BYTES}, [%r4];"
        )

    for n in range(stages):
        issue(n)
    for n in range(COPIES):
        wait = f"mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r2+{8 * (n % stages)}]"
        text.append(f"W{n}: {wait}, {n // stages % 2}; @!%p1 bra W{n};")
        if n + stages < COPIES:
            issue(n + stages)
    return load_ptx("\n".join([*text, "ret; }"]), "k", "sm_90a")


def test_a_wait_is_for_its_own_phase_alone(device: Any) -> None:
    source = np.zeros(COPIES * 1024, np.int32)
    cycles = {n: time_launch(pipeline(n), 1, 1, (source,), device).cycles for n in (1, 2, 4)}
    overhead = time_launch(pipeline(COPIES), 1, 1, (source,), device).cycles
    one = cycles[1] - overhead
    assert one > 0
    for stages in (2, 4):  # a copy is waited for every ``stages``-th time only
        assert cycles[stages] - overhead < 1.25 * one / stages


def test_events_count_what_completes_a_phase() -> None:
    kernel = pipeline(2)
    done = run(kernel, 1, 1, (np.zeros(COPIES * 1024, np.int32),), trace=True)
    device = sm_device("h200")
    table = timing_table.table(kernel, device.constants)
    inits = np.array([i.opcode == "SYNCS" and "ARRIVE" not in i.modifiers
                      for i in kernel.instructions])  # fmt: skip
    needed = timing_events.events(done.traces, table, inits, 5)
    assert needed.tolist() == [2] * COPIES  # the arrival and the copy's bytes
    waits = table[done.traces[0].pc, timing_table.KIND] == timing_table.MBAR_WAIT
    events = done.traces[0].address[done.traces[0].mem[waits]].max(axis=1)
    assert sorted(set(events.tolist())) == list(range(5, 5 + COPIES))


def test_a_warp_waits_for_an_arrival_that_comes_later(device: Any) -> None:
    body = """
 setp.ne.u32 %p1, %r1, 0; @%p1 bra SKIP;
 mbarrier.init.shared::cta.b64 [%r2], 1;
SKIP: bar.sync 0;
 setp.ge.u32 %p2, %r1, 32; @%p2 bra WAIT;
 mov.u32 %r5, ROUNDS;
L: mul.lo.u32 %r9, %r9, 3; add.u32 %r9, %r9, 1; sub.u32 %r5, %r5, 1;
 setp.ne.u32 %p3, %r5, 0; @%p3 bra L;
 @%p1 bra END;
 st.shared.u32 [%r2+64], %r9;
 mbarrier.arrive.shared::cta.b64 _, [%r2];
 bra END;
WAIT: mbarrier.try_wait.parity.shared::cta.b64 %p4, [%r2], 0; @!%p4 bra WAIT;
END: ret; }"""
    took = {}
    for rounds in (10, 1000):
        kernel = load_ptx(HEAD + body.replace("ROUNDS", str(rounds)), "k", "sm_90a")
        found = time_launch(kernel, 1, 64, (np.zeros(4, np.int32),), device)
        took[rounds] = found.cycles
        assert found.reasons["barrier"] > 0
    assert took[1000] - took[10] >= 990 * 4


CLUSTER = """
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned;
 ret; }"""


def test_clusters_stay_inside_a_gpc_and_run_in_waves(device: Any) -> None:
    assert device.cluster_slots(16) == sum(n // 16 for n in device.gpc_sms) == 7
    assert sum(device.gpc_sms) == device.sms
    kernel = load_ptx(HEAD + CLUSTER, "k", "sm_90a")
    source, shape = np.zeros(4, np.int32), {"cluster": 16, "dynamic_smem_bytes": 130 << 10}
    one, full, more = (
        time_launch(kernel, 16 * n, 32, (source,), device, **shape) for n in (1, 7, 8)
    )
    assert full.cycles < 1.1 * one.cycles
    assert more.cycles > full.cycles + 600  # two more barriers of the cluster in a second wave
    assert more.sampled_ctas == 128


def test_rows_of_a_box_cost_the_engine(device: Any) -> None:
    body = """
 mbarrier.init.shared::cta.b64 [%r2], 1; fence.mbarrier_init.release.cluster;
 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r2], 4096; add.u32 %r3, %r2, 1024;
 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes
  [%r3], [%d1, {%r9, %r9}], [%r2];
W: mbarrier.try_wait.parity.shared::cta.b64 %p1, [%r2], 0; @!%p1 bra W;
 ret; }"""
    kernel = load_ptx(HEAD + body, "k", "sm_90a")
    free = replace(device, constants={**device.constants, "bulk_row_cycles": 0.0})
    for box, sectors, least in (((4, 256), 128, 0), ((256, 4), 256, 50)):
        image = TensorMap(np.zeros((256, 256), np.float32), box)
        rows, none = (time_launch(kernel, 1, 1, (image,), d) for d in (device, free))
        assert rows.counters["l2_read_bytes"] == 32 * sectors
        assert rows.cycles >= none.cycles + least


@cuda.jit
def rounds_of(x, y, rounds):
    grid = cuda.cg.this_grid()
    i = cuda.grid(1)
    for _ in range(rounds):
        y[i] = x[(i + 1) % x.size]
        grid.sync()
        x[i] = y[i]
        grid.sync()


def test_a_grid_synchronises_and_its_barriers_take_time(device: Any) -> None:
    x = np.arange(12 * 64, dtype=np.int32)
    want = np.roll(x, -3)
    run(rounds_of, 12, 64, (x, np.zeros_like(x), 3))
    np.testing.assert_array_equal(x, want)
    one, three = (
        time_launch(rounds_of, 12, 64, (x, np.zeros_like(x), n), device).cycles for n in (1, 3)
    )
    assert three - one > 4 * device.constants["grid_barrier_cycles"]
    with pytest.raises(ValueError, match="that run at a time, as the kernel synchronises it"):
        time_launch(rounds_of, 132 * 2 + 1, 1024, (x, x, 1), device)
