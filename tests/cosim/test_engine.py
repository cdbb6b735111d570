"""The matrix engine's RTL: every bit the reference's, every cycle the model's."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from archsim.config import load_device
from archsim.config.matrix import FORMATS, MatrixParams
from cosim.operands import draw
from cosim.runner import cosim, run_operands

DEVICES = ("os_4x4_int8", "os_8x8_int8", "os_8x8_int16", "os_8x8_w16a32", "os_8x8_gelu")
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


@pytest.mark.parametrize(("idle", "stall"), [(30, 0), (0, 40), (60, 70)])
def test_idle_and_back_pressure_change_no_bit(idle, stall):
    cases = cosim(load_device("os_8x8_int8"), SHAPES, seed=5, idle=idle, stall=stall)
    assert [case.mismatches for case in cases] == [0] * len(SHAPES)
    assert all(case.rtl_cycles >= case.model_cycles for case in cases)


@pytest.mark.parametrize("rounding", ["floor", "half_even", "half_away"])
def test_roundings(rounding):
    params = replace(load_device("os_4x4_int8").params, rounding=rounding, activation="relu")
    drawn = [draw(params, m, k, n, 7) for m, k, n in ((9, 30, 10), (4, 5, 4))]
    check(run_operands(params, drawn, seed=7))


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


def test_vit_attention_shapes_on_the_8x8_engine():
    check(cosim(load_device("os_8x8_int8"), [(197, 64, 197), (197, 197, 64)], seed=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [(197, 768, 2304), (197, 64, 197), (197, 197, 64), (197, 768, 768), (197, 768, 3072),
     (197, 3072, 768)],
    ids=["qkv", "qkt", "av", "proj", "fc1", "fc2"],
)  # fmt: skip
def test_vit_base_products_on_the_32x32_engine(shape):
    check(cosim(load_device("os_32x32_int8"), [shape], seed=1))


def design_point(seed: int) -> tuple[MatrixParams, list[tuple[int, int, int]]]:
    """A random design and shapes for it, small enough for seconds."""
    chance = random.Random(seed)
    rows, columns = chance.choice([1, 2, 3, 4, 5, 7, 8]), chance.choice([1, 2, 3, 4, 6, 8])
    params = MatrixParams(
        rows=rows, columns=columns, format=chance.choice(list(FORMATS)),
        bias=chance.random() < 0.7, requantise=chance.random() < 0.7,
        activation=chance.choice(["none", "relu"]),
        rounding=chance.choice(["floor", "half_up", "half_even", "half_away"]),
        a_depth=chance.choice([8, 32, 100, 512]), b_depth=chance.choice([8, 32, 100, 512]),
        out_depth=max(rows, chance.choice([8, 16, 40])), port_bytes=chance.choice([1, 2, 8, 16]),
    )  # fmt: skip
    sizes = [1, 2, 3, 5, 7, 11, 13, 16, 23, 31, 40]
    shapes = [tuple(chance.choice(sizes) for _ in range(3)) for _ in range(3)]
    return params, shapes


@pytest.mark.parametrize("seed", range(4))
def test_random_designs(seed):
    params, shapes = design_point(seed)
    check(run_operands(params, [draw(params, *shape, seed) for shape in shapes], seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 204))
def test_many_random_designs(seed, require_system):
    params, shapes = design_point(seed)
    drawn = [draw(params, *shape, seed) for shape in shapes]
    check(run_operands(params, drawn, seed=seed))
    if seed % 2 == 0:
        require_system("iverilog")
        check(run_operands(params, drawn, sim="icarus", seed=seed))
