"""The Python interface: ``archsim.run``, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsim.app.finished import front_keys, read_run
from archsim.app.running import REPORT, Request, load_data, run_loaded
from archsim.app.running import load as load_file
from archsim.app.timeline import TIMELINE
from archsim.errors import ConfigError
from archsim.sweep.run import SweepSummary

if TYPE_CHECKING:
    import pandas
    import pyarrow


@dataclass(frozen=True)
class Results:
    """A finished run: its output ``folder`` and what the sweep did (``summary``).

    Every design is a row: its ``key``, the swept paths, ``status`` (``ok`` or ``failed``), the
    metrics under their own names (units in the names) and the ``reason`` of a failure.
    """

    folder: Path
    summary: SweepSummary

    @property
    def table(self) -> pyarrow.Table:
        """All designs as an Arrow table, by rising key."""
        import pyarrow.parquet

        return pyarrow.parquet.read_table(self.folder / "results.parquet")

    @property
    def front(self) -> pyarrow.Table:
        """The Pareto-optimal designs, by the run's first objective."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = self.table
        keys = pa.array(front_keys(self.folder), pa.string())
        front = table.filter(pc.is_in(table["key"], value_set=keys))
        first = read_run(self.folder)["minimize"][0]
        return front.sort_by(first) if first in front.column_names else front

    @property
    def best(self) -> dict[str, Any]:
        """The Pareto-optimal design with the least first objective, as a row.

        Raises ``ConfigError`` where no design finished and kept the constraints.
        """
        rows = self.front.slice(0, 1).to_pylist()
        if not rows:
            failures = self.summary.failures
            why = f"; one failed because {failures[0].reason}" if failures else ""
            raise ConfigError(f"the run has no design that finished and keeps its constraints{why}")
        row: dict[str, Any] = rows[0]
        return row

    def frame(self) -> pandas.DataFrame:
        """All designs as a pandas ``DataFrame``; needs pandas (``archsim[notebook]``)."""
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise ConfigError("frame() needs pandas: pip install 'archsim[notebook]'") from None
        return self.table.to_pandas()

    @property
    def report(self) -> Path:
        """The run's HTML page."""
        return self.folder / REPORT

    @property
    def timeline(self) -> Path:
        """The best design's timeline, a trace-event file that Perfetto opens."""
        return self.folder / TIMELINE

    def _repr_html_(self) -> str:
        rows = self.front.slice(0, 20).to_pylist()
        names = list(rows[0]) if rows else []
        names = [name for name in names if name not in ("key", "status", "reason")]
        head = "".join(f"<th>{name}</th>" for name in names)
        lines = (
            "<tr>" + "".join(f"<td>{_cell(row[name])}</td>" for name in names) + "</tr>"
            for row in rows
        )
        caption = f"{self.summary.points} designs, {self.summary.front} Pareto-optimal"
        return f"<p>{caption}</p><table><tr>{head}</tr>{''.join(lines)}</table>"


def run(
    design: str | Path | Mapping[str, Any],
    *,
    set: Mapping[str, Any] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    output: str | Path | None = None,
    yes: bool = True,
) -> Results:
    """Evaluate a run file, a preset's name, or a run as plain data, as ``archsim run`` does.

    ``set`` overrides values by path (``{"device.sm_count": 144}``), ``workers`` and ``cluster``
    say who evaluates, ``output`` is the folder of the results (``archsim-out/<name>``); points
    that it holds from an earlier run are not evaluated again. ``yes=False`` refuses a very large
    sweep, as the command line does.

    Raises ``archsim.errors.ConfigError`` with one sentence for anything wrong in the input.
    """
    overrides = tuple(f"{path}={_text(value)}" for path, value in (set or {}).items())
    folder = None if output is None else Path(output)
    plain = not isinstance(design, str | Path)
    file = Path("run.yaml") if plain else Path(str(design))
    request = Request(
        file=file, overrides=overrides, workers=workers, cluster=cluster, output=folder, yes=yes
    )
    loaded = load_data(dict(design), request) if isinstance(design, Mapping) else load_file(request)
    outcome = run_loaded(loaded, request)
    return Results(outcome.folder, outcome.summary)


def _text(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def _cell(value: Any) -> str:
    import html

    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return html.escape(text)
