"""The terminal summary of a run: designs, where the time goes, what is only estimated."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archsim.config.constraint import all_kept
from archsim.metrics import TERMS
from archsim.metrics.labels import MEANING, basis
from archsim.report.data import Point, ReportData, best, finished, ranked, split_unit
from archsim.units import duration

TOP = 10
"""Designs shown beyond the Pareto front, and the most of the front itself is twice that."""

_FILL = dict(zip(TERMS, "░█▒▓▚·", strict=True))
_STYLE = dict(
    zip(TERMS, ("bright_black", "blue", "magenta", "green", "red", "yellow"), strict=True)
)


def render_run(
    data: ReportData, report: str | Path | None = None, width: int = 80
) -> RenderableType:
    """Return the summary of a run, ``width`` columns wide: works from 60 on, without colour."""
    points = list(data.points)
    done, top = finished(points), best(points, data.minimize, data.constraints)
    parts: list[RenderableType] = [render_points(data, points, width)]
    detail = data.details.get(str(top["key"])) if top else None
    if detail is not None:
        parts += [Text(), render_breakdown(detail, width)]
        if detail.get("estimated"):
            parts += [Text(), render_estimated(detail, width)]
        parts += [Text(f"note: {note}") for note in detail.get("notes", [])]
    elif data.unexplained:
        parts += [Text(), Text(data.unexplained)]
    if reasons := data.failed_by_reason():
        parts += [Text(), render_failures(reasons, len(done) + data.left_out)]
    if report is not None:
        parts += [Text(), Text(f"report: {report}", overflow="fold")]
    return Group(*parts)


def number(value: Any) -> str:
    """Return a number with four digits (spaces part thousands from 10,000 on), else text."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        if isinstance(value, int) or abs(value) >= 1e4:
            return f"{value:,.0f}".replace(",", " ")
        return f"{value:.4g}"
    return f"{value:.4g}".replace("e+", "e")


def render_points(data: ReportData, points: Sequence[Point], width: int = 80) -> RenderableType:
    """Return the table of designs, best first; ``*`` marks the Pareto-optimal ones."""
    rows = ranked(points, data.minimize, data.constraints)
    front = set(data.pareto)
    shown = rows[:TOP] if len(rows) > 2 * TOP else rows
    shown = shown + [p for p in rows[len(shown) :] if p["key"] in front][: 2 * TOP]
    names = short_paths(data.axes)
    table = Table(box=None, pad_edge=False, header_style="bold", width=None)
    marked = bool(front or data.constraints)
    if marked:
        table.add_column("", no_wrap=True)
    for axis in data.axes:
        table.add_column(Text(names[axis]), justify="right", overflow="fold")
    stated = {basis(metric) for metric in data.minimize} - {""}
    for metric in data.minimize:
        name, unit = split_unit(metric)
        lines = [name, unit, basis(metric)] if stated else [name, unit]
        table.add_column(Text("\n".join(lines).rstrip()), justify="right")
    for point in shown:
        cells = [Text(_mark(data, point, front))] if marked else []
        cells += [Text(number(point["overrides"].get(axis))) for axis in data.axes]
        cells += [Text(number(point["metrics"].get(m))) for m in data.minimize]
        table.add_row(*cells)
    total = len(rows) + data.left_out
    count = f"{total} design{'s' if total != 1 else ''}"
    head = f"{data.title}: {count}" + (f", {len(front)} Pareto-optimal (*)" if front else "")
    rest = total - len(shown)
    more = [Text(f"… {rest} more in the report and the results files")] if rest else []
    return Group(Text(head, style="bold"), table, *more, *_explained(data, rows, stated))


def _mark(data: ReportData, point: Point, front: Collection[str]) -> str:
    if point["key"] in front:
        return "*"
    return " " if all_kept(data.constraints, point["metrics"]) else "x"


def _explained(
    data: ReportData, rows: Sequence[Point], stated: Collection[str]
) -> list[RenderableType]:
    """Return lines on the constraints and on what the objectives' numbers rest on."""
    lines = [data.search] if data.search else []
    if data.constraints:
        broken = sum(not all_kept(data.constraints, p["metrics"]) for p in rows)
        limits = ", ".join(map(str, data.constraints))
        of = "designs shown in the report" if data.left_out else "designs"
        lines.append(f"constraints: {limits}; broken (x) by {broken} of {len(rows)} {of}")
        if rows and broken == len(rows):
            lines.append("no design keeps all constraints: the first ones miss them by least")
    lines += [MEANING[word] for word in MEANING if word in stated]
    return [Text(line) for line in lines]


def short_paths(paths: Iterable[str]) -> dict[str, str]:
    """Return each path's shortest ending that no other path shares."""
    paths = list(paths)
    chosen = {}
    for path in paths:
        steps = path.split(".")
        for count in range(1, len(steps) + 1):
            ending = ".".join(steps[-count:])
            if sum(other == ending or other.endswith("." + ending) for other in paths) == 1:
                break
        chosen[path] = ending
    return chosen


def render_breakdown(detail: Mapping[str, Any], width: int = 80, most: int = 8) -> RenderableType:
    """Return the best design's time by term, and its longest operators with the same bars."""
    operators = sorted(detail["operators"], key=lambda o: (-o["us"] * o["count"], o["name"]))
    total = sum(o["us"] * o["count"] for o in operators)
    sums = {t: sum(o["terms_us"][t] * o["count"] for o in operators) for t in TERMS}
    bar = max(10, min(48, width - 42))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(max_width=max(14, width - bar - 24), overflow="ellipsis", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(Text("all operators"), term_bar(sums, bar, total), Text(duration(total)), "")
    for op in operators[:most]:
        us = op["us"] * op["count"]
        terms = {t: v * op["count"] for t, v in op["terms_us"].items()}
        size = max(1, round(bar * us / total)) if total else 1
        name = f"{op['name']} ×{op['count']}" if op["count"] > 1 else op["name"]
        table.add_row(
            Text(name), term_bar(terms, size, us), Text(duration(us)), Text(_share(us, total))
        )
    legend = Text("  ".join(f"{_FILL[t]} {t} {_share(sums[t], total)}" for t in TERMS if sums[t]))
    latency = detail.get("metrics", {}).get("latency_us", total)
    if latency - total > 0.005 * latency:
        table.add_row(Text("between kernels"), "", Text(duration(latency - total)), "")
    left = len(operators) - most
    more = [Text(f"… {left} shorter operators")] if left > 0 else []
    return Group(Text("Best design: where the time goes", style="bold"), table, *more, legend)


def _share(part: float, total: float) -> str:
    return f"{100 * part / total:.0f}%" if total else "–"


def term_bar(terms: Mapping[str, float], width: int, total: float) -> Text:
    """Return a bar of ``width`` cells divided by ``terms``; a fill character tells them apart."""
    text, start, passed = Text(), 0, 0.0
    for term in TERMS:
        passed += terms.get(term, 0.0)
        end = min(width, round(width * passed / total)) if total else 0
        text.append(_FILL[term] * (end - start), style=_STYLE[term])
        start = max(start, end)
    return text


def render_estimated(detail: Mapping[str, Any], width: int = 80, most: int = 8) -> RenderableType:
    """Return the estimated constants that change the answer, and the range they leave it in."""
    rows = sorted(detail["estimated"].items(), key=lambda e: (-abs(e[1]), e[0]))
    operators = detail["operators"]
    low, high = (sum(o[k] * o["count"] for o in operators) for k in ("low_us", "high_us"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(max_width=width - 24, overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for path, change in rows[:most]:
        table.add_row(Text(path), Text(f"±{100 * abs(change):.2g} % latency"))
    more = [Text(f"… {len(rows) - most} smaller ones")] if len(rows) > most else []
    head = f"Estimated constants that matter: {duration(low)} to {duration(high)}"
    return Group(Text(head, style="bold"), table, *more)


def render_failures(reasons: Mapping[str, int], done: int, most: int = 5) -> RenderableType:
    """Return the reasons of failed points, the most frequent first."""
    order = sorted(reasons.items(), key=lambda r: (-r[1], r[0]))
    lines = [Text(f"{count} × {reason}", overflow="fold") for reason, count in order[:most]]
    failed = sum(reasons.values())
    head = f"{failed} of {failed + done} points failed"
    return Group(Text(head, style="bold"), *lines)
