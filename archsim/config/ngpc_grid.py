"""A multi-resolution grid by tiny-cuda-nn's rules: levels, sizes, and which of them hash.

Rules of ``encodings/grid.h`` and ``common_device.h`` (NVlabs/tiny-cuda-nn, commit 6ee3546). The
same frozen object goes to the graph builder, the functional model, the kernels, the timing model
and the RTL. No NumPy here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import cached_property

KINDS = ("hash", "dense", "tiled")
INTERPOLATIONS = ("linear", "smoothstep")
FEATURES = (1, 2, 4, 8)
PRIMES = (1, 2654435761, 805459861, 3674653429)
"""Of tiny-cuda-nn's CoherentPrime hash, one a dimension."""

ENTRY_MULTIPLE = 8
_DENSE_LIMITS = {1: 0xFFFFFFFF, 2: 0xFFFF, 3: 0x659, 4: 0xFF}
"""Largest resolution whose dense index fits 32 bits, by dimensions."""


def single(x: float) -> float:
    """Return ``x`` rounded to IEEE single precision, in which tiny-cuda-nn computes scales."""
    value: float = struct.unpack("f", struct.pack("f", x))[0]
    return value


@dataclass(frozen=True, slots=True)
class GridLevel:
    """One level: positions are ``scale * x + 0.5`` cells, ``resolution`` vertices an axis.

    ``entries`` are stored from entry ``offset`` of the table on. ``hashed``: the index is the
    hash of the vertex, else its dense index; both modulo ``entries``.
    """

    number: int
    scale: float
    resolution: int
    entries: int
    offset: int
    hashed: bool


@dataclass(frozen=True, kw_only=True)
class GridParams:
    """The choices of a grid encoding.

    ``dims`` 2 or 3; ``levels``; ``features`` an entry; at most ``2**log2_entries`` entries a
    level of a hash grid; ``base`` vertices an axis at level 0, times ``growth`` each level.
    """

    dims: int = 3
    levels: int = 16
    features: int = 2
    log2_entries: int = 19
    base: int = 16
    growth: float = 2.0
    kind: str = "hash"
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("dims", 2, 3), ("levels", 1, 32), ("log2_entries", 3, 28), ("base", 2, 4096),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be an integer, not {value!r}")
            if not low <= value <= high:
                raise ValueError(f"{name} must be {low} to {high}, not {value!r}")
        for name, allowed in (
            ("features", FEATURES), ("kind", KINDS), ("interpolation", INTERPOLATIONS),
        ):  # fmt: skip
            if getattr(self, name) not in allowed:
                words = ", ".join(map(str, allowed))
                raise ValueError(f"{name} must be one of {words}, not {getattr(self, name)!r}")
        if not 1.0 <= self.growth <= 8.0:
            raise ValueError(f"growth must be 1 to 8, not {self.growth!r}")
        if self.kind != "hash" and self.level(self.levels - 1).resolution > 1024:
            raise ValueError(
                f"growth must keep a {self.kind} grid's finest level at 1024 vertices an axis, "
                f"not {self.growth!r}"
            )

    def level(self, number: int) -> GridLevel:
        """Return level ``number`` without its offset."""
        exponent = single(number * single(math.log2(single(self.growth))))
        scale = single(single(2.0**exponent) * self.base - 1.0)
        resolution = math.ceil(scale) + 1
        vertices = resolution**self.dims
        entries = -(-vertices // ENTRY_MULTIPLE) * ENTRY_MULTIPLE
        stride = vertices if resolution <= _DENSE_LIMITS[self.dims] else 0xFFFFFFFF
        if self.kind == "hash":
            entries = min(entries, 1 << self.log2_entries)
        elif self.kind == "tiled":
            entries = min(entries, self.base**self.dims)
        hashed = self.kind == "hash" and entries < stride
        return GridLevel(number, scale, resolution, entries, 0, hashed)

    @cached_property
    def tables(self) -> tuple[GridLevel, ...]:
        """All levels, coarsest first, with the offsets of their entries."""
        found = []
        offset = 0
        for number in range(self.levels):
            level = self.level(number)
            found.append(
                GridLevel(
                    number, level.scale, level.resolution, level.entries, offset, level.hashed
                )
            )
            offset += level.entries
        return tuple(found)

    @property
    def entries(self) -> int:
        """Entries of all levels together."""
        return self.tables[-1].offset + self.tables[-1].entries

    @property
    def outputs(self) -> int:
        """Features that a position is encoded into, level by level."""
        return self.levels * self.features

    @property
    def corners(self) -> int:
        """Vertices of a cell."""
        return 1 << self.dims
