"""The terminal summary of two runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archsim.report.comparison import Comparison
from archsim.report.data import label
from archsim.report.terminal import number
from archsim.units import duration

OPERATORS = 12
CHANGES = 20


def render_comparison(
    found: Comparison, page: Path | None = None, width: int = 80
) -> RenderableType:
    """Return the summary of ``found``, ``width`` columns wide."""
    parts: list[RenderableType] = [_runs(found), Text(), *_common(found)]
    if rows := found.operators:
        parts += [Text(), *_operators(found, rows, width)]
    parts += [Text(sentence) for sentence in found.unexplained]
    if found.changes:
        parts += [Text(), *_changes(found)]
    if page is not None:
        parts += [Text(), Text(f"page: {page}", overflow="fold")]
    return Group(*parts)


def _runs(found: Comparison) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for side in found.sides:
        table.add_column(Text(side.name), justify="right", overflow="fold")
    table.add_column("second / first", justify="right")
    for name in found.metrics:
        values = [side.best["metrics"].get(name) if side.best else None for side in found.sides]
        table.add_row(f"best design: {label(name)}", *map(number, values), _over(*values))
    table.add_row("designs", *(number(side.finished) for side in found.sides), "")
    if any(side.failed for side in found.sides):
        table.add_row("failed", *(number(side.failed) for side in found.sides), "")
    table.add_row("Pareto-optimal", *(number(len(side.front)) for side in found.sides), "")
    table.add_row("of the front of both", *map(str, found.joint), "")
    shares = [f"{100 * share:.1f} %" for share in found.hypervolume]
    table.add_row("share of its hypervolume", *shares, "")
    return table


def _common(found: Comparison) -> list[RenderableType]:
    points = found.ratios[0].points
    only = f"only in the first {found.only[0]}, only in the second {found.only[1]}"
    lines: list[RenderableType] = [Text(f"Designs in both: {points}; {only}", style="bold")]
    for ratio in found.ratios if points else ():
        if ratio.mean is None:
            lines.append(Text(f"{label(ratio.name)}: not positive everywhere, no ratio"))
            continue
        spread = f"from {number(ratio.least)} to {number(ratio.most)}"
        lines.append(
            Text(f"{label(ratio.name)}, second / first: mean {number(ratio.mean)}, {spread}")
        )
    return lines


def _operators(
    found: Comparison, rows: Sequence[tuple[str, float | None, float | None]], width: int
) -> list[RenderableType]:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(max_width=max(16, width - 40), overflow="ellipsis", no_wrap=True)
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    for name, first, second in rows[:OPERATORS]:
        times = ("–" if value is None else duration(value) for value in (first, second))
        table.add_row(Text(name), *times, _over(first, second))
    left = len(rows) - OPERATORS
    more = [Text(f"… {left} shorter operators")] if left > 0 else []
    title = "Best designs: operators, time in the first, in the second, second / first"
    return [Text(title, style="bold"), table, *more]


def _changes(found: Comparison) -> list[RenderableType]:
    lines: list[RenderableType] = [Text("What differs in the base configuration", style="bold")]
    for path, first, second in found.changes[:CHANGES]:
        lines.append(Text(f"{path}: {_shown(first)} → {_shown(second)}"))
    left = len(found.changes) - CHANGES
    return [*lines, *([Text(f"… {left} more with --json or --output")] if left > 0 else [])]


def _shown(value: Any) -> str:
    return "nothing" if value is None else number(value)


def _over(first: float | None, second: float | None) -> str:
    return number(second / first) if first and second is not None else "–"
