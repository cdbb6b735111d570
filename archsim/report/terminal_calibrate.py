"""A finished calibration for the terminal: constants, errors before and after, warnings."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from archsim.calibrate.fit import Calibration


def render_calibration(result: Calibration) -> RenderableType:
    """Return the fitted constants, both halves' errors by class, and what the data leave open."""
    parts: list[RenderableType] = [_constants(result)]
    for title, errors in (
        ("fit half", result.fit_errors),
        ("check half: took no part in the fit", result.check_errors),
    ):
        if errors:
            parts += [Text(), Text(title, style="bold"), _errors(errors)]
    lines = [Text(f"note: {w}", overflow="fold") for w in result.warnings]
    lines += [Text(f"{n} x skipped: {why}", overflow="fold") for why, n in result.skipped.items()]
    return Group(*parts, *([Text(), *lines] if lines else []))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", overflow="fold")
    return table


def _constants(result: Calibration) -> RenderableType:
    table = _table("constant", "before", "after", "±%", "slope")
    for c in result.constants:
        table.add_row(
            c.path,
            f"{c.begin:.4g}",
            f"{c.value:.4g}",
            f"{100 * c.uncertainty:.1f}",
            f"{c.sensitivity:.3f}",
        )
    return table


def _errors(errors: dict[str, tuple[int, float, float]]) -> RenderableType:
    table = _table("class", "times", "MAPE before", "MAPE after")
    for name, (count, before, after) in errors.items():
        table.add_row(name, str(count), f"{before:.1f}", f"{after:.1f}")
    return table
