"""The compiled Edge-MoE units: a whole encoder bit and cycle exact, also under back-pressure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from archsim.app.rtl import CosimRequest
from archsim.app.rtl import edgemoe as verbs
from archsim.config import load_device
from archsim.config.edgemoe_params import M3VIT_TINY, SMALL, Techniques
from archsim.errors import ConfigError
from archsim.functional.edgemoe import Encoder, draw, quantise
from cosim import edgemoe as cosim_edgemoe
from cosim.compiled import Stimulus
from cosim.edgemoe import Bench, UnitCase, simulate_block, simulate_encoder
from cosim.errors import HangError
from hdl.edgemoe.design import rtl
from hdl.manifest import DigestError
from workloads.kernels.edgemoe.golden import CASES

CASE = CASES[0]


@pytest.fixture(scope="module")
def small():
    return load_device("edgemoe/small")


def test_model_rtl_reference_and_gpu_agree(small):
    loop = verbs.loop(small)
    assert loop.exact
    assert loop.close
    assert len(loop.data["golden"]) == 7
    for case in loop.data["cases"]:
        assert abs(case["model_cycles"] - case["rtl_cycles"]) <= 0.0015 * case["rtl_cycles"]
        assert case["bound_cycles"] <= case["rtl_cycles"]
    assert {case["unit"] for case in loop.data["cases"]} == {
        "norm", "scores", "mix", "gate", "queues", "linear", "encoder", "embed", "attention",
        "expert", "output",
    }  # fmt: skip


@pytest.mark.parametrize("task", [0, 1])
def test_bits_agree_whatever_the_memory_does(small, task):
    weights, pixels = CASE.weights(), CASE.pixels()
    bench = Bench(SMALL, Stimulus(seed=3 + task, idle=40, stall=40))
    found = simulate_encoder(bench, weights, pixels, task, "pressed")
    assert (found == Encoder(SMALL, weights)(pixels, task)).all()
    assert sum(r.mismatches for r in bench.results) == 0
    assert all(r.rtl_cycles > r.bound_cycles for r in bench.results)


def test_a_wrong_word_and_a_missing_one_are_found():
    bench = Bench(SMALL, Stimulus(wait_limit=2000))
    good = cosim_edgemoe.words.norm_case(
        SMALL, "norm", np.ones((9, 32), dtype=np.int64), np.ones(32, int), np.ones(32, int)
    )
    bench.check(good)
    wrong = [w ^ 1 for w in good.expected["norm_o"]]
    bench.check(replace(good, expected={"norm_o": wrong}))
    assert [r.mismatches for r in bench.results] == [0, len(wrong)]
    late = UnitCase("late", "norm", {**good.words, "norm_i": good.words["norm_i"][:-1]},
                    good.expected, 0)  # fmt: skip
    with pytest.raises(HangError, match="after 256 of 288 words of norm_o"):
        bench.check(late)


def test_another_design_is_refused(tmp_path, small):
    from cosim.edgemoe_system import System
    from hdl.generate import generate

    manifest = generate(small, tmp_path)
    assert manifest.params["tile_in"] == 4
    with pytest.raises(DigestError, match="other parameters"):
        System(replace(SMALL, experts=5), tmp_path)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (CosimRequest(gemms=("1x1x1",)), "--gemm must be left out"),
    ],
)
def test_what_makes_no_sense_is_refused(small, request_, words):
    with pytest.raises(ConfigError, match=words):
        verbs.cosim(small, request_)
    with pytest.raises(ConfigError, match="--record must be with --target xcup, not 'xc7'"):
        verbs.record(small, {"target": "xc7"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"tile_out": 64, "dim": 64, "expert_hidden": 64},
            "device.linear.tile_out must be at most 32 for RTL, not 64",
        ),
        ({"lanes": 8}, r"queries must be at most head dimension / attention.lanes \(2\) for RTL"),
        ({"experts": 8}, r"device.encoder.experts must be at most linear.tile_out \(4\) for RTL"),
        (
            {"techniques": Techniques(unified_linear=False), "tile_in": 2},
            "linear.tile_in must be a multiple of 4 for RTL, not 2",
        ),
    ],
)
def test_designs_without_rtl_are_refused_in_one_sentence(change, words):
    with pytest.raises(ConfigError, match=words):
        rtl(replace(SMALL, **change))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"experts": 3, "top_k": 3, "heads": 1},
        {"image_width": 40, "dim": 24, "heads": 3, "mlp_hidden": 44, "expert_hidden": 20},
    ],
    ids=["three experts", "eleven tokens of 24"],
)
def test_shapes_that_tiles_do_not_divide_are_exact(change):
    params = replace(SMALL, **change)
    weights = quantise(params, draw(params, 2))
    size = (params.channels, params.image_height, params.image_width)
    pixels = np.random.default_rng(5).integers(0, 256, size)
    bench = Bench(params, Stimulus())
    found = simulate_encoder(bench, weights, pixels, 1, "odd")
    assert (found == Encoder(params, weights)(pixels, 1)).all()
    assert sum(r.mismatches for r in bench.results) == 0


@pytest.mark.slow
def test_a_full_size_block_with_experts_is_exact():
    params = replace(M3VIT_TINY, depth=2, tile_in=4, tile_out=16)
    weights = quantise(params, draw(params, 1))
    pixels = np.random.default_rng(1).integers(0, 256, (3, 128, 256))
    seen = {}
    exact = Encoder(params, weights)(pixels, 0, seen.__setitem__)
    bench = Bench(params, Stimulus())
    found = simulate_block(bench, weights, 1, seen["blocks.0.output"], 0)
    assert (found == exact).all()
    for result in bench.results:
        assert result.mismatches == 0
        assert result.rtl_cycles == result.model_cycles


@pytest.mark.slow
@pytest.mark.system
def test_icarus_agrees(small):
    results = verbs.cosim(small, CosimRequest(simulator="icarus", seed=2))
    assert {r.unit for r in results} == {"norm", "scores", "mix", "gate", "queues", "linear"}
    for result in results:
        assert result.mismatches == 0
        assert result.rtl_cycles == result.model_cycles
