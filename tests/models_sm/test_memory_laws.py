"""Laws of L1, L2, its ports and device memory one by one, in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from archsim.app.sm_device import sm_device
from archsim.models.gpu.sm import (
    timing_atomic,
    timing_launch,
)
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_memory as mem
from archsim.models.gpu.sm import timing_sample as sample

ALL = 0xFFFFFFFF
DEVICE = sm_device("h200")
K = timing_launch.constants(DEVICE, 1.0, 1.0)


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
