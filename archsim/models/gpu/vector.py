"""A GPU device file as one flat record that compiled code reads by field name.

``memory.bandwidth_bytes_per_s`` becomes ``dev.memory_bandwidth_bytes_per_s``. Variants of a device
(one estimated constant at the edge of its uncertainty) are further rows of the same array.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from archsim.config.constant import Constant, Group
from archsim.config.gpu import GpuDevice
from archsim.models.gpu.plan import FAMILIES, TENSOR_FAMILIES


@cache
def leaf_paths(group: type[Group] = GpuDevice, prefix: str = "") -> tuple[str, ...]:
    """Return the dotted paths of all constants below ``group``, in schema order."""
    paths: list[str] = []
    for name, field in group.model_fields.items():
        kind = field.annotation
        if kind is Constant:
            paths.append(prefix + name)
        elif isinstance(kind, type) and issubclass(kind, Group):
            paths.extend(leaf_paths(kind, f"{prefix}{name}."))
    return tuple(paths)


@cache
def record_dtype() -> np.dtype[Any]:
    """Return the structured dtype: one float64 per constant, dots written as underscores."""
    return np.dtype([(path.replace(".", "_"), np.float64) for path in leaf_paths()])


FASTER = 1.25
"""Factor on the memory bandwidth of the last variant."""
MORE_SMS = 2.0
"""Factor on the SMs of the variant before it."""


@dataclass(frozen=True)
class Variants:
    """Row 0 is the device itself; rows 2i+1 and 2i+2 lower and raise ``paths[i]``.

    The last but one row has more SMs, the last one faster memory: every answer is checked not to
    be slower there.

    ``relevant[row, family]`` says whether a row can differ from row 0 for a kernel family.
    """

    rows: np.ndarray[Any, Any]
    paths: tuple[str, ...]
    relevant: np.ndarray[Any, Any]


def _touches(path: str, family: int) -> bool:
    """Return whether the constant at ``path`` can change kernels of ``family``."""
    if path.startswith("tensor_kernels."):
        return family in TENSOR_FAMILIES
    if path.startswith("memory_kernels."):
        return family not in TENSOR_FAMILIES
    return not path.startswith("power.")


@cache
def _getter() -> Callable[[GpuDevice], tuple[Constant, ...]]:
    """Return a function that reads all constants of a device at once."""
    return attrgetter(*leaf_paths())


@cache
def _touched(path: str) -> tuple[bool, ...]:
    return tuple(_touches(path, family) for family in range(FAMILIES))


def variants(device: GpuDevice) -> Variants:
    """Return the device's record and its variants at the edges of every estimated constant."""
    leaves = _getter()(device)
    rows_of = [i for i, c in enumerate(leaves) if c.basis == "estimated" and c.value != 0]
    paths = tuple(leaf_paths()[i] for i in rows_of if any(_touched(leaf_paths()[i])))
    table = np.tile(np.array([c.value for c in leaves]), (3 + 2 * len(paths), 1))
    relevant = np.ones((len(table), FAMILIES), dtype=np.bool_)
    index = _index()
    for i, path in enumerate(paths):
        at = index[path]
        leaf = leaves[at]
        table[2 * i + 1, at] = leaf.value * max(1 - leaf.uncertainty, 0.05)
        table[2 * i + 2, at] = leaf.value * (1 + leaf.uncertainty)
        relevant[2 * i + 1 : 2 * i + 3] = _touched(path)
    table[-2, index["sm_count"]] *= MORE_SMS
    table[-1, index["memory.bandwidth_bytes_per_s"]] *= FASTER
    return Variants(table.view(record_dtype()).reshape(-1), paths, relevant)


def patched(
    known: Variants, before: GpuDevice, device: GpuDevice, paths: Collection[str]
) -> Variants:
    """Return ``variants(device)`` from those of ``before``, which differs in ``paths`` at most."""
    table = np.frombuffer(known.rows).reshape(len(known.rows), -1).copy()
    index = _index()
    for path in paths:
        read = _reader(path)
        old, leaf = read(before), read(device)
        if path not in index or "estimated" in (old.basis, leaf.basis):
            return variants(device)
        table[:, index[path]] = leaf.value
        if path == "sm_count":
            table[-2, index[path]] *= MORE_SMS
        if path == "memory.bandwidth_bytes_per_s":
            table[-1, index[path]] *= FASTER
    return Variants(table.view(record_dtype()).reshape(-1), known.paths, known.relevant)


@cache
def _reader(path: str) -> Callable[[GpuDevice], Constant]:
    """Return a function that reads the constant at ``path``."""
    return attrgetter(path)


@cache
def _index() -> dict[str, int]:
    """Return the place of each constant in a record."""
    return {path: i for i, path in enumerate(leaf_paths())}


_ENERGY = {
    "fp64": "fp64", "fp32": "fp32", "tf32": "tensor_tf32", "bf16": "tensor_fp16",
    "fp8": "tensor_fp8", "fp8_e5m2": "tensor_fp8", "int8": "tensor_int8", "int4": "tensor_int8",
}  # fmt: skip


@cache
def energy_place(dtype: str) -> int:
    """Return where the switching energy of an operation on ``dtype`` stands in a record."""
    return leaf_paths().index(f"power.{_ENERGY.get(dtype, 'tensor_fp16')}_pj_per_flop")
