"""Laws of the timing core one by one, in plain Python."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from archsim.app.microbench import predict
from archsim.app.sm_device import sm_device
from archsim.errors import ConfigError
from archsim.frontend.instruction import Kind
from archsim.models.gpu.sm import (
    timing_barriers,
    timing_core,
    timing_issue,
    timing_launch,
    timing_remote,
)
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_sample as sample
from archsim.models.gpu.sm import timing_state as ts
from archsim.models.gpu.sm import timing_table as tt
from archsim.models.gpu.sm.state import SHARED_WINDOW

ALL = 0xFFFFFFFF
DEVICE = sm_device("h200")
K = timing_launch.constants(DEVICE, 1.0, 1.0)


def test_a_scoreboard_waits_for_the_last_of_its_instructions() -> None:
    state = ts.new_state(1, 1, 4)
    timing_barriers.hold.py_func(state, 0, 2, 700.0, 1.0)
    timing_barriers.hold.py_func(state, 0, 2, 30.0, 0.0)
    assert state.warp[0, ts.SB0 + 2] == 700.0 and state.warp[0, ts.MARK0 + 2] == 1.0


def _remote(rows: list[Any], senders: list[int], cluster: int = 4) -> tuple[ts.State, list[Any]]:
    state = ts.new_state(cluster, 1, 4)
    work: Any = SimpleNamespace(cluster=cluster)
    send = timing_remote.remote_atomic.py_func
    return state, [
        send(work, state, K, sm, np.asarray(row, np.int64), ALL, 0.0)
        for row, sm in zip(rows, senders, strict=True)
    ]


def _to(rank: int, words: Any) -> Any:
    return (SHARED_WINDOW << 32) + (rank << 24) + 4 * np.asarray(words)


def test_remote_atomics_go_lane_by_lane_and_neighbours_join() -> None:
    spread = _to(1, np.random.default_rng(1).permutation(256)[:32])
    _, [(own, _, apart)] = _remote([spread], [0])
    _, [(_, _, together)] = _remote([_to(1, np.arange(32))], [0])
    rate = K[c.DSMEM_SPREAD] / K[c.DSMEM_ATOMIC_CYCLES]
    assert own == 0 and apart - K[c.DSMEM_CYCLES] == pytest.approx(32 / rate, rel=0.1)
    assert together - K[c.DSMEM_CYCLES] < 0.5 * (apart - K[c.DSMEM_CYCLES])


def test_lanes_of_the_own_shared_memory_stay() -> None:
    row = np.where(np.arange(32) % 2, _to(0, np.arange(32)), _to(1, np.arange(32)))
    _, [(own, _, _)] = _remote([row], [0])
    assert own == 0xAAAAAAAA


def test_a_target_of_several_senders_is_slower() -> None:
    row = _to(0, 8 * np.arange(32))
    state, _ = _remote([row, row, row], [1, 2, 3])
    turns = 32 * K[c.DSMEM_ATOMIC_CYCLES] / K[c.DSMEM_SPREAD] + 64 * K[c.DSMEM_TURN_CYCLES]
    assert state.atomics[0, 0] == pytest.approx(turns, rel=0.05)


def test_the_oldest_cta_goes_first_to_the_memory_pipe_its_warps_in_turn() -> None:
    state, _ = _queue(0)
    state.members[0] = 0, 3
    state.next[:3], state.unit[:3], state.pick[0, 1] = 5.0, tt.MIO, 2
    state.where[:3, ts.CTA], state.age[:3] = (1, 0, 0), (0.0, 2.0, 1.0)
    timing_core.choose.py_func(state, K, 0)
    assert state.pick[0, 0] == 2 and state.best[0] == 5.0  # of the older CTA, first in its queue


def test_the_sample_of_clusters_has_the_slot_with_one_more() -> None:
    trace: Any = SimpleNamespace(records=1000)

    def run(numbers: list[int]) -> list[Any]:
        return [trace] * (4 * len(numbers))

    plan = sample.plan(run, 528, 128, 4, 4, False)
    assert max(len(queue) for queue in plan.queues) == -(-528 // 128)


def _queue(flags: int, wait: int = 0, warps: int = 3) -> tuple[ts.State, Any]:
    """Warps of one sub-core, the last one youngest, and the work of one instruction."""
    state = ts.new_state(1, 1, 4 * warps)
    for n in range(warps):
        state.where[n, ts.CTA], state.warp[n, ts.BORN], state.age[n] = 0, n, -n
    row = np.zeros((1, tt.COLUMNS), np.int32)
    row[0, tt.FLAGS], row[0, tt.WAIT] = flags, wait
    return state, SimpleNamespace(table=row)


@pytest.mark.parametrize(("flags", "wait", "moves"), [(0, 0, False), (0, 1, True),
                                                      (tt.FLAG_YIELD, 0, True)])  # fmt: skip
def test_a_warp_keeps_its_place_until_it_yields_or_waits(
    flags: int, wait: int, moves: bool
) -> None:
    state, work = _queue(flags, wait)
    timing_issue.queue_up.py_func(work, state, K, 0, 2, 0)
    assert bool(state.age[2] > state.age[0]) is moves
    assert bool(state.warp[2, ts.YIELDED]) is bool(flags)


def test_only_the_youngest_warp_comes_to_the_front_once_in_its_turns() -> None:
    state, work = _queue(tt.FLAG_YIELD)
    turns = int(K[c.LEAD_TURNS])
    for slot, leads in ((1, 0), (2, 1)):
        ages = []
        for _ in range(turns):
            timing_issue.queue_up.py_func(work, state, K, 0, slot, 0)
            ages.append(state.age[slot])
        assert sum(age < 0 for age in ages) == leads


def _rounds(unit: int, interval: float, issues: int, warps: int = 4) -> list[int]:
    """Slots that issue, one after the other, where all warps always wait for one unit."""
    state, work = _queue(0, warps=warps)
    work.table[0, tt.UNIT], work.table[0, tt.INTERVAL] = unit, int(10 * interval)
    work.table[0, tt.KIND] = tt.PLAIN
    state.unit[:] = unit
    state.next[:warps] = 0.0
    order: list[int] = []
    for _ in range(issues):
        timing_core.choose.py_func(state, K, 0)
        order.append(int(state.pick[0, 0]))
        timing_issue.queue_up.py_func(work, state, K, 0, order[-1], 0)
        state.pick[0, 1] = order[-1]
    return order


@pytest.mark.parametrize("unit", [tt.TENSOR, tt.XU])
def test_a_long_unit_serves_every_warp_once_the_youngest_first(unit: int) -> None:
    assert _rounds(unit, 8, 12) == [3, 2, 1, 0] * 3
    assert _rounds(tt.ALU, 8, 12) == [3] * 12  # others go on with the last warp


def test_the_youngest_has_a_turn_more_than_the_others_once_in_its_turns() -> None:
    turns = int(K[c.ROUND_TURNS])
    order = _rounds(tt.XU, 8, 4 * 10 * turns)
    counts = np.bincount(order)
    assert max(counts[:3]) - min(counts[:3]) <= 1
    assert counts[3] - counts[0] == pytest.approx(4 * 10 * turns / (4 * turns - 3), abs=1.5)
    assert order[4 * (turns - 1) : 4 * turns + 1] == [3, 3, 2, 1, 0]


def test_banks_read_a_register_once_and_the_reuse_cache_lasts() -> None:
    def operand(index: int, reuse: bool = False) -> Any:
        return SimpleNamespace(
            kind=Kind.REGISTER, index=index, suffixes=("reuse",) if reuse else ()
        )

    def reads(op: str, *operands: Any, before: dict[int, int]) -> tuple[Any, dict[int, int]]:
        row = np.zeros(tt.COLUMNS, np.int32)
        row[tt.UNIT] = tt.FMA_ANY
        item: Any = SimpleNamespace(opcode=op, operands=operands)
        kept = tt._banks(row, item, before)
        return (row[tt.EVEN], row[tt.EVEN_REUSED], row[tt.ODD]), kept

    first, kept = reads("FFMA", operand(0), operand(2, True), operand(4), operand(0), before={})
    assert first == (3, 3, 0)
    _, kept = reads("FADD", operand(1), operand(7), operand(1), before=kept)  # the odd bank
    again, kept = reads("FFMA", operand(6), operand(2), operand(4), operand(6), before=kept)
    assert again == (3, 2, 0) and kept == {}
    square, _ = reads("FMUL", operand(8), operand(8), operand(8), before={})
    assert square == (1, 1, 0)


@pytest.mark.parametrize(("record", "sentence"), [
    ({"bench": "dsmem_latency", "sm_from": 5}, "must be SMs of the floorplan, not None"),
    ({"bench": "dsmem_latency", "sm_from": 5, "sm_to": 999}, "floorplan, not 999"),
    ({"bench": "progress", "what": "fp32_add"}, "one that is predicted, not 'progress'"),
])  # fmt: skip
def test_records_that_cannot_be_predicted(record: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        predict(record, DEVICE)
