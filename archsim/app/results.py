"""The points of a finished run, read one by one: a report of any sweep fits in memory."""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.constraint import Constraint
from archsim.errors import ConfigError
from archsim.report.data import rank
from archsim.report.designs import Designs

ON_PAGE = 100_000
"""Finished designs on a report's page. Of a larger sweep it has the Pareto front, the best points
and every n-th other one."""
SHOWN = 2_500
"""Finished points that the terminal's summary looks at, chosen alike."""
BEST = 20
LISTED = 200
"""Failed points that a report lists one by one."""
REASONS = 1_000
"""Reasons that are counted one by one, the others together."""
OTHER_REASONS = "other reasons"

_KEYS = {"key", "status", "reason", "metrics", "overrides"}


def points(file: Path) -> Iterator[dict[str, Any]]:
    """Yield the points of ``results.json`` in its order; a run writes one a line."""
    with file.open(encoding="utf-8") as lines:
        if not next(lines, "").rstrip().endswith('"points":['):
            raise _damaged(file)
        for line in lines:
            text = line.strip().removesuffix(",")
            if text == "]}":
                return
            yield _point(file, text)
    raise _damaged(file)


@dataclass(frozen=True)
class Sample:
    """What a report shows of a run: some ``points`` as they are stored, and ``designs``, the
    finished ones and many more, as columns.

    ``left_out`` counts the finished points that are not among ``points``; ``reasons`` counts all
    failed points by reason.
    """

    points: list[dict[str, Any]]
    designs: Designs
    left_out: int
    reasons: dict[str, int]


def sampled(
    file: Path,
    front: Collection[str],
    minimize: Sequence[str],
    constraints: Sequence[Constraint] = (),
    axes: Sequence[str] = (),
) -> Sample:
    """Return the points a report shows; the best ones and those of ``front`` are among them."""
    finished, reasons, keep = _looked_over(file, minimize, constraints)
    keep.update(front)
    step, fine = (max(-(-finished // most), 1) for most in (SHOWN, ON_PAGE))
    step = -(-step // fine) * fine
    designs = Designs(axes, constraints)
    shown: list[dict[str, Any]] = []
    done = failed = kept = 0
    for point in points(file):
        if point["status"] != "ok":
            failed += 1
            if failed <= LISTED:
                shown.append(_lean(point))
            continue
        if done % fine == 0 or point["key"] in keep:
            designs.add(point["key"], point["overrides"], point["metrics"])
        if done % step == 0 or point["key"] in keep:
            kept += 1
            shown.append(_lean(point))
        done += 1
    return Sample(shown, designs, done - kept, reasons)


def _looked_over(
    file: Path, minimize: Sequence[str], constraints: Sequence[Constraint]
) -> tuple[int, dict[str, int], set[str]]:
    """Return how many points finished, the reasons of the others, and the keys of the best."""
    reasons: dict[str, int] = {}
    finished = 0

    def ranks() -> Iterator[tuple[float, tuple[float, ...], str]]:
        nonlocal finished
        for point in points(file):
            if point["status"] == "ok":
                finished += 1
                yield rank(point, minimize, constraints)
                continue
            reason = str(point["reason"])
            if reason not in reasons and len(reasons) >= REASONS:
                reason = OTHER_REASONS
            reasons[reason] = reasons.get(reason, 0) + 1

    best = {key for *_, key in heapq.nsmallest(BEST, ranks())}
    return finished, reasons, best


def _lean(point: dict[str, Any]) -> dict[str, Any]:
    """The point with names that all points share, which take more memory than its numbers."""
    shared = {
        part: {sys.intern(name): value for name, value in point[part].items()}
        for part in ("overrides", "metrics")
    }
    return {**{sys.intern(name): value for name, value in point.items()}, **shared}


def _point(file: Path, text: str) -> dict[str, Any]:
    try:
        point = json.loads(text)
    except ValueError:
        raise _damaged(file) from None
    if not isinstance(point, dict) or not set(point) >= _KEYS:
        raise _damaged(file)
    return point


def _damaged(file: Path) -> ConfigError:
    return ConfigError(f"{file} must list points as a run writes them; run it again")
