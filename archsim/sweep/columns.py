"""The columns of the result tables: key, axes, status, metrics, reason."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from archsim.sweep.record import OK
from archsim.sweep.space import ABSENT, Space, canonical
from archsim.sweep.store import Row

Kind = Literal["bool", "int64", "float64", "string"]
INT64 = 1 << 63


class Table:
    """Names and kinds of the columns of a run over ``space`` whose points have ``metrics``.

    A metric that has the name of another column is called ``metric.<name>``.
    """

    def __init__(self, space: Space, metrics: list[str]) -> None:
        self.space = space
        self.metrics = metrics
        self.kinds: tuple[Kind, ...] = tuple(kind_of(column) for column in space.columns)
        taken = {"key", "status", "reason", *space.paths}
        shown = [f"metric.{name}" if name in taken else name for name in metrics]
        self.names = ["key", *space.paths, "status", *shown, "reason"]

    def texts(self, row: Row, metrics: dict[str, float]) -> list[object]:
        """Return the cells of one point as CSV shows them; empty where there is no value."""
        overrides = self.space[row.place]
        axes = [_text(overrides.get(path, ABSENT)) for path in self.space.paths]
        values = [metrics.get(name, "") for name in self.metrics]
        return [row.key, *axes, row.status, *values, row.reason if row.status != OK else ""]

    def axis_values(self, overrides: dict[str, Any]) -> list[object]:
        """Return the axis cells of one point with the types of ``kinds``; None where absent."""
        return [
            typed(overrides.get(path, ABSENT), kind)
            for path, kind in zip(self.space.paths, self.kinds, strict=True)
        ]


def kind_of(values: Iterable[Any]) -> Kind:
    """Return the narrowest kind of column that holds all ``values``."""
    present = [value for value in values if value is not ABSENT and value is not None]
    types = {type(value) for value in present}
    if types == {bool}:
        return "bool"
    if types == {int}:
        return "int64" if all(-INT64 <= value < INT64 for value in present) else "string"
    if types and types <= {int, float}:
        return "float64"
    return "string"


def typed(value: Any, kind: Kind) -> object:
    """Return ``value`` as a column of ``kind`` holds it."""
    if value is ABSENT or value is None:
        return None
    if kind == "float64":
        return float(value)
    return _text(value) if kind == "string" else value


def _text(value: Any) -> str:
    if value is ABSENT:
        return ""
    return value if isinstance(value, str) else canonical(value)
