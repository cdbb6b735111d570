"""Validation results for the terminal: measured kernels, models, sustained runs, paper figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archsim.metrics import TERMS
from archsim.report.terminal import number, term_bar
from archsim.units import duration
from archsim.validate.feasible import Feasible
from archsim.validate.goals import Row, by_class
from archsim.validate.kernel_choice import ChoiceSummary
from archsim.validate.measured import CaseResult, Failure, Summary, Validation
from archsim.validate.models import ModelResult, ModelValidation
from archsim.validate.published import PublishedValidation
from archsim.validate.stats import Stats
from archsim.validate.sustained import QUANTITIES, SustainedValidation


def percent(value: float | None) -> str:
    """Return an error in per cent with three digits, a dash for none."""
    return "–" if value is None else f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(columns):
        left = i == 0 or name.startswith("<")
        table.add_column(
            Text(name.lstrip("<")), justify="left" if left else "right", overflow="fold"
        )
    return table


def _title(text: str) -> Text:
    return Text(text, style="bold", overflow="fold")


def _r(stats: Stats) -> str:
    return "–" if stats.correlation is None else f"{stats.correlation:.4f}"


def render_validation(validation: Validation) -> RenderableType:
    """Return the errors of the check half, the fit half and all cases, and the worst cases.

    The classes that have a goal stand below the first of them.

    ``<`` marks a class in which the roofline baseline does better, ``!`` a goal that is missed.
    """
    parts: list[RenderableType] = [
        _title(
            f"{validation.source}: {len(validation.cases)} kernels, {validation.caches} caches, "
            "errors in per cent"
        )
    ]
    sides = (
        ("check half: judges, never fitted on", True),
        ("fit half", False),
        ("all cases", None),
    )
    judged: bool | None = True if validation.half(True) else None
    for name, side in sides:
        if validation.half(side):
            rows = [*validation.by_op(side).items(), ("overall", validation.overall(side))]
            rows += [*validation.extremes(side).items()]
            parts += [Text(), _title(name), _summaries(rows)]
            if side is judged:
                parts += [Text(), _goals(by_class(validation, side))]
        if choices := validation.choices(side):
            parts += [Text(), _title(f"{name}: recorded kernels given"), _choices(choices)]
    if validation.cases:
        parts += [Text(), _worst(validation.worst())]
    return Group(*parts, *_skipped(validation.left_out), *_failures(validation.failed))


def _goals(rows: Sequence[tuple[Row, Summary]]) -> RenderableType:
    """Return the classes that have a goal beside it, in per cent."""
    table = _table("class", "n", "goal", "MAPE", "median")
    for row, summary in rows:
        if row.goal is not None:
            ours = summary.ours
            met = ours.mape is not None and ours.mape <= row.goal
            cells = (percent(row.goal), percent(ours.mape) + ("  " if met else " !"))
            table.add_row(Text(row.name), str(ours.n), *cells, percent(ours.median))
    return table


def _choices(choices: Mapping[str, ChoiceSummary]) -> RenderableType:
    """Both errors on the same cases, the hits of the tile and the regret."""
    table = _table(
        "class", "n", "recorded", "own choice", "ranked", "top-1 %", "top-3 %", "regret µs"
    )
    for op, row in choices.items():
        table.add_row(
            Text(op, style="bold" if op == "overall" else ""),
            str(row.given.n),
            percent(row.given.mape),
            percent(row.own.mape),
            str(row.ranked),
            percent(row.top1),
            percent(row.top3),
            "–" if row.regret_us is None else f"{row.regret_us:.2f}",
        )
    return table


def _skipped(cases: Sequence[Failure]) -> list[RenderableType]:
    """Cases that do not stand for their class, counted by class and reason."""
    if not cases:
        return []
    counts = Counter((f.op, f.reason) for f in cases)
    lines = [Text(f"{n} x {op}: {why}", overflow="fold") for (op, why), n in counts.items()]
    return [Text(), _title(f"{len(cases)} cases left out of the statistics"), *lines]


def _summaries(rows: Sequence[tuple[str, Summary]]) -> RenderableType:
    table = _table("class", "n", "MAPE", "median", "max", "r(log)", ">2x", "repeat", "roofline")
    for op, row in rows:
        ours = row.ours
        behind = ours.mape is not None and row.baseline.mape is not None
        mark = " <" if behind and (ours.mape or 0.0) > (row.baseline.mape or 0.0) else "  "
        table.add_row(
            Text(op, style="bold" if op == "overall" else ""),
            str(ours.n),
            percent(ours.mape),
            percent(ours.median),
            percent(ours.max),
            _r(ours),
            str(row.far),
            percent(row.repeat),
            percent(row.baseline.mape) + mark,
        )
    return table


def _worst(cases: Sequence[CaseResult]) -> RenderableType:
    parts: list[RenderableType] = [_title(f"the {len(cases)} worst cases")]
    for case in cases:
        fields = " ".join(_described(case.shape))
        ratio = case.predicted.us / case.measured_us
        parts.append(
            Text(
                f"{case.op} {fields} [{'check' if case.check else 'fit'}]: measured "
                f"{duration(case.measured_us)}, predicted {duration(case.predicted.us)}, "
                f"x{ratio:.2f}",
                overflow="fold",
            )
        )
        parts.append(_breakdown(case))
    return Group(*parts)


def _described(shape: Mapping[str, Any]) -> list[str]:
    """Return what a shape says beside its operator."""
    return [f"{k}={v}" if not isinstance(v, str) else v for k, v in shape.items() if k != "op"]


def _breakdown(case: CaseResult) -> RenderableType:
    ours = dict(zip(TERMS, case.predicted.terms_us, strict=True))
    terms = ", ".join(f"{t} {duration(us)}" for t, us in ours.items() if us > 0)
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("ours", Text(terms))
    if total := sum(ours.values()):
        table.add_row("", term_bar(ours, 40, total))
    for count, name, us in _grouped((k.name, k.us) for k in case.predicted.kernels):
        table.add_row("  kernel", Text(f"{duration(us)}  {count}{name}"))
    recorded = ((k["name"], k["us"]) for k in case.measured_kernels)
    for count, name, us in _grouped((name, us or 0.0) for name, us in recorded):
        table.add_row("measured", Text(f"{duration(us)}  {count}{name[:60]}" if us else name[:60]))
    return table


def _grouped(kernels: Iterable[tuple[str, float]]) -> list[tuple[str, str, float]]:
    """Return kernels of one name as one row: ``"3 x "``, the name, the summed time."""
    times: dict[str, list[float]] = {}
    for name, us in kernels:
        times.setdefault(name, []).append(us)
    return [(f"{len(u)} x " if len(u) > 1 else "", name, sum(u)) for name, u in times.items()]


def _failures(failed: Sequence[Failure]) -> list[RenderableType]:
    if not failed:
        return []
    lines = [Text(f"case {f.index} ({f.op}): {f.reason}", overflow="fold") for f in failed]
    return [Text(), _title(f"{len(failed)} cases could not be priced"), *lines]


def render_models(validation: ModelValidation, kernels: int = 5) -> RenderableType:
    """Return both times of every model, and the heaviest kernels of both sides."""
    table = _table("model", "measured", "ours", "err %", "graph", "ours", "err %")
    for c in validation.cases:
        table.add_row(
            Text(f"{c.model} b{c.batch} {c.dtype}"),
            duration(c.measured_us),
            duration(c.predicted_us),
            f"{100 * (c.predicted_us / c.measured_us - 1):+.1f}",
            duration(c.measured_graph_us),
            duration(c.predicted_graph_us),
            f"{100 * (c.predicted_graph_us / c.measured_graph_us - 1):+.1f}",
        )
    parts: list[RenderableType] = [
        _title(f"{validation.source}: {len(validation.cases)} models"),
        table,
        _line("summed kernel time", validation.kernel_sum),
        _line("CUDA-graph time", validation.graph),
        *_families(validation.families),
    ]
    for c in validation.cases:
        launches = f"{c.launches} kernels, measured {number(c.measured_launches)}"
        parts += [Text(), _title(f"{c.model} batch {c.batch}: {launches}")]
        if c.complete:
            parts.append(_counts(c))
        both = _table("", "launches", "time", "<heaviest kernels")
        for side, rows in (("ours", c.kernels), ("measured", c.measured_kernels)):
            for name, count, us in rows[:kernels]:
                both.add_row(side, str(count), duration(us), Text(name[:70]))
        parts.append(both)
    return Group(*parts, *_failures(validation.failed))


def _counts(case: ModelResult) -> Text:
    """Families of which we launch another number of kernels than were recorded."""
    off = [f"{name} {n} for {m}" for name, (n, _, m, _) in case.families.items() if n != m]
    return Text("launches differ: " + (", ".join(off) or "none"), overflow="fold")


def _families(families: Mapping[str, tuple[int, float, int, float]]) -> list[RenderableType]:
    """Return the table of launches and time by kernel family, nothing where none was recorded."""
    if not families:
        return []
    table = _table("family", "launches", "measured", "time", "measured")
    for name, (count, us, recorded, measured) in families.items():
        table.add_row(name, str(count), str(recorded), duration(us), duration(measured))
    return [Text(), _title("kernels of all models by family, ours and recorded"), table]


def _line(name: str, stats: Stats) -> Text:
    return Text(
        f"{name}: MAPE {percent(stats.mape)} %, median {percent(stats.median)} %, "
        f"max {percent(stats.max)} %, r(log) {_r(stats)}"
    )


def render_sustained(validation: SustainedValidation) -> RenderableType:
    """Return the errors of time, energy and clock, and every case."""
    summary = _table("quantity", "n", "MAPE", "median", "max", "r(log)")
    for quantity in QUANTITIES:
        s = validation.stats(quantity)
        summary.add_row(
            quantity, str(s.n), percent(s.mape), percent(s.median), percent(s.max), _r(s)
        )
    table = _table("case", "µs", "ours", "mJ", "ours", "MHz", "ours")
    for c in validation.cases:
        cells: list[str] = []
        for measured, predicted, scale in zip(
            c.measured, c.predicted, (1.0, 1e3, 1.0), strict=True
        ):
            cells += [number(float(f"{x * scale:.4g}")) for x in (measured, predicted)]
        name = " ".join([c.op, *_described(c.shape)])
        table.add_row(Text(name, overflow="fold"), *cells)
    head = _title(f"{validation.source}: {len(validation.cases)} sustained kernels")
    return Group(head, summary, Text(), table, *_failures(validation.failed))


def render_published(
    validation: PublishedValidation, ranges: Sequence[Feasible] = ()
) -> RenderableType:
    """Return paper, ours, ratio and tag of every row; ``MISS`` where a counted one is off.

    ``ranges``: the constants that rows were calibrated with, and how far they could move.
    """
    table = _table("id", "paper", "ours", "<unit", "ratio", "±%", "<tag", "<verdict")
    for row in validation.rows:
        table.add_row(
            Text(row.spec.id),
            number(row.spec.value),
            number(_shown(row.ours)),
            Text(row.spec.unit),
            "–" if row.ratio is None else f"{row.ratio:.3f}",
            f"{100 * row.spec.tolerance:.0f}",
            row.spec.tag,
            row.verdict,
        )
    reasons: dict[str, list[str]] = {}
    for row in validation.rows:
        if row.error is not None:
            reasons.setdefault(row.error, []).append(row.spec.id)
    lines = [
        Text(f"{', '.join(ids)}: {reason}", overflow="fold") for reason, ids in reasons.items()
    ]
    counted = sum(r.spec.counted for r in validation.rows)
    foot = f"{counted} of {len(validation.rows)} rows counted, {len(validation.missed)} missed"
    for found in ranges:
        text = (
            f"calibrated: {found.constant} = {found.value:.4g} on {', '.join(found.on)}, "
            f"which hold from {found.low:.4g} to {found.high:.4g}"
        )
        lines.append(Text(text, overflow="fold"))
    if ranges:
        foot += f", {len(ranges)} calibrated constants"
    return Group(_title(validation.source), table, *lines, Text(foot))


def _shown(value: float | None) -> float | None:
    """Return ``value`` with four digits; a whole number, a count, stays as it is."""
    return value if value is None or value.is_integer() else float(f"{value:.4g}")
