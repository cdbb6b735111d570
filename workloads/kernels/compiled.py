"""Machine code of the kernels, made by the pinned compiler wheels and carried to a GPU.

A GPU's own driver or toolkit may make other code of the same Python; a golden vector is only as
good as the kernel that it names. Compiling needs no GPU.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from workloads.kernels import products

ARCHITECTURE = "sm_90"
WHEELS = ("numba", "numba-cuda", "nvidia-nvvm", "nvidia-cuda-nvcc")
"""What makes PTX and machine code."""


@dataclass(frozen=True)
class Kernel:
    """One format's kernel: machine code, digests of it and of its PTX, versions of ``WHEELS``."""

    code: bytes
    ptx_sha256: str
    cubin_sha256: str
    compiler: dict[str, str]


def compile_kernels(assemble: Callable[[str, str], bytes]) -> dict[str, Kernel]:
    """Return the kernels by format; ``assemble(ptx, architecture)`` makes a cubin."""
    compiler = {"architecture": ARCHITECTURE, **{wheel: _version(wheel) for wheel in WHEELS}}
    kernels = {}
    for engine_format in products.ARITHMETIC:
        text = products.ptx(engine_format)
        code = assemble(text, ARCHITECTURE)
        digests = (hashlib.sha256(data).hexdigest() for data in (text.encode(), code))
        kernels[engine_format] = Kernel(code, *digests, compiler=compiler)
    return kernels


def save(kernels: dict[str, Kernel], folder: Path) -> None:
    """Write ``FORMAT.cubin`` and ``FORMAT.json`` for a machine without the wheels."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, kernel in kernels.items():
        (folder / f"{name}.cubin").write_bytes(kernel.code)
        known = {key: value for key, value in asdict(kernel).items() if key != "code"}
        (folder / f"{name}.json").write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def load(folder: Path) -> dict[str, Kernel]:
    """Return what ``save`` wrote; ``ValueError`` where a digest is wrong."""
    kernels = {}
    for name in products.ARITHMETIC:
        code = (folder / f"{name}.cubin").read_bytes()
        kernel = Kernel(code=code, **json.loads((folder / f"{name}.json").read_text()))
        if hashlib.sha256(code).hexdigest() != kernel.cubin_sha256:
            raise ValueError(f"{folder / name}.cubin must have the digest of {name}.json")
        kernels[name] = kernel
    return kernels


def _version(wheel: str) -> str:
    try:
        return importlib.metadata.version(wheel)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
