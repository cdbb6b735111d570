"""The points of a sweep, computed from their index and never held all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from math import prod
from typing import Any, Final

MODES: Final = ("grid", "zip", "list")


class Absent(Enum):
    """Marks an axis that one point of a ``list`` space leaves as the run file has it."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


# made once: json.dumps makes an encoder for every text
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical(value: object) -> str:
    """Return the one JSON text of plain data (sorted keys, no spaces, no NaN)."""
    return _CANONICAL.encode(value)


class Space:
    """Override dictionaries by index: ``space[i]`` maps field paths to values.

    ``mode`` is ``grid`` (every combination; the last axis varies fastest), ``zip`` (the i-th
    value of every axis) or ``list`` (as zip, where ``ABSENT`` leaves a path out). Values given
    twice are dropped, so that no overrides occur twice. ``size`` is exact for any size;
    ``len()`` has Python's limit of 2**63 - 1.

    Raises ``ValueError`` for an unknown mode, an axis without values or with values that are
    not finite, or axes of different lengths in zip and list mode; ``TypeError`` for values that
    are not plain data.
    """

    __slots__ = ("columns", "mode", "paths", "size")

    def __init__(self, mode: str, axes: Mapping[str, Sequence[Any]]) -> None:
        if mode not in MODES:
            raise ValueError(f"sweep.mode must be one of {', '.join(MODES)}, not {mode!r}")
        texts = {path: _texts(path, values, mode) for path, values in axes.items()}
        self.mode = mode
        self.paths = tuple(axes)
        if mode == "grid":
            kept = [_first_of_each(texts[path]) for path in self.paths]
        else:
            _check_lengths(axes)
            rows = _first_of_each(list(zip(*texts.values(), strict=True)))
            kept = [rows] * len(self.paths)
        self.columns: tuple[tuple[Any, ...], ...] = tuple(
            tuple(axes[path][i] for i in keep) for path, keep in zip(self.paths, kept, strict=True)
        )
        if mode == "grid":
            self.size = prod(len(column) for column in self.columns)
        else:
            self.size = len(self.columns[0]) if self.columns else 1

    @classmethod
    def of_points(cls, points: Sequence[Mapping[str, Any]]) -> Space:
        """Return the ``list`` space of explicit override dictionaries."""
        if not points:
            raise ValueError("sweep must have at least one point, not []")
        paths = dict.fromkeys(path for point in points for path in point)
        return cls("list", {path: [p.get(path, ABSENT) for p in points] for path in paths})

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"index must be in [0, {self.size}), not {index}")
        if self.mode != "grid":
            row = zip(self.paths, (column[index] for column in self.columns), strict=True)
            return {path: value for path, value in row if value is not ABSENT}
        overrides = dict.fromkeys(self.paths)
        for path, column in zip(reversed(self.paths), reversed(self.columns), strict=True):
            index, digit = divmod(index, len(column))
            overrides[path] = column[digit]
        return overrides

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(self.size))


def _texts(path: str, values: Sequence[Any], mode: str) -> list[str]:
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise TypeError(f"sweep.{path} must be a list of values, not {values!r}")
    if not values:
        raise ValueError(f"sweep.{path} must have at least one value, not []")
    texts = []
    for value in values:
        if value is ABSENT and mode == "list":
            texts.append("")
            continue
        try:
            texts.append(canonical(value))
        except ValueError:
            raise ValueError(f"sweep.{path} must have finite values, not {value!r}") from None
        except TypeError:
            raise TypeError(f"sweep.{path} must have plain values, not {value!r}") from None
    return texts


def _first_of_each(texts: Sequence[object]) -> list[int]:
    """Return the index of the first occurrence of each distinct item, in order."""
    first: dict[object, int] = {}
    for index, text in enumerate(texts):
        first.setdefault(text, index)
    return list(first.values())


def _check_lengths(axes: Mapping[str, Sequence[Any]]) -> None:
    lengths = {path: len(values) for path, values in axes.items()}
    for path, length in lengths.items():
        expected = next(iter(lengths.values()))
        if length != expected:
            raise ValueError(
                f"sweep.{path} must have {expected} values, as {next(iter(lengths))} has, "
                f"not {length}"
            )
