"""Machine code of Numba kernels for the GPU: from the pinned compiler wheels, or kept in a folder.

What is measured and what is simulated should be the same code. A GPU machine may have another
compiler than the one that made the code; a folder of cubins carries it there.
"""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from typing import Any


def cubin(
    kernel: Any,
    signature: tuple[Any, ...],
    arch: str = "sm_90",
    folder: Path | None = None,
    key: str = "",
) -> tuple[bytes, str]:
    """The cubin of ``kernel`` for Numba types ``signature`` and the name of its entry.

    ``folder`` is looked up first and filled; ``key`` tells kernels apart that share a source.
    """
    function = kernel.py_func
    path = folder / f"{_stem(function, signature, arch, key)}.cubin" if folder else None
    if path is not None and path.exists():
        entry, _, data = path.read_bytes().partition(b"\n")
        return data, entry.decode()
    data, entry_name = _compile(kernel, signature, arch)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry_name.encode() + b"\n" + data)
    return data, entry_name


def _stem(function: Any, signature: tuple[Any, ...], arch: str, key: str) -> str:
    types = [
        f"{kind.dtype} {kind.ndim} {kind.layout}" if hasattr(kind, "layout") else str(kind)
        for kind in signature
    ]
    held = [str(cell.cell_contents) for cell in function.__closure__ or ()]
    text = "\n".join([inspect.getsource(function), *types, *held, arch, key])
    return f"{function.__name__}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _compile(kernel: Any, signature: tuple[Any, ...], arch: str) -> tuple[bytes, str]:
    from archsim.frontend import numba_cubin, read_cubin

    data = numba_cubin(kernel, signature, arch)
    return data, read_cubin(data).entries()[0]
