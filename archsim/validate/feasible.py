"""How far a calibrated constant could move while the rows that it was chosen on still hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archsim.errors import ArchsimError
from archsim.validate.published import EvaluateRun, RowResult, value_of
from archsim.validate.published_file import How, RowSpec, Run

Value = Callable[[Run, str], float | None]
"""The value of a constant (path in the device) for a run's device; None where there is none."""

_REACH = 4.0
"""Values tried: from the constant divided by this to the constant times this."""
_WHOLE = 4096
"""A whole number up to this moves in whole steps."""
_STEPS = 8
"""Halvings of the way to an edge."""


@dataclass(frozen=True, slots=True)
class Feasible:
    """A calibrated constant, alone moved: rows ``on`` hold from ``low`` to ``high``.

    Values up to four times the constant, and down to a quarter of it, are tried.

    Both edges were tried.
    """

    constant: str
    value: float
    low: float
    high: float
    on: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "constant": self.constant, "value": self.value, "low": self.low, "high": self.high,
            "on": list(self.on),
        }  # fmt: skip


def feasible_ranges(
    rows: Sequence[RowResult], evaluate_run: EvaluateRun, value: Value
) -> tuple[Feasible, ...]:
    """Return the range of each constant that ``rows`` name, where its rows hold now.

    The range is the unbroken one around the present value.
    """
    found = []
    for constant in dict.fromkeys(name for row in rows for name in _names(row.spec)):
        on = [row.spec for row in rows if constant in _names(row.spec)]
        if not all(row.within for row in rows if row.spec in on):
            continue
        if not all(isinstance(run, Mapping) for spec in on for run in spec.how.runs):
            continue
        now = value(on[0].how.run, constant)
        if now is None:
            continue
        whole = float(now).is_integer() and now <= _WHOLE

        def holds(
            tried: float, on: list[RowSpec] = on, constant: str = constant, now: float = now
        ) -> bool:
            given = int(tried) if isinstance(now, int) else tried
            return all(_holds(spec, constant, given, evaluate_run) for spec in on)

        low, high = (_edge(now, whole, holds, reach) for reach in (1 / _REACH, _REACH))
        found.append(Feasible(constant, now, low, high, tuple(spec.id for spec in on)))
    return tuple(found)


def _names(spec: RowSpec) -> tuple[str, ...]:
    return tuple(name.strip() for name in (spec.calibrated or "").split(",") if name.strip())


def _holds(spec: RowSpec, constant: str, tried: float, evaluate_run: EvaluateRun) -> bool:
    """Whether the row holds with the constant at ``tried``."""
    runs = tuple(_with(run, constant, tried) for run in spec.how.runs)
    how = How(runs, spec.how.field, spec.how.scale, spec.how.per, spec.how.reduce)
    try:
        return RowResult(spec, value_of(how, evaluate_run)).within
    except (ArchsimError, ValueError):
        return False


def _with(run: Run, constant: str, tried: float) -> Run:
    if not isinstance(run, Mapping):
        return run
    return {**run, "sweep": {**run.get("sweep", {}), f"device.{constant}": [tried]}}


def _edge(now: float, whole: bool, holds: Callable[[float], bool], reach: float) -> float:
    """The farthest value towards ``now * reach`` found to hold, by halving."""
    inside, outside = now, max(1.0, round(now * reach)) if whole else now * reach
    if holds(outside):
        return outside
    for _ in range(_STEPS):
        middle = (inside * outside) ** 0.5
        if whole:
            middle = round(middle)
        if middle in (inside, outside):
            break
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside
