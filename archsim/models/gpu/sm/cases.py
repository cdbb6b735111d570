"""Launches that a user's module describes, and their functional check.

A module of kernels has ``cases(rng)``, which yields ``(name, kernel, grid, block, args)`` or, with
a sixth item, options: ``cluster``, ``dynamic_smem_bytes`` and ``expect``, a function of the
arguments that raises AssertionError when the outputs in them are wrong.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archsim.errors import ArchsimError
from archsim.models.gpu.sm.execute import Execution, run

_OPTIONS = {"cluster", "dynamic_smem_bytes", "expect"}


class KernelFileError(ArchsimError):
    """A module of kernels that cannot be loaded or describes no launch."""


class ResultError(ArchsimError):
    """A kernel whose outputs are not the expected ones."""


@dataclass(frozen=True, slots=True)
class LaunchCase:
    """One launch of a kernel; ``expect`` is None when nothing is said about its outputs."""

    name: str
    kernel: Any
    grid: int | tuple[int, ...]
    block: int | tuple[int, ...]
    args: tuple[Any, ...]
    cluster: int = 1
    dynamic_smem_bytes: int = 0
    expect: Callable[[tuple[Any, ...]], None] | None = None


def load_cases(target: str, seed: int = 0) -> list[LaunchCase]:
    """The cases of ``FILE`` or, with ``FILE::name``, those of that name."""
    file, _, name = target.partition("::")
    path = Path(file)
    if not path.is_file():
        raise KernelFileError(f"{file}: must be a file of kernels")
    module = _module(path)
    maker = getattr(module, "cases", None)
    if not callable(maker):
        raise KernelFileError(f"{file}: must have a function cases(rng)")
    found = [_case(file, item) for item in maker(np.random.default_rng(seed))]
    chosen = [case for case in found if not name or case.name == name]
    if not chosen:
        known = ", ".join(sorted({case.name for case in found})) or "none"
        raise KernelFileError(f"{file}: case must be one of {known}, not {name!r}")
    return chosen


def _module(path: Path) -> Any:
    """Import a file, with its folder on the path while it loads."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise KernelFileError(f"{path}: must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise KernelFileError(
            f"{path}: must import, but {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _case(file: str, item: Any) -> LaunchCase:
    if not isinstance(item, tuple) or len(item) not in (5, 6):
        raise KernelFileError(f"{file}: cases must yield tuples of 5 or 6 items, not {item!r}")
    options = dict(item[5]) if len(item) == 6 else {}
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise KernelFileError(
            f"{file}: options of {item[0]} must be {sorted(_OPTIONS)}, not {unknown}"
        )
    return LaunchCase(str(item[0]), item[1], item[2], item[3], tuple(item[4]), **options)


def check(case: LaunchCase) -> Execution:
    """Run every CTA of ``case`` under the memory checker, then its ``expect``.

    Raises MemoryFaultError for a faulty access and ResultError for wrong outputs.
    """
    done = run(
        case.kernel, case.grid, case.block, case.args, cluster=case.cluster,
        dynamic_smem_bytes=case.dynamic_smem_bytes, check=True,
    )  # fmt: skip
    if case.expect is not None:
        try:
            case.expect(case.args)
        except AssertionError as error:
            lines = [line.strip() for line in str(error).split("\n") if line.strip()]
            first = " ".join(lines[:3]) or "its expectation failed"
            raise ResultError(
                f"case {case.name} must give the expected outputs: {first}"
            ) from error
    return done
