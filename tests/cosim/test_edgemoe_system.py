"""The whole Edge-MoE accelerator: descriptor lists over AXI, bit exact, cycles as predicted."""

from __future__ import annotations

import importlib.util
from dataclasses import fields, replace

import numpy as np
import pytest

from archsim.config import load_device
from archsim.config.edgemoe_layout import END, LINEAR, TASK, Layout, descriptor
from archsim.config.edgemoe_params import SMALL, Techniques
from archsim.functional.edgemoe import Encoder, draw, quantise
from archsim.mapping.edgemoe_program import Program, block_program, build
from archsim.models.edgemoe.controller import Bus, predict
from cosim.axi_run import MemoryAgent
from cosim.edgemoe import default_weights
from cosim.edgemoe_system import Case, System, default_cases, forced, reference, simulate
from cosim.errors import CosimError, HangError

QUICK = MemoryAgent(wait_limit=20000)


@pytest.fixture(scope="module")
def system():
    return System(SMALL)


@pytest.fixture(scope="module")
def weights():
    return default_weights(SMALL)


def altered(program, **changes):
    """Return ``program`` with fields of its last step but one replaced."""
    steps = [*program.steps]
    steps[-2] = replace(steps[-2], fields={**steps[-2].fields, **changes})
    text = b"".join(descriptor(**step.fields) for step in steps)
    start = program.list_address
    image = program.image[:start] + text + program.image[start + len(text) :]
    return Program(program.params, image, start, tuple(steps), program.results)


def test_every_task_and_forced_routings_are_exact_and_take_the_predicted_cycles(system, weights):
    for case in default_cases(SMALL, weights, 5):
        found, rows = simulate(system, case, QUICK)
        assert [r.mismatches for r in rows] == [0] * len(rows)
        for row in rows:
            assert abs(row.model_cycles / row.rtl_cycles - 1) <= 0.01
            assert row.rtl_cycles >= row.bound_cycles
        assert found.counters["compute"] <= found.counters["cycles"]
    assert len({row.unit for row in rows}) == 8


def test_forced_routings_leave_experts_without_tokens(weights):
    pixels = np.random.default_rng(2).integers(0, 256, (3, 16, 32))
    histograms = {}
    for spread in ("one", "none"):
        case = Case(spread, forced(SMALL, weights, spread), ((pixels, 0), (pixels, 1)))
        histograms[spread] = reference(SMALL, case)[1]
    assert histograms["one"] == [[9, 9, 0, 0]] * 2
    assert all(h[0] == 9 and h[3] == 0 and h[1] + h[2] == 9 for h in histograms["none"])


@pytest.mark.parametrize("seed", [1, 2])
def test_bits_agree_whatever_the_memory_does(system, weights, seed):
    agent = MemoryAgent(seed, pause=20 * seed, latency=(1, 120), wait_limit=20000)
    shape = (3, 16, 32)
    draw_ = np.random.default_rng(seed)
    images = tuple((draw_.integers(0, 256, shape), (seed + n) % 2) for n in range(3))
    found, rows = simulate(system, Case("pressed", weights, images), agent)
    assert rows[0].mismatches == 0
    assert found.read_beats * agent.pause < 100 * found.counters["cycles"]


def test_slow_memory_is_predicted_too(system, weights):
    case = default_cases(SMALL, weights, 3)[0]
    agent = MemoryAgent(beats_per_cycle=0.25, wait_limit=20000)
    found, rows = simulate(system, case, agent)
    assert rows[0].mismatches == 0
    assert found.counters["weights"] > 1000
    assert abs(rows[0].model_cycles / rows[0].rtl_cycles - 1) <= 0.02


def test_the_task_is_that_of_the_descriptor(system, weights):
    pixels = np.random.default_rng(4).integers(0, 256, (3, 16, 32))
    program = build(SMALL, weights, ((pixels, 0), (pixels, 1)))
    first, second = system.run(program, QUICK).tokens
    assert (first != second).any()
    assert (second == Encoder(SMALL, weights)(pixels, 1)).all()


def test_more_payload_than_a_step_takes_is_thrown_away(system, weights):
    x = np.random.default_rng(6).integers(-(1 << 23), 1 << 23, (9, 32))
    program = block_program(SMALL, weights, 1, x, 0)
    steps = [
        replace(s, fields={**s.fields, "beats": s.fields["beats"] + 3})
        if s.fields["opcode"] == LINEAR and not s.fields.get("gather") else s
        for s in program.steps
    ]  # fmt: skip
    text = b"".join(descriptor(**s.fields) for s in steps)
    start = program.list_address
    image = program.image[:start] + text + program.image[start + len(text) :]
    more = Program(SMALL, image, start, tuple(steps), program.results)
    assert (system.run(more, QUICK).tokens[0] == system.run(program, QUICK).tokens[0]).all()


def test_bad_lists_are_told_apart(system, weights):
    program = build(SMALL, weights, ((np.zeros((3, 16, 32), dtype=np.int64), 0),))
    with pytest.raises(CosimError, match="status must be 0x2, not 0xa"):
        system.run(altered(program, opcode=9), QUICK)
    with pytest.raises(CosimError, match="a burst left the memory"):
        system.run(altered(program, address=1 << 40), QUICK)
    with pytest.raises(HangError, match="no transfer for 3000 cycles"):
        system.run(altered(program, opcode=LINEAR, beats=0), replace(QUICK, wait_limit=3000))
    with pytest.raises(ValueError, match="expert must be 0 to 255, not 256"):
        descriptor(opcode=TASK, expert=256)


def test_the_model_needs_no_rtl():
    end = {"opcode": END}
    load = {"opcode": 2, "unit": 0, "beats": 1440}
    slow = predict(SMALL, [load, end], [], Bus(64, 0.25)).cycles
    fast = predict(SMALL, [load, end], [], Bus(64, 1.0)).cycles
    beats = 1440 + 2 * 4 * 8  # two groups of four descriptors come before
    assert slow - fast == pytest.approx(3 * beats, abs=72)


NARROW = ["formats.weight_bits=4", "formats.weight_integer_bits=1"]


@pytest.mark.parametrize("overrides", [[], ["techniques.expert_by_expert=false"], NARROW])
def test_the_driver_writes_the_same_program(tmp_path, overrides):
    from hdl.generate import generate

    device = load_device("edgemoe/small", overrides)
    weights = default_weights(device.params)
    manifest = generate(device, tmp_path)
    assert manifest.top == "edgemoe_top"
    assert {"cycles_cycles", "weights_cycles", "expert_cycles"} <= set(manifest.counters)
    spec = importlib.util.spec_from_file_location("driver", tmp_path / "software" / "driver.py")
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    pixels = np.random.default_rng(4).integers(0, 256, (3, 16, 32))
    images = ((pixels, 1), (255 - pixels, 0))
    program = build(device.params, weights, images)
    content, start, results = driver.program(dict(weights.arrays), images, 0)
    assert (content, start, tuple(results)) == (
        program.image, program.list_address, program.results,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("bits", "beats"), [(8, 1.0), (8, 0.1), (4, 1.0), (4, 0.1)])
def test_narrow_weights_are_exact_and_take_the_predicted_cycles(bits, beats):
    device = load_device(
        "edgemoe/small", [f"formats.weight_bits={bits}", "formats.weight_integer_bits=1"]
    )
    weights = default_weights(device.params)
    agent = replace(QUICK, beats_per_cycle=beats, wait_limit=100_000)
    case = default_cases(device.params, weights, 3)[0]
    found, rows = simulate(System(device.params), case, agent)
    assert rows[0].mismatches == 0
    assert rows[0].model_cycles == pytest.approx(rows[0].rtl_cycles, rel=0.01)
    wide = build(SMALL, default_weights(SMALL), case.images)  # what 16 bits are: 18,914 beats
    payload = sum(step.fields.get("beats", 0) for step in wide.steps)
    assert found.read_beats < {8: 0.67, 4: 0.47}[bits] * payload


EACH = tuple(field.name for field in fields(Techniques))


@pytest.mark.slow
@pytest.mark.parametrize("names", [EACH, *((name,) for name in EACH)])
def test_without_techniques_bits_are_exact_and_cycles_predicted(names, weights):
    params = replace(SMALL, techniques=Techniques(**dict.fromkeys(names, False)))
    system = System(params)
    for case in default_cases(params, weights, 7)[:2]:
        _, rows = simulate(system, case, replace(QUICK, wait_limit=1_000_000))
        assert rows[0].mismatches == 0
        for row in rows:
            assert row.model_cycles == pytest.approx(row.rtl_cycles, rel=0.01), row.name
            assert row.rtl_cycles >= row.bound_cycles


@pytest.mark.slow
@pytest.mark.parametrize("name", ["edgemoe_zcu102", "edgemoe_fast"])
def test_full_size_blocks_are_exact_through_axi(name):
    device = load_device(name)
    params = replace(device.params, depth=2)
    rate = float(device.memory.bandwidth_bytes_per_s) / float(device.clock.frequency_hz)
    beats = min(1.0, rate / Layout(params).port_bytes)
    weights = quantise(params, draw(params, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (3, 128, 256))
    seen = {}
    Encoder(params, weights)(pixels, 0, seen.__setitem__)
    counts = np.bincount(seen["blocks.1.gate.experts"].ravel(), minlength=params.experts)
    system = System(params)
    for block, start in enumerate(("embedding", "blocks.0.output")):
        program = block_program(params, weights, block, seen[start], 0)
        found = system.run(program, MemoryAgent(beats_per_cycle=beats))
        assert (found.tokens[0] == seen[f"blocks.{block}.output"]).all()
        listed = [step.fields for step in program.steps]
        predicted = predict(params, listed, [counts.tolist()], Bus(64, beats))
        for unit, cycles in predicted.counters().items():
            if unit not in ("fetch", "weights"):
                assert cycles == pytest.approx(found.counters[unit], rel=0.01), unit
        if block == 0:  # the engine is busy in dense layers
            assert found.counters["compute"] >= 0.95 * found.counters["linear"]
