"""One self-contained HTML page per run: works offline, light and dark, the same bytes each time."""

from __future__ import annotations

import html
from functools import cache
from importlib.resources import files
from pathlib import Path

from plotly.offline import get_plotlyjs

from archsim.report.data import ReportData
from archsim.report.payload import build, dumps

_SCRIPTS = ("core.js", "charts.js", "tables.js", "main.js")


@cache
def _asset(name: str) -> str:
    return files("archsim.report").joinpath("assets", name).read_text(encoding="utf-8")


def render_html(data: ReportData) -> str:
    """Return the page. All names in it are data, never markup."""
    return "".join(_pieces(data))


def _pieces(data: ReportData) -> list[str]:
    """Return the page's text in order, apart so that nobody needs it all at once."""
    parts = {
        "title": html.escape(data.title),
        "style": _asset("report.css"),
        "plotly": get_plotlyjs(),
        "script": "\n".join(_asset(name) for name in _SCRIPTS),
        "data": dumps(build(data)),
    }
    pieces = _asset("page.html").split("@@")
    return [parts[p] if i % 2 else p for i, p in enumerate(pieces)]


def write_report(path: str | Path, data: ReportData) -> Path:
    """Write the page to ``path`` (its folder must exist) in one step and return the path."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(data))
    partial.replace(path)
    return path
