"""The compiled simulation of an engine: a C++ loop around the Verilated top, driven by files."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.mapping.array import Job
from archsim.mapping.array_layout import Bytes, output_rows
from cosim.errors import CosimError, HangError
from cosim.verilated import verilate

HARNESS = Path(__file__).with_name("harness.cpp")
COUNTERS = ("cycles", "compute", "stall_input", "stall_output", "stall_drain", "tail")
REGISTER_HUNG = 4
"""Exit code of a simulation whose control registers do not answer."""

WAIT_LIMIT = 100_000
"""Cycles without any handshake after which a job counts as hung."""


@dataclass(frozen=True)
class Stimulus:
    """How the outside behaves: ``idle`` and ``stall`` percent of cycles without offer or ready.

    ``shared``: input and output share one memory of a beat a cycle, outputs first.
    """

    seed: int = 0
    idle: int = 0
    stall: int = 0
    shared: bool = False
    wait_limit: int = WAIT_LIMIT


@dataclass(frozen=True)
class RawRun:
    """What came back: the output beats and the counters by name."""

    beats: Bytes
    counters: dict[str, int]


def build(verilog: str, folder: Path, *, waves: bool = False) -> Path:
    """Return the simulation of an engine, built below ``folder`` unless it is there."""
    return verilate(verilog, "matrix_top", HARNESS.read_text(), folder, waves=waves)


def simulate(
    program: Path,
    params: MatrixParams,
    jobs: Sequence[tuple[Job, Bytes, Stimulus]],
    folder: Path,
) -> list[RawRun]:
    """Run ``jobs`` one after another without a reset between; see ``harness.cpp``.

    Raises ``HangError`` when no handshake happens for the stimulus' ``wait_limit`` cycles.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "jobs.bin"
    target = folder / "results.bin"
    per_row = params.beats(params.out_word_bits)
    with source.open("wb") as out:
        np.array([len(jobs), params.port_bytes], dtype="<u8").tofile(out)
        for job, beats, s in jobs:
            header = list(job.registers)
            header += [len(beats), output_rows(job) * per_row, s.seed, s.idle, s.stall]
            header += [s.wait_limit, int(s.shared)]
            np.array(header, dtype="<u8").tofile(out)
            np.ascontiguousarray(beats).tofile(out)
    done = subprocess.run([str(program), str(source), str(target)], check=False)
    if done.returncode == REGISTER_HUNG:
        raise HangError(f"{program} hung: a control register did not answer")
    if done.returncode not in (0, 3):
        raise CosimError(f"the simulation of {program} ended with code {done.returncode}")
    return _results(params, jobs, target, per_row)


def _results(
    params: MatrixParams,
    jobs: Sequence[tuple[Job, Bytes, Stimulus]],
    target: Path,
    per_row: int,
) -> list[RawRun]:
    raw = target.read_bytes()
    runs: list[RawRun] = []
    at = 0
    for job, beats, stimulus in jobs:
        status = [int(x) for x in np.frombuffer(raw, dtype="<u8", count=13, offset=at)]
        at += 104
        count = output_rows(job) * per_row * params.port_bytes
        data = np.frombuffer(raw, dtype=np.uint8, count=count, offset=at)
        at += count
        finished(
            params, job, stimulus, len(beats), output_rows(job) * per_row, sent=status[1],
            got=status[2], last_at=status[3], status=status[4], parameters=status[5],
        )  # fmt: skip
        if status[12]:
            raise CosimError(
                f"job {job.m}x{job.k}x{job.n} must read its registers as written and raise the "
                f"interrupt at its end alone, not {status[12]} times otherwise"
            )
        runs.append(
            RawRun(
                beats=data.reshape(-1, params.port_bytes),
                counters=dict(zip(COUNTERS, status[6:12], strict=True)),
            )
        )
    return runs


def finished(  # each argument is one thing that the simulation reported
    params: MatrixParams,
    job: Job,
    stimulus: Stimulus,
    beats_in: int,
    beats_out: int,
    *,
    sent: int,
    got: int,
    last_at: int,
    status: int,
    parameters: int,
) -> None:
    """Raise ``HangError`` or ``CosimError`` unless a job ended as it must."""
    name = f"job {job.m}x{job.k}x{job.n}"
    if got < beats_out:
        raise HangError(
            f"{name} hung: no handshake for {stimulus.wait_limit} cycles after {sent} of "
            f"{beats_in} beats in and {got} of {beats_out} out"
        )
    if last_at != got or status != 2 or sent != beats_in:
        raise CosimError(
            f"{name} must end with tlast on beat {got}, status 2 and {beats_in} beats taken, not "
            f"{last_at}, {status} and {sent}"
        )
    if parameters != int(params.digest[:8], 16):
        raise CosimError(f"the simulated engine has parameters {parameters:08x}, not these")
