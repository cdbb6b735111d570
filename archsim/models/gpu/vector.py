"""A GPU device file as one flat record that compiled code reads by field name.

``memory.bandwidth_bytes_per_s`` becomes ``dev.memory_bandwidth_bytes_per_s``. Variants of a device
(one estimated constant at the edge of its uncertainty) are further rows of the same array.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from archsim.config.constant import Constant, Group
from archsim.config.gpu import GpuDevice


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


def constant_at(device: GpuDevice, path: str) -> Constant:
    """Return the constant of ``device`` at a dotted path."""
    node: Any = device
    for part in path.split("."):
        node = getattr(node, part)
    if not isinstance(node, Constant):
        raise TypeError(f"{path} must be a constant, not {type(node).__name__}")
    return node


@dataclass(frozen=True)
class Variants:
    """Row 0 is the device itself; rows 2i+1 and 2i+2 lower and raise ``paths[i]``."""

    rows: np.ndarray[Any, Any]
    paths: tuple[str, ...]


def variants(device: GpuDevice) -> Variants:
    """Return the device's record and its variants at the edges of every estimated constant."""
    leaves = {path: constant_at(device, path) for path in leaf_paths()}
    paths = tuple(p for p, c in leaves.items() if c.basis == "estimated" and c.value != 0)
    rows = np.empty(1 + 2 * len(paths), dtype=record_dtype())
    for path, leaf in leaves.items():
        rows[path.replace(".", "_")] = leaf.value
    for i, path in enumerate(paths):
        leaf = leaves[path]
        rows[path.replace(".", "_")][2 * i + 1] = leaf.value * max(1 - leaf.uncertainty, 0.05)
        rows[path.replace(".", "_")][2 * i + 2] = leaf.value * (1 + leaf.uncertainty)
    return Variants(rows, paths)
