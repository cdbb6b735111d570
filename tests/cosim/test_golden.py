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
from archsim.frontend.toolchain import assemble
from archsim.functional import MatrixEngine
from cosim.operands import draw
from cosim.runner import run_operands
from workloads.kernels.compiled import compile_kernels, load, save
from workloads.kernels.golden import CASES, input_digest

GOLDEN = Path(__file__).parents[2] / "cosim" / "golden"
ENGINE = load_device("os_8x8_int8").params


RTL_CASES = ("one", "primes", "vit_qkt", "gelu", "int16_even", "wide_even", "wide_away_relu")


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
    assert meta["_meta"]["kernel_us"] > 0
    assert {k: v for k, v in meta.items() if k != "_meta"} == asdict(case)
    assert meta["_meta"]["device"] == "NVIDIA H200"
    assert input_digest(case.product()) == meta["_meta"]["input_sha256"]
    assert hashlib.sha256(out.astype("<i8").tobytes()).hexdigest() == meta["_meta"]["output_sha256"]
    operands = draw(engine_of(case), case.m, case.k, case.n, case.seed)
    found = MatrixEngine(engine_of(case))(operands.a, operands.b, operands.columns)
    assert np.array_equal(found, out)


@pytest.mark.parametrize(
    ("case", "dataflow"),
    [
        *((case, "output_stationary") for case in CASES if case.name in RTL_CASES),
        *((case, "weight_stationary") for case in CASES if case.name in ("primes", "wide_even")),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_rtl_equals_the_gpu(case, dataflow):
    """The RTL equals the reference here, and the reference the GPU above: all three agree."""
    params = engine_of(case)
    if dataflow == "weight_stationary":
        params = replace(params, dataflow=dataflow, acc_depth=64)
    operands = draw(params, case.m, case.k, case.n, case.seed)
    (run,) = run_operands(params, [operands])
    assert run.mismatches == 0
    _, out = recorded(case.name)
    assert np.array_equal(MatrixEngine(params)(operands.a, operands.b, operands.columns), out)


@pytest.mark.parametrize(
    ("most", "cases"), [(70_000, 13), pytest.param(1_300_000, 15, marks=pytest.mark.slow)]
)
def test_kernel_under_the_cuda_simulator_equals_the_gpu(tmp_path, most, cases):
    code = (
        "import numpy as np; from workloads.kernels import golden; "
        "[np.save(f'{c.name}.npy', golden.simulate(c)) for c in golden.CASES "
        f"if c.m * c.k * c.n <= {most}]"
    )
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, check=True, timeout=300, cwd=tmp_path)
    files = sorted(tmp_path.glob("*.npy"))
    assert len(files) == cases
    for file in files:
        assert np.array_equal(np.load(file), recorded(file.stem)[1]), file.stem


@pytest.fixture(scope="module")
def kernels():
    return compile_kernels(lambda text, arch: assemble(text, arch, lines=False))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pinned_compiler_makes_the_code_that_was_recorded(case, kernels):
    """The vectors name the PTX and the machine code that ran; both are made again here."""
    meta = recorded(case.name)[0]["_meta"]
    made = kernels[case.format]
    assert meta["compiler"] == made.compiler
    assert (meta["ptx_sha256"], meta["cubin_sha256"]) == (made.ptx_sha256, made.cubin_sha256)


def test_carried_machine_code_is_checked(tmp_path, kernels):
    save(kernels, tmp_path)
    assert load(tmp_path) == kernels
    (tmp_path / "int8.cubin").write_bytes(kernels["int16"].code)
    with pytest.raises(ValueError, match=r"int8\.cubin must have the digest"):
        load(tmp_path)
