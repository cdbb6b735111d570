"""Runs the cocotb bench on Icarus or Verilator."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.mapping.array_layout import Bytes, output_rows
from cosim.compiled import COUNTERS, RawRun, Stimulus, finished
from cosim.design import Design
from cosim.errors import CosimError
from cosim.place import build_folder
from cosim.verilated import verilator_path
from hdl.arith.product import ECP5_MODEL

DUMP = """\
module dump;
  initial begin
    $dumpfile("waves.fst");
    $dumpvars(0, matrix_top);
  end
endmodule
"""
"""Icarus waves in plain Verilog: cocotb's own dump module needs a later standard."""

WAIT_LIMIT = 5000
"""Cycles without any handshake after which a job counts as hung."""

BUILD_FLAGS = {
    "verilator": ("-Wno-fatal", "-Wno-WIDTH", "--inline-mult", "1", "-fno-inline"),
    "icarus": ("-g2005",),  # later standards set initial values before any process can see them
}


def simulate(
    design: Design,
    params: MatrixParams,
    jobs: Sequence[tuple[Job, Bytes, Stimulus]],
    simulator: str,
    waves: Path | None = None,
    agents: bool = False,
) -> list[RawRun]:
    """Run ``jobs`` one after another under cocotb; ``simulator`` is icarus or verilator.

    ``agents`` repeats the first job through cocotbext-axi's agents. ``waves`` receives the
    simulator's waveform file (FST with Icarus, VCD with Verilator).
    """
    if simulator == "icarus" and shutil.which("iverilog") is None:
        raise CosimError("iverilog must be installed (scripts/system-packages)")
    jobs = [(job, beats, _bounded(stimulus)) for job, beats, stimulus in jobs]
    runner = _built(design, simulator, waves is not None)
    per_row = params.beats(params.out_word_bits)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "jobs.json").write_text(
            json.dumps([_job(job, beats, s, per_row) for job, beats, s in jobs])
        )
        with _environment(folder, agents):
            report = runner.test(
                hdl_toplevel="matrix_top",
                test_module="cosim.bench_matrix",
                build_dir=runner.build_dir,
                test_dir=folder,
                results_xml=str(folder / "results.xml"),
                waves=waves is not None,
                extra_env={"BENCH_JOBS": str(folder / "jobs.json")},
                log_file=folder / "log.txt",
            )
        _check_report(report, folder)
        if waves is not None:
            _copy_waves(folder, runner.build_dir, waves)
        results = json.loads((folder / "results.json").read_text())
    return [
        _raw(params, *work, result, per_row) for work, result in zip(jobs, results, strict=False)
    ]


def _bounded(stimulus: Stimulus) -> Stimulus:
    """Wait less than the compiled simulation: an interpreted cycle costs a millisecond."""
    return replace(stimulus, wait_limit=min(stimulus.wait_limit, WAIT_LIMIT))


def _job(job: Job, beats: Bytes, stimulus: Stimulus, per_row: int) -> dict[str, Any]:
    return {
        "registers": list(job.registers),
        "beats": [beat[::-1].tobytes().hex() for beat in beats],
        "beats_out": output_rows(job) * per_row,
        "seed": stimulus.seed,
        "idle": stimulus.idle,
        "stall": stimulus.stall,
        "wait_limit": stimulus.wait_limit,
    }


def _raw(
    params: MatrixParams,
    job: Job,
    beats: Bytes,
    stimulus: Stimulus,
    result: dict[str, Any],
    per_row: int,
) -> RawRun:
    size = params.port_bytes
    data = b"".join(int(text, 16).to_bytes(size, "little") for text in result["beats"])
    finished(
        params, job, stimulus, len(beats), output_rows(job) * per_row,
        sent=result["sent"], got=len(result["beats"]), last_at=result["last_at"],
        status=result["status"], parameters=result["parameters"],
    )  # fmt: skip
    return RawRun(
        beats=np.frombuffer(data, dtype=np.uint8).reshape(-1, size),
        counters=dict(zip(COUNTERS, result["counters"], strict=True)),
    )


def _built(design: Design, simulator: str, waves: bool) -> Any:
    from cocotb_tools.runner import get_runner

    if simulator == "verilator":
        os.environ["PATH"] = f"{verilator_path().parent}{os.pathsep}{os.environ['PATH']}"
        os.environ.pop("VERILATOR_ROOT", None)
        os.environ["MAKEFLAGS"] = "-- CFG_CXXFLAGS_PCH_I=-include"
    runner = get_runner(simulator)
    identity = hashlib.sha256(
        f"{design.verilog}{waves}{BUILD_FLAGS[simulator]}".encode()
    ).hexdigest()[:20]
    folder = build_folder() / simulator / identity
    folder.mkdir(parents=True, exist_ok=True)
    models = folder / "models.v"
    if not models.exists():
        models.write_text(ECP5_MODEL)
    flags = list(BUILD_FLAGS[simulator])
    sources = [design.folder / "top.v", models]
    if waves and simulator == "icarus":
        (folder / "dump.v").write_text(DUMP)
        sources.append(folder / "dump.v")
        flags += ["-s", "dump"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runner.build(
            sources=sources,
            hdl_toplevel="matrix_top",
            build_dir=folder,
            build_args=flags,
            waves=waves and simulator == "verilator",
            timescale=("1ns", "1ps"),
            log_file=build_folder() / simulator / f"{identity}.log",
        )
    return runner


@contextmanager
def _environment(folder: Path, agents: bool) -> Iterator[None]:
    """Set what the bench reads; the simulator inherits it."""
    root = str(Path(__file__).resolve().parent.parent)
    wanted = {
        "BENCH_RESULTS": str(folder / "results.json"),
        "BENCH_AGENTS": str(int(agents)),
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        "PYTHONWARNINGS": "ignore",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def _check_report(report: Path, folder: Path) -> None:
    from cocotb_tools.runner import get_results

    tests, failed = get_results(Path(report))
    if failed or not tests:
        log = (folder / "log.txt").read_text() if (folder / "log.txt").exists() else ""
        raise CosimError(f"the cocotb bench failed: {log[-2000:]}")


def _copy_waves(folder: Path, build: Path, waves: Path) -> None:
    for place in (folder, Path(build)):
        for pattern in ("*.fst", "*.vcd"):
            for file in place.glob(pattern):
                shutil.copy(file, waves)
                return
    raise CosimError("the simulator wrote no waveform")
