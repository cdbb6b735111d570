"""Published figures: a paper's value beside ours, for every machine alike.

A file lists ``rows``; each has ``id, quantity, unit, value, tag, source, tolerance, counted, how``.
``how`` says where our value comes from: ``run`` (a run file's path, relative to this file, or an
inline run), ``field`` (below) and optionally ``scale`` (a factor into the row's unit) and ``per``
(a second run and field to divide by, for ratios). Instead of ``run`` it may give ``runs``, a list,
and ``reduce``: their ``mean`` or ``max``. A row with ``rule: least`` holds a figure that ours must
reach; else ours must be near. A row may say ``calibrated: <constant>``: the constant was chosen to
meet it, so it is never counted. ``field`` is ``metrics.<name>`` or
``op:<operator>.<quantity>``; ``op:*`` is the only operator of the run, and the quantities are those
of an operator's result and the rates ``flops_per_s``, ``bytes_per_s`` and ``hbm_bytes_per_s``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.yaml_strict import Document, dotted, read_document, show
from archsim.errors import ConfigError

Run = Mapping[str, Any] | Path
"""An inline run, or the path of a run file."""

TAGS = ("V-code", "V-log", "V-abs", "V-2nd", "D", "R-high", "R-med", "R-low")
FIELD = re.compile(r"metrics\.\w+|op:.+\.\w+")
REQUIRED = ("id", "quantity", "unit", "value", "tag", "source", "tolerance", "counted", "how")


@dataclass(frozen=True, slots=True)
class How:
    """Where our value comes from: ``field`` times ``scale``, divided by ``per``.

    ``reduce`` says what becomes of several ``runs``.
    """

    runs: tuple[Run, ...]
    field: str
    scale: float = 1.0
    per: How | None = None
    reduce: str = "mean"

    @property
    def run(self) -> Run:
        """The first run, the only one of most rows."""
        return self.runs[0]


@dataclass(frozen=True, slots=True)
class RowSpec:
    """One published figure. ``tolerance`` is relative; ``counted`` rows decide the exit code.

    ``calibrated`` names the constant that was chosen to meet this figure, if one was.
    """

    id: str
    quantity: str
    unit: str
    value: float
    tag: str
    source: str
    tolerance: float
    counted: bool
    how: How
    calibrated: str | None = None
    rule: str = "near"


def load_published(path: str | Path) -> tuple[RowSpec, ...]:
    """Return the rows of ``path``; ``ConfigError`` names the place of what breaks a rule."""
    document = read_document(Path(path), str(path))
    reader = _Reader(document, Path(path).parent)
    reader.keys((), ("rows",), ("title", "description"))
    items = document.data["rows"]
    if not isinstance(items, list) or not items:
        raise reader.error(("rows",), "a list of at least one row")
    rows = tuple(reader.row(("rows", i)) for i in range(len(items)))
    seen: set[str] = set()
    for i, row in enumerate(rows):
        if row.id in seen:
            raise reader.error(("rows", i, "id"), "different from the ids of other rows")
        seen.add(row.id)
    return rows


class _Reader:
    """Reads rows out of a document, each rule with the place of what breaks it."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.folder = folder

    def at(self, path: tuple[str | int, ...]) -> Any:
        value = self.document.data
        for step in path:
            value = value[step]
        return value

    def error(self, path: tuple[str | int, ...], rule: str) -> ConfigError:
        shown = show(self.at(path))
        return self.document.error(path, f"{dotted(path)} must be {rule}, not {shown}")

    def keys(
        self, path: tuple[str | int, ...], required: tuple[str, ...], optional: tuple[str, ...]
    ) -> None:
        value = self.at(path)
        if not isinstance(value, dict):
            raise self.error(path, "a mapping")
        for key in value:
            if key not in (*required, *optional):
                known = ", ".join((*required, *optional))
                sentence = f"{dotted((*path, key))} must be one of {known}, not {key!r}"
                raise self.document.error((*path, key), sentence, key=True)
        for key in required:
            if key not in value:
                raise self.document.error(path, f"{dotted((*path, key))} must be given")

    def text(self, path: tuple[str | int, ...]) -> str:
        value = self.at(path)
        if not isinstance(value, str) or not value.strip():
            raise self.error(path, "text")
        return value

    def number(self, path: tuple[str | int, ...], rule: str, low: float, high: float) -> float:
        value = self.at(path)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(path, rule)
        if not low < value <= high:
            raise self.error(path, rule)
        return float(value)

    def row(self, path: tuple[str | int, ...]) -> RowSpec:
        self.keys(path, REQUIRED, ("calibrated", "rule"))
        texts = {k: self.text((*path, k)) for k in ("id", "quantity", "unit", "tag", "source")}
        if texts["tag"] not in TAGS:
            raise self.error((*path, "tag"), f"one of {', '.join(TAGS)}")
        counted = self.at((*path, "counted"))
        if not isinstance(counted, bool):
            raise self.error((*path, "counted"), "true or false")
        if counted and texts["tag"].startswith("R-"):
            raise self.error((*path, "counted"), f"false for a recalled figure ({texts['tag']})")
        calibrated = None
        if "calibrated" in self.at(path):
            calibrated = self.text((*path, "calibrated"))
            if counted:
                raise self.error(
                    (*path, "counted"), "false for a row a constant was chosen to meet"
                )
        return RowSpec(
            **texts,
            value=self.number((*path, "value"), "a number above 0", 0, 1e30),
            tolerance=self.number((*path, "tolerance"), "a number above 0 and at most 1", 0, 1),
            counted=counted,
            how=self.how((*path, "how"), per=True),
            calibrated=calibrated,
            rule=self.one_of((*path, "rule"), ("near", "least")),
        )

    def one_of(self, path: tuple[str | int, ...], allowed: tuple[str, ...]) -> str:
        """The text at ``path``, the first of ``allowed`` where it is left out."""
        if path[-1] not in self.at(path[:-1]):
            return allowed[0]
        if (value := self.at(path)) not in allowed:
            raise self.error(path, f"one of {', '.join(allowed)}")
        return str(value)

    def how(self, path: tuple[str | int, ...], per: bool) -> How:
        several = isinstance(value := self.at(path), dict) and "runs" in value
        required = ("runs", "reduce", "field") if several else ("run", "field")
        self.keys(path, required, ("scale", "per") if per else ("scale",))
        field = self.text((*path, "field"))
        if not FIELD.fullmatch(field):
            raise self.error((*path, "field"), "metrics.<name> or op:<operator>.<quantity>")
        scale = (
            self.number((*path, "scale"), "a number above 0", 0, 1e30) if "scale" in value else 1.0
        )
        divisor = self.how((*path, "per"), per=False) if "per" in value else None
        if not several:
            return How((self.run((*path, "run")),), field, scale, divisor)
        listed = value["runs"]
        if not isinstance(listed, list) or not listed:
            raise self.error((*path, "runs"), "a list of at least one run")
        runs = tuple(self.run((*path, "runs", i)) for i in range(len(listed)))
        reduce = self.one_of((*path, "reduce"), ("mean", "max"))
        return How(runs, field, scale, divisor, reduce)

    def run(self, path: tuple[str | int, ...]) -> Run:
        value = self.at(path)
        if isinstance(value, dict) and value:
            return value
        if not isinstance(value, str) or not value.endswith((".yaml", ".yml")):
            raise self.error(path, "a run or the path of a .yaml run file")
        file = self.folder / value
        if not file.is_file():
            raise self.error(path, f"an existing file in {self.folder}")
        return file
