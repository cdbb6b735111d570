"""The base of all operator descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import ClassVar

from archsim.formats import dtype as dtype_of


def elements(shape: tuple[int, ...]) -> int:
    """Return the number of elements of ``shape`` (1 for a scalar)."""
    return prod(shape)


def size_bytes(dtype: str, elements: int) -> int:
    """Return the bytes of ``elements`` packed elements of data type ``dtype``."""
    return dtype_of(dtype).bytes(elements)


MAX_DIMENSION = 1 << 48

_FIELDS: dict[type[OpSpec], tuple[tuple[str, str], ...]] = {}


def _fields_of(kind: type[OpSpec]) -> tuple[tuple[str, str], ...]:
    """Name and annotated type of each field."""
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple((f.name, str(f.type)) for f in fields(kind))
    return _FIELDS[kind]


@dataclass(frozen=True, kw_only=True)
class OpSpec:
    """Base of all operators. Dimensions are positive integers; dtypes are names of formats.

    ``TypeError`` and ``ValueError`` name the field that breaks its rule.
    """

    kind: ClassVar[str] = "op"
    _may_be_zero: ClassVar[frozenset[str]] = frozenset()
    _options: ClassVar[Mapping[str, tuple[str | None, ...]]] = {}

    def __post_init__(self) -> None:
        for name, kind in _fields_of(type(self)):
            value = getattr(self, name)
            if value is None and kind.endswith("| None"):
                continue
            if kind.startswith("int"):
                self._check_integer(name, value)
            elif kind == "bool":
                if type(value) is not bool:
                    raise TypeError(f"{self.kind}.{name} must be true or false, not {value!r}")
            elif type(value) is not str:
                raise TypeError(f"{self.kind}.{name} must be text, not {value!r}")
            elif name.endswith("dtype"):
                dtype_of(value)
            elif name in self._options and value not in self._options[name]:
                known = ", ".join(o for o in self._options[name] if o)
                raise ValueError(f"{self.kind}.{name} must be one of {known}, not {value!r}")

    def _check_integer(self, name: str, value: object) -> None:
        if type(value) is not int:
            raise TypeError(f"{self.kind}.{name} must be an integer, not {value!r}")
        least = 0 if name in self._may_be_zero else 1
        if value < least:
            raise ValueError(f"{self.kind}.{name} must be at least {least}, not {value!r}")
        if value > MAX_DIMENSION:
            raise ValueError(f"{self.kind}.{name} must be at most {MAX_DIMENSION}, not {value!r}")

    def __str__(self) -> str:
        """The kind and every field that is not left at its default, for people."""
        return self._text

    @cached_property
    def _text(self) -> str:
        chosen = (
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if f.name == "dtype" or getattr(self, f.name) != f.default
        )
        return " ".join((self.kind, *chosen))

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
