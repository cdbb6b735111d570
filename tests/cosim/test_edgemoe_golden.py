"""Edge-MoE results recorded on a real GPU against the reference; the kernels in the simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archsim.config.edgemoe_params import M3VIT_TINY, SMALL, TRAINED, EdgeMoeParams
from archsim.functional.edgemoe import Encoder, draw, quantise
from cosim import edgemoe_recorded
from cosim.edgemoe_recorded import compare, matching, recorded, times
from cosim.errors import CosimError
from workloads.kernels.edgemoe.golden import HALF_KERNELS, KERNELS

FULL = matching(M3VIT_TINY)
ALL = [*matching(SMALL), *matching(TRAINED), *FULL]
TINY = EdgeMoeParams(
    image_height=8, image_width=8, patch=4, dim=16, heads=1, depth=2, mlp_hidden=16, experts=3,
    expert_hidden=16, tile_in=8, tile_out=8, queries=2, lanes=4,
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c.name, marks=[pytest.mark.slow] if c in FULL else []) for c in ALL],
)
def test_the_reference_equals_the_gpu(case):
    found = compare(case)
    assert found.different == ()
    assert found.device == "NVIDIA H200"
    assert found.compared >= (27 if "edgemoe_small" in case.name else 1)


def test_every_depth_of_the_encoder_was_recorded():
    assert len(ALL) == 13
    digests = recorded("edgemoe_full_1_task1")[0]["digests"]
    assert len(digests) == 1 + 12 * 8 + 6 * 2
    assert sum(k["us_of_an_image"] for k in times()["kernels"].values()) > 1000


@pytest.mark.parametrize("gpu", ["", "_h100"])
def test_both_gpus_computed_the_same_and_their_code_is_named(gpu):
    code = times(f"edgemoe_code{gpu}")
    assert (code["_meta"]["device"] == "NVIDIA H200") == (not gpu)
    for case in ALL:
        meta = recorded(case.name)[0]["_meta"]
        assert code["outputs"][case.name] == meta["output_sha256"]
    assert set(code["kernels"]) == set(KERNELS)
    for versions in code["kernels"].values():
        assert {len(v) for one in versions for v in one.values()} == {64}


def test_both_gpus_ran_the_same_machine_code():
    found, other = (times(f"edgemoe_code{gpu}")["kernels"] for gpu in ("", "_h100"))
    for name in KERNELS:
        assert [v["cubin_sha256"] for v in found[name]] == [v["cubin_sha256"] for v in other[name]]


@pytest.mark.parametrize("gpu", ["", "_h100"])
def test_the_float16_encoder_keeps_the_output_and_is_faster(gpu):
    half = times(f"edgemoe_half{gpu}")
    assert half["cases"] == times("edgemoe_half")["cases"]
    assert set(half["cases"]) == {c.name for c in ALL if "routing" not in c.name}
    assert min(case["sqnr_db"] for case in half["cases"].values()) > 50
    assert min(case["experts_agree"] for case in half["cases"].values()) > 0.99
    found = times(f"edgemoe_times{gpu}")
    assert (found["_meta"]["device"] == "NVIDIA H200") == (not gpu)
    rows = found["kernels"]
    assert set(rows) == {*KERNELS, *HALF_KERNELS}
    image = {
        kind: sum(r["us_of_an_image"] for n, r in rows.items() if n.endswith("_half") == kind)
        for kind in (True, False)
    }
    assert 4 * image[True] < image[False]


def test_altered_vectors_are_refused(monkeypatch):
    monkeypatch.setattr(edgemoe_recorded, "array_digest", lambda array: "other")
    with pytest.raises(CosimError, match="must have the results that were recorded"):
        recorded("edgemoe_small_1_task0")


SCRIPT = """
import json, sys
import numpy as np
from dataclasses import replace
from archsim.functional.edgemoe import draw, quantise
from test_edgemoe_golden import TINY
from workloads.kernels.edgemoe.encoder import GpuEncoder
seen = {}
weights = quantise(TINY, draw(TINY, 3))
pixels = np.random.default_rng(4).integers(0, 256, (3, 8, 8))
GpuEncoder(TINY, weights)(pixels, 1, lambda n, v: seen.__setitem__(n, v.tolist()))
json.dump(seen, sys.stdout)
"""


def test_the_kernels_equal_the_reference_in_the_cuda_simulator():
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    seen = {}
    weights = quantise(TINY, draw(TINY, 3))
    pixels = np.random.default_rng(4).integers(0, 256, (3, 8, 8))
    Encoder(TINY, weights)(pixels, 1, seen.__setitem__)
    assert set(found) == set(seen)
    for name, value in seen.items():
        assert (np.array(found[name]) == value).all(), name
