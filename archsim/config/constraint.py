"""Limits that a design must keep: ``constraints: {dsp: {max: 2520}, fmax_mhz: {min: 200}}``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archsim.config.yaml_strict import Document, Path, show

_ENDS = ("min", "max")


@dataclass(frozen=True)
class Constraint:
    """``metric`` must lie between ``minimum`` and ``maximum``, both allowed; None is no limit."""

    metric: str
    minimum: float | None = None
    maximum: float | None = None

    def kept(self, metrics: Mapping[str, float]) -> bool:
        """Return whether a point with ``metrics`` keeps the limit; without the metric it breaks it.

        A value above or below by rounding (one part in 10^12) keeps it.
        """
        return self.excess(metrics) <= 1e-12

    def excess(self, metrics: Mapping[str, float]) -> float:
        """Return by how much of the limit the point breaks it (0 where it keeps it)."""
        value = metrics.get(self.metric)
        if value is None:
            return math.inf
        over = 0.0 if self.maximum is None else (value - self.maximum) / _scale(self.maximum)
        under = 0.0 if self.minimum is None else (self.minimum - value) / _scale(self.minimum)
        return max(0.0, over, under)

    def __str__(self) -> str:
        low, high = (f"{end:.12g}" for end in (self.minimum or 0.0, self.maximum or 0.0))
        if self.maximum is None:
            return f"{self.metric} >= {low}"
        bounded = f"{self.metric} <= {high}"
        return bounded if self.minimum is None else f"{low} <= {bounded}"

    def to_dict(self) -> dict[str, float]:
        """Return the limits as a run file writes them."""
        ends = zip(_ENDS, (self.minimum, self.maximum), strict=True)
        return {end: value for end, value in ends if value is not None}


def _scale(limit: float) -> float:
    return abs(limit) or 1.0


def all_kept(constraints: Sequence[Constraint], metrics: Mapping[str, float]) -> bool:
    """Return whether a point with ``metrics`` keeps every constraint."""
    return all(constraint.kept(metrics) for constraint in constraints)


def from_plain(data: Mapping[str, Mapping[str, float]]) -> tuple[Constraint, ...]:
    """Return the constraints that ``to_dict`` wrote, by metric."""
    return tuple(Constraint(name, ends.get("min"), ends.get("max")) for name, ends in data.items())


def parse_constraints(document: Document) -> tuple[Constraint, ...]:
    """Return the constraints of the run file ``document``; names are checked elsewhere."""
    at: Path = ("constraints",)
    data = document.data.get("constraints")
    if data is None:
        return ()
    if not isinstance(data, dict) or not data:
        rule = "a mapping of metrics to {min, max}"
        raise document.error(at, f"constraints must be {rule}, not {show(data)}")
    return tuple(_parse(document, (*at, name), name, ends) for name, ends in data.items())


def _parse(document: Document, at: Path, name: str, ends: Any) -> Constraint:
    path = f"constraints.{name}"
    if not isinstance(ends, dict) or not ends:
        raise document.error(
            at, f"{path} must be a mapping with min, max or both, not {show(ends)}"
        )
    for key, value in ends.items():
        if key not in _ENDS:
            sentence = f"{path} must have no key but min and max, not {show(key)}"
            raise document.error((*at, key), sentence, key=True)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise document.error((*at, key), f"{path}.{key} must be a number, not {show(value)}")
    low, high = (None if ends.get(end) is None else float(ends[end]) for end in _ENDS)
    if low is not None and high is not None and low > high:
        raise document.error(
            (*at, "min"), f"{path}.min must be at most max ({high:g}), not {low:g}"
        )
    return Constraint(name, low, high)
