"""Result files of a run: same points, same bytes, whoever computed them and how often stopped.

Rows come from the store by rising point key, one at a time; nothing in the files depends on
time, host, order of arrival or other points of the store. Each file appears whole, in one step.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from archsim.config.constraint import Constraint, all_kept
from archsim.errors import ConfigError
from archsim.sweep.columns import Table
from archsim.sweep.objectives import check_objectives
from archsim.sweep.pareto import FrontStream
from archsim.sweep.parquet import ParquetFile
from archsim.sweep.record import OK
from archsim.sweep.space import Space, canonical
from archsim.sweep.store import Row, Store

FILES = ("results.csv", "results.json", "results.parquet", "pareto.csv")


def export(
    store: Store,
    space: Space,
    folder: Path,
    minimize: Sequence[str] = (),
    constraints: Sequence[Constraint] = (),
) -> tuple[int, dict[str, Path]]:
    """Write the result files of the run in ``store``; return the front's size and the files.

    A point that lacks one of the objectives or breaks a constraint is not on the front. Raises
    ``ConfigError`` where an objective is no point's metric or the folder cannot be written.
    """
    metrics = store.metric_names()
    if metrics:
        check_objectives(minimize, metrics, constraints)
    table = Table(space, metrics)
    files = {name: folder / name for name in FILES}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keys = _write_results(store, table, files, minimize, constraints)
        with whole_file(files["pareto.csv"]) as file:
            writer = _csv_writer(file, table)
            for row in store.select(keys):
                writer.writerow(table.texts(row, json.loads(row.metrics)))
    except OSError as error:
        raise ConfigError(f"{folder}: the output folder must be writable, not {error}") from None
    return len(keys), files


def _write_results(
    store: Store,
    table: Table,
    files: dict[str, Path],
    minimize: Sequence[str],
    constraints: Sequence[Constraint],
) -> list[str]:
    """Write CSV, JSON and Parquet in one pass; return the keys of the Pareto front."""
    front = FrontStream(len(minimize))
    with ExitStack() as stack:
        text = stack.enter_context(whole_file(files["results.csv"]))
        plain = stack.enter_context(whole_file(files["results.json"]))
        parquet = stack.enter_context(_part(files["results.parquet"]))
        columns = stack.enter_context(ParquetFile(parquet, table))
        writer = _csv_writer(text, table)
        head = canonical({"axes": table.space.paths, "metrics": table.metrics})
        plain.write(f'{head[:-1]},"points":[')
        separator = "\n"
        for row in store.rows():
            metrics = json.loads(row.metrics)
            overrides = table.space[row.place]
            writer.writerow(table.texts(row, metrics))
            plain.write(separator + _json(row, overrides))
            columns.add(row, overrides, metrics)
            separator = ",\n"
            known = minimize and row.status == OK and all(name in metrics for name in minimize)
            if known and all_kept(constraints, metrics):
                front.add(row.key, tuple(metrics[name] for name in minimize))
        plain.write("\n]}\n")
    return front.front()


def _json(row: Row, overrides: dict[str, Any]) -> str:
    """Return one point as JSON; its metrics are stored as canonical JSON already."""
    reason = json.dumps(row.reason) if row.status != OK else "null"
    return (
        f'{{"key":{json.dumps(row.key)},"overrides":{canonical(overrides)},'
        f'"status":"{row.status}","metrics":{row.metrics},"reason":{reason}}}'
    )


def _csv_writer(file: IO[str], table: Table) -> Any:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.names)
    return writer


@contextmanager
def whole_file(path: Path) -> Iterator[IO[str]]:
    """Give a text file that appears at ``path`` once everything is written."""
    with _part(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        yield file


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    """Give a name to write to that becomes ``path`` once everything is written."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.replace(path)
