"""Two finished runs side by side: fronts, designs that both evaluated, operators, configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archsim.report.data import Point, label
from archsim.report.html import write_page
from archsim.report.payload import dumps
from archsim.report.plain import plain

SCRIPTS = ("core.js", "compare.js")


@dataclass(frozen=True)
class Side:
    """One run: its ``name``, points that finished and failed, its front and its best design.

    ``best`` is the finished point with the least first objective that keeps the run's
    constraints, None where there is none; ``operators`` are those of the best design, and
    ``unexplained`` says why they are not there, where nothing knows them.
    """

    name: str
    finished: int
    failed: int
    front: Sequence[Point]
    best: Point | None
    operators: Sequence[Mapping[str, Any]] = ()
    unexplained: str = ""


@dataclass(frozen=True)
class Ratio:
    """Metric ``name`` of second over first run in ``points`` designs that both evaluated.

    ``mean`` is the geometric mean; all three are None where a value is not positive.
    """

    name: str
    points: int
    mean: float | None
    least: float | None
    most: float | None


@dataclass(frozen=True)
class Comparison:
    """What ``archsim compare`` shows of two runs.

    ``metrics`` are the objectives that both runs know. ``pairs`` holds, per metric, (first,
    second) of up to a few thousand designs evaluated in both; ``only`` counts the designs of one
    run alone. ``joint`` counts the designs that each run has on the front of both together, and
    ``hypervolume`` is each front's share of that front's hypervolume. ``changes`` lists
    (path, first, second) of the resolved configurations.
    """

    sides: tuple[Side, Side]
    metrics: Sequence[str]
    ratios: Sequence[Ratio]
    only: tuple[int, int]
    joint: tuple[int, int]
    hypervolume: tuple[float, float]
    changes: Sequence[tuple[str, Any, Any]]
    pairs: Mapping[str, Sequence[tuple[float, float]]] = field(default_factory=dict)

    @property
    def operators(self) -> list[tuple[str, float | None, float | None]]:
        """(name, µs in the first, µs in the second) of the best designs, longest first.

        Times are those of all occurrences; None where a run has no operator of that name.
        """
        first, second = (
            {str(op["name"]): op["us"] * op["count"] for op in side.operators}
            for side in self.sides
        )
        names = dict.fromkeys((*first, *second))
        rows = [(name, first.get(name), second.get(name)) for name in names]
        return sorted(rows, key=lambda row: (-max(row[1] or 0, row[2] or 0), row[0]))

    @property
    def unexplained(self) -> list[str]:
        """Why the operators of a run are not shown, a sentence for each such run."""
        return [f"{side.name}: {side.unexplained}" for side in self.sides if side.unexplained]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "sides": [
                {
                    "name": side.name,
                    "finished": side.finished,
                    "failed": side.failed,
                    "front": [_point(point) for point in side.front],
                    "best": _point(side.best) if side.best else None,
                }
                for side in self.sides
            ],
            "metrics": list(self.metrics),
            "ratios": [
                {
                    "metric": r.name, "points": r.points,
                    "geometric_mean": r.mean, "least": r.least, "most": r.most,
                }
                for r in self.ratios
            ],
            "only": list(self.only),
            "joint_front": list(self.joint),
            "hypervolume": list(self.hypervolume),
            "operators": [
                {"name": name, "first_us": first, "second_us": second}
                for name, first, second in self.operators
            ],
            "unexplained": self.unexplained,
            "changes": [
                {"path": path, "first": first, "second": second}
                for path, first, second in self.changes
            ],
        }  # fmt: skip


def ratio(name: str, pairs: Sequence[tuple[float, float]]) -> Ratio:
    """Return the ratio second over first of ``pairs``."""
    if not pairs or min(map(min, pairs)) <= 0:
        return Ratio(name, len(pairs), None, None, None)
    found = [second / first for first, second in pairs]
    mean = math.exp(math.fsum(map(math.log, found)) / len(found))
    return Ratio(name, len(found), mean, min(found), max(found))


def write_comparison(path: Path, comparison: Comparison) -> Path:
    """Write the comparison as one self-contained HTML page and return its path."""
    names = " and ".join(side.name for side in comparison.sides)
    data = plain(comparison.to_dict())
    data["labels"] = {name: label(name) for name in comparison.metrics}
    data["pairs"] = {name: plain(list(map(list, p))) for name, p in comparison.pairs.items()}
    return write_page(path, "compare.html", SCRIPTS, names, dumps(data))


def _point(point: Point) -> dict[str, Any]:
    return {name: point[name] for name in ("key", "overrides", "metrics")}
