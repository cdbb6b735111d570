"""What an H200 computed, against the reference and the RTL at tolerance 0."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from archsim.config import load_device
from archsim.functional import MatrixEngine
from cosim.operands import draw
from cosim.runner import run_operands
from workloads.kernels.golden import CASES, input_digest

GOLDEN = Path(__file__).parents[2] / "cosim" / "golden"
ENGINE = load_device("os_8x8_int8").params


def recorded(name):
    meta = json.loads((GOLDEN / f"{name}.json").read_text())
    with np.load(GOLDEN / f"{name}.npz") as file:
        return meta, file["out"]


def engine_of(case):
    return replace(
        ENGINE, format=case.format, rounding=case.rounding, activation=case.activation,
        multiplier="generic",
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reference_equals_the_gpu(case):
    meta, out = recorded(case.name)
    assert {k: v for k, v in meta.items() if k != "_meta"} == asdict(case)
    assert meta["_meta"]["device"] == "NVIDIA H200"
    assert input_digest(case.product()) == meta["_meta"]["input_sha256"]
    assert hashlib.sha256(out.astype("<i8").tobytes()).hexdigest() == meta["_meta"]["output_sha256"]
    operands = draw(engine_of(case), case.m, case.k, case.n, case.seed)
    found = MatrixEngine(engine_of(case))(operands.a, operands.b, operands.columns)
    assert np.array_equal(found, out)


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if c.name in ("one", "primes", "vit_qkt", "gelu", "int16_even")],
    ids=lambda case: case.name,
)
def test_rtl_equals_the_gpu(case):
    """The RTL equals the reference here, and the reference the GPU above: all three agree."""
    params = engine_of(case)
    operands = draw(params, case.m, case.k, case.n, case.seed)
    (run,) = run_operands(params, [operands], seed=case.seed)
    assert run.mismatches == 0
    _, out = recorded(case.name)
    assert np.array_equal(MatrixEngine(params)(operands.a, operands.b, operands.columns), out)


def test_kernel_under_the_cuda_simulator_equals_the_gpu(tmp_path):
    code = (
        "from pathlib import Path; from workloads.kernels import golden; "
        f"golden.record(Path({str(tmp_path)!r}), [c for c in golden.CASES if c.m * c.n <= 1200])"
    )
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300)
    files = sorted(tmp_path.glob("*.npz"))
    assert len(files) >= 5
    for file in files:
        with np.load(file) as simulated:
            assert np.array_equal(simulated["out"], recorded(file.stem)[1]), file.stem
