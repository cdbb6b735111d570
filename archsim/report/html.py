"""One self-contained HTML page per run: works offline, light and dark, the same bytes each time."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from plotly.offline import get_plotlyjs

from archsim.report.assets import asset
from archsim.report.data import ReportData
from archsim.report.payload import build, dumps

_SCRIPTS = (
    "core.js", "columns.js", "charts.js", "cloud.js", "timeline.js", "tables.js", "brush.js",
    "export.js", "main.js",
)  # fmt: skip


def render_html(data: ReportData) -> str:
    """Return the page. All names in it are data, never markup."""
    return "".join(_pieces("page.html", _SCRIPTS, data.title, dumps(build(data))))


def _pieces(page: str, scripts: Sequence[str], title: str, data: str) -> list[str]:
    """Return the page's text in order, apart so that nobody needs it all at once."""
    parts = {
        "title": html.escape(title),
        "style": asset("report.css"),
        "plotly": get_plotlyjs(),
        "script": "\n".join(asset(name) for name in scripts),
        "data": data,
    }
    pieces = asset(page).split("@@")
    return [parts[p] if i % 2 else p for i, p in enumerate(pieces)]


def write_report(path: str | Path, data: ReportData) -> Path:
    """Write the page to ``path`` (its folder must exist) in one step and return the path."""
    return write_page(Path(path), "page.html", _SCRIPTS, data.title, dumps(build(data)))


def write_page(path: Path, page: str, scripts: Sequence[str], title: str, data: str) -> Path:
    """Write the page made of the assets ``page`` and ``scripts`` and the JSON text ``data``."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_pieces(page, scripts, title, data))
    partial.replace(path)
    return path
