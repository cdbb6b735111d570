"""Finished designs as columns: a hundred thousand of them take a few bytes a number."""

from __future__ import annotations

import base64
import json
import math
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archsim.config.constraint import Constraint, all_kept
from archsim.report.plain import plain

KEY_DIGITS = 12
"""Leading characters of a design's key that the page shows."""

_FLOAT32 = (1.2e-38, 3.4e38)
"""Magnitudes that a float32 holds with all of its digits."""


class Designs:
    """Designs in columns, with a number for every metric (NaN where a design has none).

    ``axes`` are the swept paths, ``broken`` the rows that break one of ``constraints``.
    """

    def __init__(self, axes: Sequence[str], constraints: Sequence[Constraint] = ()) -> None:
        self.keys: list[str] = []
        self.metrics: dict[str, array[float]] = {}
        self.broken = array("I")
        self._constraints = constraints
        self._axes = {path: _Axis() for path in axes}

    @classmethod
    def of(
        cls,
        points: Iterable[Mapping[str, Any]],
        axes: Sequence[str],
        constraints: Sequence[Constraint] = (),
    ) -> Designs:
        """Return the finished ones of ``points``."""
        found = cls(axes, constraints)
        for point in points:
            if point.get("status", "done") == "done":
                found.add(str(point["key"]), point["overrides"], point["metrics"])
        return found

    def __len__(self) -> int:
        return len(self.keys)

    def add(self, key: str, overrides: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
        """Append one design."""
        row = len(self.keys)
        if not all_kept(self._constraints, metrics):
            self.broken.append(row)
        for name in metrics.keys() - self.metrics.keys():
            self.metrics[name] = array("d", [math.nan]) * row
        for name, column in self.metrics.items():
            value = metrics.get(name)
            if isinstance(value, int | float) and math.isfinite(value):
                column.append(value)
            else:
                column.append(math.nan)
        for path, axis in self._axes.items():
            axis.add(overrides.get(path))
        self.keys.append(key)

    def in_key_order(self) -> Designs:
        """Return the same designs ordered by key, so that they do not depend on who came first."""
        order = sorted(range(len(self.keys)), key=self.keys.__getitem__)
        turned = Designs((), self._constraints)
        turned.keys = [self.keys[row] for row in order]
        turned.metrics = {name: _taken(column, order) for name, column in self.metrics.items()}
        place = array("I", order)
        for now, row in enumerate(order):
            place[row] = now
        turned.broken = array("I", sorted(place[row] for row in self.broken))
        turned._axes = {path: axis.taken(order) for path, axis in self._axes.items()}
        return turned

    def axis(self, path: str) -> dict[str, Any]:
        """Return an axis as the list of its distinct values and an index into it per design."""
        return {"name": path, **self._axes[path].plain()}

    def shown_keys(self) -> dict[str, Any]:
        """Return the beginnings of all keys in one text, each of the same width."""
        text = "".join(key[:KEY_DIGITS].ljust(KEY_DIGITS) for key in self.keys)
        return {"width": KEY_DIGITS, "text": text}


class _Axis:
    """The values of one axis: distinct ones once, in the order they came, and a row's index."""

    def __init__(self) -> None:
        # Equal numbers of different type (1, 1.0, true) stay apart, and most axes have few values.
        self.known: dict[tuple[type, Any], int] = {}
        self.values: list[Any] = []
        self.rows = array("I")

    def add(self, value: Any) -> None:
        known = (type(value), value) if not isinstance(value, list | dict) else (str, repr(value))
        row = self.known.setdefault(known, len(self.values))
        if row == len(self.values):
            self.values.append(value)
        self.rows.append(row)

    def taken(self, order: Sequence[int]) -> _Axis:
        turned = _Axis()
        turned.known, turned.values = self.known, self.values
        turned.rows = _taken(self.rows, order)
        return turned

    def plain(self) -> dict[str, Any]:
        raw = [plain(value, exact=True) for value in self.values]
        text = [json.dumps(value, sort_keys=True) for value in raw]
        numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in raw)
        order = sorted(range(len(raw)), key=lambda i: (raw[i] if numeric else 0, text[i]))
        place = [0] * len(raw)
        for now, i in enumerate(order):
            place[i] = now
        index = array("I", (place[i] for i in self.rows))
        return {"numeric": numeric, "values": [raw[i] for i in order], "index": packed(index)}


def packed(column: array[Any]) -> dict[str, str]:
    """Return numbers as base64 text of little-endian words, by the name of their type.

    Whole numbers are as narrow as the largest allows; others are ``f4`` unless one of them would
    lose digits beyond float32's own rounding.
    """
    if column.typecode == "I":
        largest = max(column, default=0)
        name, code = next(t for t in _WHOLE if largest < 1 << 8 * int(t[0][1]))
    else:
        sizes = [abs(v) for v in column if v and math.isfinite(v)]
        low, high = _FLOAT32
        narrow = not sizes or (min(sizes) >= low and max(sizes) <= high)
        name, code = ("f4", "f") if narrow else ("f8", "d")
    words = array(code, column)
    if sys.byteorder == "big":
        words.byteswap()
    return {name: base64.b64encode(words.tobytes()).decode("ascii")}


_WHOLE = (("u1", "B"), ("u2", "H"), ("u4", "I"))


def _taken(column: array[Any], order: Sequence[int]) -> array[Any]:
    return array(column.typecode, (column[row] for row in order))
