"""Co-simulation: RTL bits against the functional model, RTL cycles against the cycle model."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archsim.config.array import ArrayDevice
from archsim.config.matrix import MatrixParams
from archsim.functional import MatrixEngine
from archsim.mapping.array import Job, plan
from archsim.mapping.array_layout import pack, unpack
from archsim.models.array import engine_cycles
from cosim import compiled
from cosim.compiled import RawRun, Stimulus
from cosim.design import Design, open_design
from cosim.errors import CosimError
from cosim.operands import Operands, draw
from cosim.place import build_folder

SIMULATORS = ("verilator", "icarus", "cocotb-verilator")
"""``verilator``: compiled, with a C++ loop around it. The other two: a cocotb bench."""

DEFAULT_STIMULUS = Stimulus()

Gemm = tuple[int, int, int]
"""m, k, n of ``[m, k] x [k, n]``."""


@dataclass(frozen=True)
class CosimCase:
    """One product, simulated. ``counters`` are those of the RTL; ``model_counters`` the model's."""

    name: str
    rtl_cycles: int
    model_cycles: int
    bound_cycles: int
    mismatches: int
    simulator: str
    seed: int
    design_digest: str
    counters: dict[str, int]
    model_counters: dict[str, int]

    @property
    def exact(self) -> bool:
        """Whether every output bit agrees."""
        return self.mismatches == 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def cosim(
    device: ArrayDevice,
    gemms: Sequence[Gemm],
    sim: str = "verilator",
    seed: int = 0,
    *,
    idle: int = 0,
    stall: int = 0,
    design: Path | None = None,
    waves: Path | None = None,
) -> list[CosimCase]:
    """Simulate ``gemms`` on the RTL of ``device`` and compare bits and cycles.

    ``idle`` and ``stall`` are percents of cycles in which the input offers nothing or the output
    takes nothing (cycles then have no model to agree with). ``design`` is a folder of
    ``archsim generate``, refused unless it is this device's design; by default the design is
    generated. ``waves`` is a file for the waveform (VCD; FST with Icarus).
    """
    params = device.params
    drawn = [draw(params, m, k, n, seed) for m, k, n in gemms]
    stimulus = Stimulus(seed=seed, idle=idle, stall=stall, shared=device.memory.shared)
    return run_operands(params, drawn, sim, stimulus, design, waves)


def run_operands(
    params: MatrixParams,
    operands: Sequence[Operands],
    sim: str = "verilator",
    stimulus: Stimulus = DEFAULT_STIMULUS,
    folder: Path | None = None,
    waves: Path | None = None,
) -> list[CosimCase]:
    """Simulate given operands; see ``cosim``. A shared memory port needs ``sim`` verilator."""
    if sim not in SIMULATORS:
        raise CosimError(f"sim must be one of {', '.join(SIMULATORS)}, not {sim!r}")
    if stimulus.shared and sim != "verilator":
        raise CosimError(f"sim must be verilator where memory.shared is true, not {sim!r}")
    design = open_design(params, folder)
    jobs = [plan(params, o.a.shape[0], o.b.shape[1], o.a.shape[1]) for o in operands]
    work = [
        (job, pack(params, job, o.a, o.b, o.columns), stimulus)
        for job, o in zip(jobs, operands, strict=True)
    ]
    runs = _simulate(design, params, work, sim, waves)
    return [
        _compare(params, job, o, run, sim, stimulus, design.manifest.design_digest)
        for job, o, run in zip(jobs, operands, runs, strict=True)
    ]


def _simulate(
    design: Design,
    params: MatrixParams,
    work: Sequence[tuple[Job, compiled.Bytes, Stimulus]],
    sim: str,
    waves: Path | None,
) -> list[RawRun]:
    if sim != "verilator":
        from cosim.bench_runner import simulate as simulate_bench

        return simulate_bench(design, params, work, sim.removeprefix("cocotb-"), waves)
    program = compiled.build(design.verilog, build_folder() / "cosim", waves=waves is not None)
    with tempfile.TemporaryDirectory() as scratch:
        runs = compiled.simulate(program, params, work, Path(scratch))
        if waves is not None:
            waves.write_bytes((Path(scratch) / "results.bin.vcd").read_bytes())
        return runs


def _compare(
    params: MatrixParams,
    job: Job,
    operands: Operands,
    run: RawRun,
    sim: str,
    stimulus: Stimulus,
    digest: str,
) -> CosimCase:
    expected = MatrixEngine(params)(operands.a, operands.b, operands.columns)
    found = unpack(params, job, run.beats)
    model = engine_cycles(params, job, stimulus.shared)
    return CosimCase(
        name=f"{job.m}x{job.k}x{job.n}",
        rtl_cycles=run.counters["cycles"],
        model_cycles=model.cycles,
        bound_cycles=model.bound,
        mismatches=int((expected != found).sum()),
        simulator=sim,
        seed=stimulus.seed,
        design_digest=digest,
        counters=run.counters,
        model_counters={name: getattr(model, name) for name in run.counters},
    )
