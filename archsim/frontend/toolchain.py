"""The compiler programs of the optional wheels: ``ptxas`` and ``nvdisasm``."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from archsim.errors import ArchsimError

_WHEELS = {"ptxas": "nvidia-cuda-nvcc", "nvdisasm": "nvidia-cuda-nvdisasm"}
# "ptxas /tmp/x/k.ptx, line 3; error   : Unknown modifier" and "ptxas error   : Unresolved x"
_COMPLAINT = re.compile(r"^\w+ (?:\S+, line (\d+); )?(?:error|fatal)\s*: ")
_MISSING = "{0} must be installed to read GPU kernels: run pip install {1}."


class ToolchainMissingError(ArchsimError):
    """A compiler wheel of the optional extra is not installed."""


class KernelCompileError(ArchsimError):
    """A kernel does not compile, or its machine code cannot be read."""


@cache
def program(name: str) -> Path:
    """Path of ``ptxas`` or ``nvdisasm`` in its wheel."""
    wheel = _WHEELS[name]
    try:
        files = importlib.metadata.files(wheel) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise ToolchainMissingError(_MISSING.format(name, wheel)) from error
    for file in files:
        if file.name in (name, f"{name}.exe"):
            return Path(str(file.locate()))
    raise ToolchainMissingError(_MISSING.format(name, wheel))


def _run(command: list[str], what: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        first = (done.stderr or done.stdout).strip().split("\n")[0]
        raise KernelCompileError(f"{what} failed: {_COMPLAINT.sub(_place, first)}")
    return done.stdout


def _place(found: re.Match[str]) -> str:
    """Where a tool complains, without the temporary file's name."""
    return f"line {found[1]}: " if found[1] else ""


def assemble(ptx: str, arch: str = "sm_90", *, lines: bool = True) -> bytes:
    """The cubin that ptxas makes of ``ptx`` for ``arch``.

    With line information it names a temporary file; without, the same text gives the same bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "k.ptx", Path(folder) / "k.cubin"
        source.write_text(ptx)
        command = [str(program("ptxas")), f"-arch={arch}", str(source), "-o", str(target)]
        _run([*command, *(["--generate-line-info"] if lines else [])], "ptxas")
        return target.read_bytes()


def disassemble(cubin: bytes) -> str:
    """Text of ``nvdisasm`` with encodings and source lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "k.cubin"
        path.write_bytes(cubin)
        return _run([str(program("nvdisasm")), "-hex", "-c", "-g", str(path)], "nvdisasm")
