"""``archsim compare``: two finished runs side by side, evaluating nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import moocore
import numpy as np

from archsim.app.details import UNEXPLAINED, detail_of
from archsim.app.finished import front_keys, read_run, results_file
from archsim.app.output import write_json
from archsim.app.results import points
from archsim.config.constraint import Constraint, all_kept, from_plain
from archsim.errors import ConfigError
from archsim.report.comparison import Comparison, Side, ratio, write_comparison
from archsim.report.data import rank
from archsim.sweep.pareto import pareto_front
from archsim.sweep.space import canonical

PAIRS = 2_000
"""Designs evaluated in both runs that the page draws; of more, every n-th."""


def compare(first: Path, second: Path) -> Comparison:
    """Return the comparison of the finished runs in the folders ``first`` and ``second``.

    Raises ``ConfigError`` for a folder that holds no finished run, or runs without a common
    objective.
    """
    runs = (read_run(first), read_run(second))
    metrics = [m for m in runs[0]["minimize"] if m in runs[1]["minimize"]]
    if not metrics:
        texts = (", ".join(run["minimize"]) for run in runs)
        raise ConfigError(
            f"runs must have an objective in common to be compared, not {' and '.join(texts)}"
        )
    known: dict[str, tuple[float, ...]] = {}
    pairs: list[tuple[tuple[float, ...], tuple[float, ...]]] = []
    sides = (
        _side(first, runs[0], metrics, _Remember(known)),
        _side(second, runs[1], metrics, _Match(known, pairs)),
    )
    names = _names(first, second)
    sides = (replace(sides[0], name=names[0]), replace(sides[1], name=names[1]))
    joint, volumes = _fronts(sides, metrics)
    columns = {name: [(a[i], b[i]) for a, b in pairs] for i, name in enumerate(metrics)}
    step = max(1, -(-len(pairs) // PAIRS))
    return Comparison(
        sides=sides,
        metrics=metrics,
        ratios=[ratio(name, column) for name, column in columns.items()],
        only=(len(known), sides[1].finished - len(pairs)),
        joint=joint,
        hypervolume=volumes,
        changes=_changes(runs[0]["context"], runs[1]["context"]),
        pairs={name: column[::step] for name, column in columns.items()},
    )


def compare_and_print(
    first: Path, second: Path, output: Path | None, json_file: Path | None
) -> None:
    """Print the comparison, and write it as a page and as JSON where asked for."""
    from rich.console import Console

    from archsim.report.terminal_compare import render_comparison

    found = compare(first, second)
    if output is not None:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            write_comparison(output, found)
        except OSError as error:
            sentence = f"--output: {output} must be a file that can be written ({error.strerror})"
            raise ConfigError(sentence) from None
    console = Console()
    console.print(render_comparison(found, output, console.width))
    write_json(json_file, found.to_dict())


class _Remember:
    """Keeps the objectives of the first run's designs."""

    def __init__(self, known: dict[str, tuple[float, ...]]) -> None:
        self._known = known

    def __call__(self, overrides: str, values: tuple[float, ...]) -> None:
        self._known[overrides] = values


class _Match:
    """Pairs the second run's designs with those of the first, which it removes."""

    def __init__(
        self,
        known: dict[str, tuple[float, ...]],
        pairs: list[tuple[tuple[float, ...], tuple[float, ...]]],
    ) -> None:
        self._known = known
        self._pairs = pairs

    def __call__(self, overrides: str, values: tuple[float, ...]) -> None:
        other = self._known.pop(overrides, None)
        if other is not None:
            self._pairs.append((other, values))


def _side(
    folder: Path, run: Mapping[str, Any], metrics: Sequence[str], take: _Remember | _Match
) -> Side:
    limits = from_plain(run.get("constraints", {}))
    keys = set(front_keys(folder))
    front: list[dict[str, Any]] = []
    failed = 0
    best: dict[str, Any] | None = None
    finished = 0
    for point in points(results_file(folder)):
        if point["status"] != "ok":
            failed += 1
            continue
        finished += 1
        found = point["metrics"]
        if all(name in found for name in metrics):
            take(canonical(point["overrides"]), tuple(found[name] for name in metrics))
        if point["key"] in keys:
            front.append(point)
        best = _better(point, best, metrics, limits)
    detail = detail_of(folder, run["context"], best) if best else None
    operators = (detail or {}).get("operators", [])
    why = UNEXPLAINED if best and detail is None else ""
    front.sort(key=lambda point: rank(point, metrics))
    return Side(folder.name, finished, failed, front, best, operators, why)


def _better(
    point: dict[str, Any],
    best: dict[str, Any] | None,
    metrics: Sequence[str],
    limits: Sequence[Constraint],
) -> dict[str, Any] | None:
    if not all_kept(limits, point["metrics"]):
        return best
    return point if best is None or rank(point, metrics) < rank(best, metrics) else best


def _names(first: Path, second: Path) -> tuple[str, str]:
    """The folders' own names where they differ, else as given."""
    own = (first.resolve().name, second.resolve().name)
    return own if own[0] != own[1] else (str(first), str(second))


def _fronts(
    sides: tuple[Side, Side], metrics: Sequence[str]
) -> tuple[tuple[int, int], tuple[float, float]]:
    """Return who holds the joint front, and each front's share of its hypervolume.

    Objectives are scaled from the best to the worst value on either front, by logarithms where
    all are positive; the reference lies 10 % beyond the worst.
    """
    fronts = [
        np.array([[p["metrics"][m] for m in metrics] for p in side.front], dtype=np.float64)
        for side in sides
    ]
    fronts = [front.reshape(-1, len(metrics)) for front in fronts]
    both = np.concatenate(fronts)
    if not len(both):
        return (0, 0), (0.0, 0.0)
    for column in range(len(metrics)):
        if (both[:, column] > 0).all():
            both[:, column] = np.log(both[:, column])
    low, width = both.min(axis=0), np.ptp(both, axis=0)
    scaled = np.divide(both - low, width, out=np.zeros_like(both), where=width > 0)
    keep = pareto_front(scaled)
    count = len(fronts[0])
    reference = np.full(len(metrics), 1.1)
    whole = float(moocore.hypervolume(scaled[keep], ref=reference))
    shares = [
        float(moocore.hypervolume(part, ref=reference)) / whole if len(part) else 0.0
        for part in (scaled[:count], scaled[count:])
    ]
    held = int((keep < count).sum())
    return (held, len(keep) - held), (shares[0], shares[1])


def _changes(first: Any, second: Any) -> list[tuple[str, Any, Any]]:
    flat = (dict(_leaves("", first)), dict(_leaves("", second)))
    paths = dict.fromkeys((*flat[0], *flat[1]))
    return [
        (path, flat[0].get(path), flat[1].get(path))
        for path in paths
        if flat[0].get(path) != flat[1].get(path)
    ]


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the values of plain data by path; of a constant, its value alone."""
    if not isinstance(value, Mapping):
        yield path, value
        return
    if "value" in value and "basis" in value:
        yield path, value["value"]
        return
    for name, item in value.items():
        yield from _leaves(f"{path}.{name}" if path else str(name), item)
