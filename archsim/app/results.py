"""The points of a finished run, read one by one: a report of any sweep fits in memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from archsim.errors import ConfigError

SHOWN = 10_000
"""Points in a report. A larger sweep shows its Pareto front and every n-th other point."""

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


def sampled(file: Path, keep: Collection[str]) -> tuple[list[dict[str, Any]], int]:
    """Return the points a report shows, and how many it leaves out.

    The points with a key in ``keep`` are always there.
    """
    total = sum(1 for _ in points(file))
    step = -(-total // SHOWN) if total else 1
    shown = [p for i, p in enumerate(points(file)) if i % step == 0 or p["key"] in keep]
    return shown, total - len(shown)


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
