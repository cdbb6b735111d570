"""The engine behind its AXI4 manager, in front of an independent memory model."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import pytest
from cocotb_tools.runner import get_results, get_runner

from archsim.config import load_device
from archsim.functional import MatrixEngine
from archsim.mapping.array import plan
from archsim.mapping.array_layout import output_rows, pack, unpack
from cosim.compiled import Stimulus
from cosim.operands import draw
from cosim.runner import _simulate, open_design
from hdl.arith.product import ECP5_MODEL
from hdl.matrix.emit import emit


@pytest.mark.parametrize("pause", [0, 40])
def test_product_from_memory_to_memory(tmp_path, monkeypatch, require_system, pause):
    require_system("iverilog")
    params = load_device("os_4x4_int8").params
    operands = draw(params, 13, 37, 11, 5)
    job = plan(params, 13, 11, 37)
    beats = pack(params, job, operands.a, operands.b, operands.columns)
    (raw,) = _simulate(open_design(params), params, [(job, beats, Stimulus())], "verilator", None)
    want = MatrixEngine(params)(operands.a, operands.b, operands.columns)
    assert (unpack(params, job, raw.beats) == want).all()
    (tmp_path / "job.json").write_text(json.dumps({
        "registers": list(job.registers),
        "beats": [beat.tobytes().hex() for beat in beats],
        "expected": [beat.tobytes().hex() for beat in raw.beats],
        "beats_out": output_rows(job) * params.beats(params.out_word_bits),
        "seed": 3, "pause": pause,
    }))  # fmt: skip
    top, memory = emit(params)
    sources = {"top.v": top, "memory.v": memory, "models.v": ECP5_MODEL}
    for name, text in sources.items():
        (tmp_path / name).write_text(text)
    root = str(Path.cwd())
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, *sys.path]))
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner = get_runner("icarus")
        runner.build(
            sources=[tmp_path / name for name in sources],
            hdl_toplevel="matrix_memory_top", build_dir=tmp_path / "build",
            build_args=["-g2005"], timescale=("1ns", "1ps"),
        )  # fmt: skip
        report = runner.test(
            hdl_toplevel="matrix_memory_top", test_module="cosim.bench_memory",
            build_dir=tmp_path / "build", test_dir=tmp_path,
            extra_env={"BENCH_JOBS": str(tmp_path / "job.json")},
            results_xml=str(tmp_path / "results.xml"), log_file=tmp_path / "log.txt",
        )  # fmt: skip
    tests, failed = get_results(report)
    assert tests == 1 and failed == 0, (tmp_path / "log.txt").read_text()[-3000:]
