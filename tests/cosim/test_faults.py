"""What must fail loudly: a changed design, another design, a wrong vector, a hung handshake."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from archsim.config import load_device
from archsim.functional import ColumnParams, MatrixEngine
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack
from cosim import compiled
from cosim import recorded as recorded_module
from cosim.compiled import Stimulus
from cosim.design import open_design
from cosim.errors import CosimError, HangError
from cosim.operands import draw
from cosim.place import build_folder
from cosim.recorded import compare
from cosim.runner import cosim
from hdl.generate import generate
from hdl.manifest import DigestError
from workloads.kernels.golden import CASES

DEVICE = load_device("os_4x4_int8")


def test_changed_verilog_is_refused(tmp_path):
    generate(DEVICE, tmp_path)
    top = tmp_path / "top.v"
    top.write_text(top.read_text().replace("assign", "assign ", 1))
    with pytest.raises(DigestError, match="was changed after it was generated"):
        cosim(DEVICE, [(1, 1, 1)], design=tmp_path)


def test_another_design_is_refused(tmp_path):
    generate(load_device("os_8x8_int8"), tmp_path)
    with pytest.raises(DigestError, match="holds a design of other parameters"):
        cosim(DEVICE, [(1, 1, 1)], design=tmp_path)


def test_a_missing_manifest_is_refused(tmp_path):
    with pytest.raises(DigestError, match="must be a manifest"):
        cosim(DEVICE, [(1, 1, 1)], design=tmp_path)


def test_a_wrong_reference_is_counted(monkeypatch):
    correct = MatrixEngine.__call__

    def wrong(self, a, b, columns=None):
        out = np.array(correct(self, a, b, columns))
        out[0, 0] ^= 1
        out[-1, -1] ^= 2
        return out

    monkeypatch.setattr(MatrixEngine, "__call__", wrong)
    (case,) = cosim(DEVICE, [(5, 7, 6)], seed=1)
    assert case.mismatches == 2
    assert not case.exact


def test_a_wrong_operand_is_seen():
    """The RTL computes what it is given: another operand gives other bits than the reference."""
    params = DEVICE.params
    good = draw(params, 4, 8, 4, 1)
    a = good.a.copy()
    a[2, 3] ^= 1
    columns = ColumnParams(good.columns.bias, good.columns.multiplier, good.columns.shift)
    plain = replace(params, requantise=False)
    one = MatrixEngine(plain)(good.a, good.b, columns)
    other = MatrixEngine(plain)(a, good.b, columns)
    assert (one != other).any()


@pytest.mark.parametrize("name", ["os_4x4_int8", "ws_4x4_int8"])
def test_a_hung_handshake_ends(name, tmp_path):
    params = load_device(name).params
    operands = draw(params, 4, 8, 4, 1)
    job = plan(params, 4, 4, 8)
    beats = pack(params, job, operands.a, operands.b, operands.columns)
    program = compiled.build(open_design(params).verilog, build_folder() / "cosim")
    stuck = Stimulus(stall=100, wait_limit=2000)
    with pytest.raises(HangError, match="no handshake for 2000 cycles"):
        compiled.simulate(program, params, [(job, beats, stuck)], tmp_path)
    short = beats[:-1]  # an operand never comes
    with pytest.raises(HangError, match="no handshake for 500 cycles"):
        compiled.simulate(program, params, [(job, short, Stimulus(wait_limit=500))], tmp_path)


@pytest.fixture
def golden(monkeypatch, tmp_path):
    """A copy of one golden vector, and a function that changes its file and its digest."""
    case = next(case for case in CASES if case.name == "primes")
    for suffix in (".json", ".npz"):
        shutil.copy(str(recorded_module.GOLDEN.joinpath(case.name + suffix)), tmp_path)
    monkeypatch.setattr(recorded_module, "GOLDEN", tmp_path)
    monkeypatch.setattr(recorded_module, "matching", lambda params: [case])

    def change(forge=False, **meta):
        file = tmp_path / f"{case.name}.npz"
        out = np.load(file)["out"]
        out[3, 4] ^= 1
        np.savez_compressed(file, out=out)
        if forge:
            meta["output_sha256"] = hashlib.sha256(out.astype("<i8").tobytes()).hexdigest()
        note = tmp_path / f"{case.name}.json"
        data = json.loads(note.read_text())
        data["_meta"] |= meta
        note.write_text(json.dumps(data))

    return change


def test_a_changed_golden_vector_is_refused(golden):
    assert [r.mismatches for r in compare(DEVICE.params)] == [0]
    golden()
    with pytest.raises(CosimError, match="must have the results that were recorded"):
        compare(DEVICE.params)


def test_a_wrong_golden_vector_is_counted(golden):
    golden(forge=True)
    assert [r.mismatches for r in compare(DEVICE.params)] == [1]


def test_a_golden_vector_of_other_inputs_is_refused(golden):
    golden(forge=True, input_sha256="0" * 64)
    with pytest.raises(CosimError, match="must have the inputs that were recorded"):
        compare(DEVICE.params)
