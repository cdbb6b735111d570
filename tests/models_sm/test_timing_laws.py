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
    timing_atomic,
    timing_barriers,
    timing_core,
    timing_issue,
    timing_launch,
    timing_remote,
)
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
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


def _in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("hash_of", "place_of", "crowd_of", "make_room", "_uniform", "_region",
                 "_l2_cycles", "_held", "_leaves", "_from_l2"):  # fmt: skip
        for module in (mem, timing_atomic):
            if hasattr(module, name):
                plain = getattr(getattr(mem, name), "py_func", getattr(mem, name))
                monkeypatch.setattr(module, name, plain)
    monkeypatch.setattr(timing_atomic, "_atomic_passes", timing_atomic._atomic_passes.py_func)


def _memory(home: list[int], bits: int = 12) -> mem.Memory:
    gates = np.full(max(home) + 1, DEVICE.constants["gpc_port_bytes"])
    alone = np.zeros(1, np.int64), np.array([[1.0, 0.0]])
    return mem.new_memory(
        len(home), 1 << 17, bits, *alone, np.array(home, np.int64), gates, np.arange(len(gates))
    )


def _read(home: list[int], sectors: list[Any]) -> float:
    """When the last SM has what it reads again: sectors that lie in L2, one a clock and SM."""
    memory, last = _memory(home), 0.0
    for start in (0.0, 1e6):
        for n in range(len(sectors[0])):
            for sm, own in enumerate(sectors):
                at = start + n / 4.0
                last = max(last, mem.l2_read.py_func(memory, K, sm, int(own[n]), at))
    return last - 1e6


def test_sms_of_a_gpc_share_its_port_to_l2(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    own: list[Any] = [np.arange(128) + 256 * sm for sm in range(8)]
    one, apart, together = _read([0], own[:1]), _read(list(range(8)), own), _read([0] * 8, own)
    assert one <= apart < 1.3 * one  # eight GPCs do not slow each other
    took = 8 * 128 * mem.SECTOR / K[c.GPC_PORT_BYTES]
    assert took < together < took + 1.3 * K[c.L2_FAR_CYCLES] and together > apart
    assert _read([0] * 8, [own[0]] * 8) < together  # what waits for the port is asked for once


def test_what_waits_for_a_port_keeps_no_other_sm_from_a_slice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _in_python(monkeypatch)
    memory, last = _memory([0, 1]), 508
    for sector in range(512):  # all in L2
        mem.l2_read.py_func(memory, K, 0, sector, 0.0)
    alone = mem.l2_read.py_func(memory, K, 1, last, 1e6) - 1e6
    for sector in range(512):  # asked for by an SM whose port they fill
        mem.l2_read.py_func(memory, K, 0, sector, 2e6)
    assert memory.port[0] > 2e6 + 120
    assert mem.l2_read.py_func(memory, K, 1, last, 2e6) - 2e6 < alone + 12


def test_lines_in_a_row_fill_the_sets_of_l1_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    monkeypatch.setattr(mem, "l2_read", mem.l2_read.py_func)
    memory = _memory([0])  # 1,024 lines of L1
    for start in (1.0, 1e6):
        for sector in range(0, 4096, 4):
            mem.l1_read.py_func(memory, K, 0, 7 * 4096 + sector, start + sector)
    assert memory.count[mem.L1_MISSES] == memory.count[mem.L1_HITS] == 1024


def test_a_full_table_forgets_what_l2_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    memory = _memory([0], bits=6)
    for n in range(200):
        mem.l2_read.py_func(memory, K, 0, 2 * n, 0.0)
    assert memory.count[mem.USED] <= 50 and memory.count[mem.L2_MISSES] == 200


def test_the_first_ctas_crowd_one_gpc() -> None:
    """As placed on an H200: eight in one GPC, the next one each in all, all SMs in the end."""
    assert DEVICE.gpcs(8).tolist() == [0] * 8
    assert np.bincount(DEVICE.gpcs(16)).tolist() == [9, 1, 1, 1, 1, 1, 1, 1]
    assert tuple(np.bincount(DEVICE.gpcs(132))) == DEVICE.port_sms
    # one SM of each TPC first: the first GPC has four idle TPCs left (records of 48 and 100 CTAs)
    assert np.bincount(DEVICE.gpcs(48))[0] == 12 and np.bincount(DEVICE.gpcs(100))[0] == 16
    home, rates, side = sample.ports(DEVICE.gpcs(16), [0, 9], 636.0, DEVICE.port_halves)
    assert (side == -1).all()  # of ports that stand for several
    assert rates[home].tolist() == [636.0 / 9, 636.0]  # a crowded SM and one alone in its GPC


def test_an_array_bounds_what_sampled_sms_share_though_they_never_met() -> None:
    arrays = np.array([[0, 1000], [1000, 64]], np.int64)
    sectors = np.concatenate([np.arange(64), 1000 + np.arange(32)])
    touches = sample._touches(sectors, np.ones(96, np.int64), 16.0, arrays, 2000)
    assert touches[:64].tolist() == pytest.approx([64 * 16 / 1000] * 64)
    assert touches[64:].tolist() == [8.0] * 32  # 512 touches of 64 sectors
    once = sample._touches(sectors, np.ones(96, np.int64), 16.0, arrays, 500)
    assert once[:64].tolist() == [1.0] * 64 and once[64] == 8.0  # L2 does not keep the larger one


def test_the_oldest_cta_goes_first_to_the_memory_pipe_its_warps_in_turn() -> None:
    state, _ = _queue(0)
    state.members[0] = 0, 3
    state.next[:3], state.unit[:3], state.pick[0, 1] = 5.0, tt.MIO, 2
    state.where[:3, ts.CTA], state.age[:3] = (1, 0, 0), (0.0, 2.0, 1.0)
    timing_core.choose.py_func(state, K, 0)
    assert state.pick[0, 0] == 2 and state.best[0] == 5.0  # of the older CTA, first in its queue


def test_a_line_that_lanes_do_not_cover_goes_sector_by_sector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _in_python(monkeypatch)
    tenth = timing_launch.constants(DEVICE, 0.1, 1.0)  # ten SMs want the same line

    def spent(mask: int) -> float:
        memory = _memory([0], 10)
        memory.owner[:] = -2
        row, lines = 4096 + 4 * np.arange(32), np.zeros(32, np.int64)
        for _ in range(64):
            timing_atomic.l2_atomic.py_func(memory, tenth, 0, row, mask, 0.0, False, 0, 4, lines)
        return float(memory.slices.max())

    assert spent(0x7FFFFFFF) > 1.5 * spent(ALL)
    assert spent(0x00000003) < 0.5 * spent(0x03030303)


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


def test_whole_256_bytes_lie_in_one_half_of_l2(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    memory = _memory([0, 1])  # SMs of both halves
    middle = (K[c.L2_NEAR_CYCLES] + K[c.L2_FAR_CYCLES]) / 2
    far = np.array([[mem._l2_cycles(memory, K, sm, 8 * n) >= middle for n in range(512)]
                    for sm in (0, 1)])  # fmt: skip
    next_line = [mem._l2_cycles(memory, K, 0, 8 * n + 4) >= middle for n in range(512)]
    assert (far[0] == next_line).all() and (far[0] != far[1]).all()
    kilobytes = far[0].reshape(-1, 4)
    assert ((kilobytes[:, 0] == kilobytes[:, 2]) & (kilobytes[:, 1] == kilobytes[:, 3])).all()
    assert 0.4 < (kilobytes[:, 0] == kilobytes[:, 1]).mean() < 0.6 and 0.4 < far[0].mean() < 0.6


def test_a_full_port_holds_up_others_of_its_half(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    memory = _memory([0, 1, 2])
    memory.side[:] = (0, 0, 1)
    memory.gate[0] = 1000.0 + K[c.L2_HELD_CYCLES]
    same, other = ([mem._held(memory, K, gpc, n, 500.0) for n in range(500)] for gpc in (1, 2))
    held = sum(until > 500.0 for until in same)
    assert held == pytest.approx(500 * K[c.L2_HELD_SHARE], rel=0.2) and max(same) <= 1000.0
    assert max(other) == 0.0
    memory.gate[1] = memory.gate[0]  # as long a wait for its own port
    assert max(mem._held(memory, K, 1, n, 500.0) for n in range(500)) == 0.0


def test_writes_of_a_gpc_share_its_port_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    memory = _memory([0])
    late = mem._leaves(memory, K, 0, 5000.0)
    assert mem._leaves(memory, K, 0, 0.0) < 1.0 < late  # a later one that was seen first is no wait
    last = [mem._leaves(memory, K, 0, 9000.0) for _ in range(1000)][-1] - 9000.0
    assert last == pytest.approx(1000 * mem.SECTOR / K[c.GPC_WRITE_BYTES])


def test_l2_forgets_what_it_cannot_keep(monkeypatch: pytest.MonkeyPatch) -> None:
    _in_python(monkeypatch)
    small = K.copy()
    small[c.L2_KEEP_BYTES] = 64 * 512
    for sectors, misses in ((800, 400), (2000, 2000)):  # 64 bytes a miss; both are read twice
        memory = _memory([0])
        for t in (0.0, 1e6):
            for n in range(sectors):
                mem.l2_read.py_func(memory, small, 0, n, t + n)
        assert misses <= memory.count[mem.L2_MISSES] < 1.01 * misses
