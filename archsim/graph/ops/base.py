"""The base of all operator descriptions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import prod
from typing import ClassVar

from archsim.formats import dtype as dtype_of


def elements(shape: tuple[int, ...]) -> int:
    """Return the number of elements of ``shape`` (1 for a scalar)."""
    return prod(shape)


def size_bytes(dtype: str, elements: int) -> int:
    """Return the bytes of ``elements`` packed elements of data type ``dtype``."""
    return dtype_of(dtype).bytes(elements)


_Names = tuple[str, ...]
_FIELDS: dict[type[OpSpec], tuple[_Names, _Names, _Names]] = {}


def _fields_of(kind: type[OpSpec]) -> tuple[_Names, _Names, _Names]:
    """Names of the dtype fields, of the integer fields, and of the optional integer fields."""
    if kind not in _FIELDS:
        types = {f.name: str(f.type) for f in fields(kind)}
        _FIELDS[kind] = (
            tuple(n for n in types if n.endswith("dtype")),
            tuple(n for n, t in types.items() if t in ("int", "int | None")),
            tuple(n for n, t in types.items() if t == "int | None"),
        )
    return _FIELDS[kind]


@dataclass(frozen=True, kw_only=True)
class OpSpec:
    """Base of all operators. Dimensions are positive integers; dtypes are names of formats."""

    kind: ClassVar[str] = "op"
    _may_be_zero: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        dtypes, integers, optional = _fields_of(type(self))
        for name in dtypes:
            if (value := getattr(self, name)) is not None:
                dtype_of(value)
        for name in integers:
            value = getattr(self, name)
            if value is None and name in optional:
                continue
            if type(value) is not int:
                raise TypeError(f"{self.kind}.{name} must be an integer, not {value!r}")
            least = 0 if name in self._may_be_zero else 1
            if value < least:
                raise ValueError(f"{self.kind}.{name} must be at least {least}, not {value!r}")

    @property
    def key(self) -> tuple[object, ...]:
        """The identity: kind and every field in order."""
        return (self.kind, *(getattr(self, f.name) for f in fields(self)))

    @property
    def macs(self) -> int:
        """Multiply-accumulates (0 where the operator has none)."""
        return 0

    @property
    def flops(self) -> int:
        """Arithmetic operations; a multiply-add counts two."""
        return 2 * self.macs

    @property
    def bytes_read(self) -> int:
        """Compulsory bytes read."""
        raise NotImplementedError

    @property
    def bytes_written(self) -> int:
        """Compulsory bytes written."""
        raise NotImplementedError

    @property
    def bytes(self) -> int:
        """Compulsory bytes read and written."""
        return self.bytes_read + self.bytes_written

    @property
    def parameters(self) -> int:
        """Trained parameters the operator holds (weights and biases)."""
        return 0
