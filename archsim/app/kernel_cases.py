"""The launches of ``archsim kernel``: a module's cases, or a .ptx, .cubin or SASS file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from archsim.app.kernel_launch import fitted, prepare, shape_of
from archsim.errors import ArchsimError, ConfigError

SEED = 0


@dataclass(frozen=True, slots=True)
class KernelCase:
    """One launch as `archsim.models.gpu.sm.timing_launch.time_launch` takes it."""

    name: str
    kernel: Any
    grid: tuple[int, ...]
    block: tuple[int, ...]
    args: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)


def kernel_cases(target: str, entry: str = "", launch: Path | None = None) -> Iterator[KernelCase]:
    """The cases of ``FILE`` or ``FILE::name`` (a case's or its kernel's name, also ``entry``).

    With a ``launch`` file the one case is that launch of the kernel.
    """
    path_text, _, wanted = target.partition("::")
    if entry and wanted:
        raise ConfigError(f"--entry must not stand beside the name in {target}")
    wanted = wanted or entry
    path = Path(path_text)
    if not path.is_file():
        raise ConfigError(f"{path_text} must be an existing file of kernels")
    if path.suffix != ".py":
        yield _code_case(path, wanted, launch)
        return
    if launch is not None:
        yield _function_case(path, wanted, launch)
        return
    found = [case for case in _module_cases(path) if _named(case, wanted)]
    if not found:
        raise ConfigError(f"{path_text} must have a case named {wanted!r}")
    yield from found


def _named(case: KernelCase, wanted: str) -> bool:
    function = getattr(case.kernel, "py_func", None)
    return not wanted or wanted in (case.name, getattr(function, "__name__", ""))


def _code_case(path: Path, entry: str, launch: Path | None) -> KernelCase:
    """A .ptx, .cubin or SASS file: the launch of a file, or one warp without arguments."""
    kernel = _code(path, entry)
    if launch is not None:
        found = prepare(launch)
        kernel, args = fitted(kernel, found)
        grid, block = shape_of(found.launch.grid), shape_of(found.launch.block)
        return KernelCase(kernel.name, kernel, grid, block, args, found.options())
    if kernel.parameters:
        raise ConfigError(
            f"{path}: kernel {kernel.name} must be launched with --launch FILE: "
            f"it takes {len(kernel.parameters)} parameters"
        )
    return KernelCase(kernel.name, kernel, (1,), (32,), ())


def _code(path: Path, entry: str) -> Any:
    from archsim.frontend import load_cubin, load_ptx, load_sass

    try:
        if path.suffix == ".cubin":
            return load_cubin(path.read_bytes(), entry)
        if path.suffix == ".ptx":
            text = path.read_text()
            return load_ptx(text, entry, "sm_90a" if ".target sm_90a" in text else "sm_90")
        if path.suffix in (".sass", ".txt"):
            return load_sass(path.read_text(), entry)
    except UnicodeDecodeError:
        raise ConfigError(f"{path} must be UTF-8 text") from None
    except ArchsimError as error:
        raise ConfigError(f"{path}: {error}") from error
    raise ConfigError(f"{path} must be a .py, .ptx, .cubin, .sass or .txt file")


def _function_case(path: Path, name: str, launch: Path) -> KernelCase:
    """The launch of one function of a module that need not define cases."""
    module = _module(path)
    kernels = {k: v for k, v in vars(module).items() if hasattr(v, "py_func")}
    if not name and len(kernels) == 1:
        name = next(iter(kernels))
    if name not in kernels:
        known = ", ".join(sorted(kernels)) or "none"
        raise ConfigError(f"--entry must name a kernel of {path} ({known}), not {name!r}")
    found = prepare(launch)
    grid, block = shape_of(found.launch.grid), shape_of(found.launch.block)
    return KernelCase(name, kernels[name], grid, block, found.args, found.options())


class _Source(SourceFileLoader):
    """Compiles what the file says now: bytecode beside it may be that of an earlier edit."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled text of the module's file."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _module(path: Path) -> ModuleType:
    name = f"archsim_kernels_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path)))
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} must be a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(
            f"{path} must import without an error, not {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.pop(0)
    return module


def _module_cases(path: Path) -> Iterator[KernelCase]:
    module = _module(path)
    make = getattr(module, "cases", None)
    if make is None:
        raise ConfigError(f"{path} must define cases(rng)")
    try:
        rows = list(make(np.random.default_rng(SEED)))
    except Exception as error:
        raise ConfigError(
            f"{path}: cases(rng) must not fail, but {type(error).__name__}: {error}"
        ) from error
    for n, row in enumerate(rows):
        if not isinstance(row, tuple) or len(row) not in (5, 6):
            raise ConfigError(
                f"{path}: case {n} must be (name, kernel, grid, block, args) and optionally a "
                f"mapping, not {type(row).__name__}"
            )
        options = dict(row[5]) if len(row) == 6 and row[5] else {}
        for key in options:
            if key not in ("cluster", "dynamic_smem_bytes", "expect", "arch"):
                raise ConfigError(f"{path}: case {row[0]} must not have the option {key!r}")
        place = f"{path}: case {row[0]}"
        if not (hasattr(row[1], "py_func") or hasattr(row[1], "instructions")):
            raise ConfigError(f"{place}: kernel must be a @cuda.jit function, not {row[1]!r}")
        grid, block = (
            _extents(v, place, key) for v, key in zip(row[2:4], ("grid", "block"), strict=True)
        )
        yield KernelCase(str(row[0]), row[1], grid, block, tuple(row[4]), options)


def _extents(value: Any, place: str, name: str) -> tuple[int, ...]:
    """The extents of a grid or block; the simulator says whether they can be launched."""
    found = np.atleast_1d(np.asarray(value))
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise ConfigError(f"{place}: {name} must be whole numbers, not {value!r}")
    extents: list[int] = found.tolist()
    return tuple(extents)
