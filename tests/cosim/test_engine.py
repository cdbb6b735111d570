"""The matrix engine's RTL: every bit the reference's, every cycle the model's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tight
from tight import PRESSED

from archsim.config import load_device
from cosim import campaign
from cosim.campaign import random_design
from cosim.compiled import Stimulus, build, simulate
from cosim.errors import CosimError
from cosim.operands import draw
from cosim.place import build_folder
from cosim.runner import cosim, run_operands
from hdl.rtl import rtl_of

DEVICES = ("os_4x4_int8", "os_8x8_int8", "os_8x8_int16", "os_8x8_w16a32", "os_8x8_gelu",
           "ws_4x4_int8", "ws_8x8_int8", "ws_8x8_w16a32")  # fmt: skip
SHAPES = [(1, 1, 1), (4, 16, 4), (13, 17, 11), (37, 50, 29), (2, 300, 3), (64, 64, 8)]


def check(cases, within: float = 0.01) -> None:
    for case in cases:
        assert case.mismatches == 0, case
        assert case.rtl_cycles >= case.bound_cycles, case
        assert abs(case.model_cycles / case.rtl_cycles - 1) <= within, case
        assert case.counters == case.model_counters, case


@pytest.mark.parametrize("name", DEVICES)
def test_shapes_are_exact_in_bits_and_cycles(name):
    check(cosim(load_device(name), SHAPES, seed=3))


@pytest.mark.parametrize("name", ["os_8x8_int8", "ws_8x8_int8"])
@pytest.mark.parametrize(("idle", "stall"), PRESSED)
def test_idle_and_back_pressure_change_no_bit(name, idle, stall):
    cases = cosim(load_device(name), SHAPES, seed=5, idle=idle, stall=stall)
    assert [case.mismatches for case in cases] == [0] * len(SHAPES)
    assert all(case.rtl_cycles >= case.model_cycles for case in cases)


@pytest.mark.parametrize("name", tight.ENGINES)
def test_smallest_buffers(name, tmp_path):
    """Every wait for room happens, and counters count beyond a thousand."""
    params = tight.ENGINES[name]
    program = build(rtl_of(params).verilog, build_folder() / "cosim")
    for judge in tight.judges(params, 3000):
        assert not judge.complaint(simulate(program, params, judge.work, tmp_path))


@pytest.mark.parametrize(
    ("name", "rounding"),
    [("os_4x4_int8", "floor"), ("os_4x4_int8", "half_even"), ("ws_4x4_int8", "half_away")],
)
def test_roundings(name, rounding):
    params = replace(load_device(name).params, rounding=rounding, activation="relu")
    drawn = [draw(params, m, k, n, 7) for m, k, n in ((9, 30, 10), (4, 5, 4))]
    check(run_operands(params, drawn))


def test_icarus_and_cocotb_agree_with_the_compiled_simulation(require_system):
    require_system("iverilog")
    device = load_device("os_4x4_int8")
    shapes = [(5, 9, 6), (1, 1, 1)]
    icarus = cosim(device, shapes, sim="icarus", seed=2, idle=20, stall=20)
    assert [case.mismatches for case in icarus] == [0, 0]
    plain = cosim(device, shapes, sim="icarus", seed=2)
    compiled = cosim(device, shapes, sim="verilator", seed=2)
    assert [c.rtl_cycles for c in plain] == [c.rtl_cycles for c in compiled]
    check(plain)


@pytest.mark.parametrize("name", ["os_8x8_int8", "ws_8x8_int8"])
def test_vit_attention_shapes_on_the_8x8_engines(name):
    check(cosim(load_device(name), [(197, 64, 197), (197, 197, 64)], seed=1))


@pytest.mark.parametrize("seed", range(4))
def test_random_designs(seed):
    params, shapes = random_design(seed)
    check(run_operands(params, [draw(params, *shape, seed) for shape in shapes]))


@pytest.mark.parametrize("seed", [19, 21, 35])
def test_random_designs_whose_memory_reads_and_writes_share(seed):
    params, shapes = random_design(seed)
    stimulus = Stimulus(seed=seed, shared=True)
    drawn = [draw(params, *shape, seed) for shape in [*shapes, (97, 16, 5), (16, 61, 7)]]
    for case in run_operands(params, drawn, stimulus=stimulus):
        assert case.mismatches == 0
        assert abs(case.model_cycles / case.rtl_cycles - 1) <= 0.01, case


@pytest.mark.parametrize("idle", [0, 20, 60])
def test_few_rows_a_block_wait_for_their_sums(idle):
    """A late last row of A leaves fewer cycles between two blocks' same rows than their starts."""
    params = replace(load_device("ws_4x4_int8").params, rows=1, acc_depth=3, port_bytes=16)
    drawn = [draw(params, *shape, 14) for shape in [(16, 5, 3), (2, 40, 7), (3, 31, 9), (1, 9, 1)]]
    cases = run_operands(params, drawn, stimulus=Stimulus(seed=14, idle=idle))
    assert [case.mismatches for case in cases] == [0] * 4
    assert idle or all(case.counters == case.model_counters for case in cases)


@pytest.mark.parametrize("name", ["os_4x4_int8", "ws_4x4_int8"])
def test_a_memory_that_reads_and_writes_share(name):
    shared = load_device(name, ["device.memory.shared=true"])
    cases = cosim(shared, SHAPES, seed=3)
    alone = cosim(load_device(name), SHAPES, seed=3)
    for case, free in zip(cases, alone, strict=True):
        assert case.mismatches == 0
        assert abs(case.model_cycles / case.rtl_cycles - 1) <= 0.01, case
        assert case.rtl_cycles >= free.rtl_cycles
    with pytest.raises(CosimError, match=r"must be verilator where memory\.shared"):
        cosim(shared, SHAPES, sim="icarus")


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(campaign.SHARDS))
def test_campaign(shard, require_system):
    """A shard takes up to 30 minutes; run again, it goes on where it was."""
    require_system("iverilog")
    done = campaign.run(range(shard, shard + 1))
    left = [
        p.name for i, p in enumerate(campaign.points())
        if i % campaign.SHARDS == shard and p.name not in done
    ]  # fmt: skip
    assert not left
    assert not [case for cases in done.values() for case in cases if campaign.wrong(case)]
