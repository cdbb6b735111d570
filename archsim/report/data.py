"""What a report shows: the points of a run, the designs worth a closer look, and their device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archsim.config.constraint import Constraint, all_kept
from archsim.metrics.labels import basis
from archsim.report.designs import Designs

Point = Mapping[str, Any]
"""A design point: ``key``, ``overrides`` (axis path -> value), ``status`` (``done`` or
``failed``), ``metrics`` (name -> number) of a finished one, ``error`` of a failed one."""

_UNITS = {
    "us": "µs", "s": "s", "j": "J", "mj": "mJ", "pj": "pJ", "w": "W", "bytes": "B", "hz": "Hz",
    "mhz": "MHz", "ns": "ns", "cycles": "cycles", "flops": "FLOP", "mm2": "mm²",
}  # fmt: skip

_BLOCKS = {"bram": "36 Kb", "uram": "288 Kb"}


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything the terminal summary and the HTML page are made of.

    ``minimize`` are the objectives in order, ``constraints`` the limits, ``axes`` the swept
    paths. ``points`` may be any collection. ``pareto`` lists keys of Pareto-optimal points,
    ``details`` maps keys to ``PointResult.to_dict()`` of the designs to show in depth (at least
    the best one), with a ``device`` like the next field where it differs from the base design's.

    ``device`` describes the base design's device: ``name``, ``machine``, ``peaks`` (dtype ->
    operations per second), ``bandwidth`` (bytes per second of device memory); absent entries
    leave out what needs them. ``config`` is the resolved run as plain data. ``validation`` is
    ``Validation.to_dict()``. ``left_out`` counts further finished points of the run that are not
    in ``points``, none of them Pareto-optimal. ``reasons`` counts all failed points by reason
    where ``points`` may hold only some of them. ``search`` says which sampler chose the points and
    ``history`` lists (points evaluated, share of the last hypervolume) after each generation.
    ``timeline`` holds the trace events of the best design. ``rtl`` is what ``archsim cosim --json``
    writes, with its file's name as ``source``. ``designs`` are the finished designs on the page
    where they are more than those of ``points``, which are among them. ``unexplained`` says why the
    best design has no ``details``.
    """

    title: str
    minimize: Sequence[str]
    constraints: Sequence[Constraint] = ()
    axes: Sequence[str]
    points: Collection[Point]
    pareto: Sequence[str] = ()
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    device: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, Any] | None = None
    left_out: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    search: str = ""
    history: Sequence[tuple[int, float]] = ()
    timeline: Sequence[Mapping[str, Any]] = ()
    rtl: Mapping[str, Any] | None = None
    designs: Designs | None = None
    unexplained: str = ""

    def failed_by_reason(self) -> Mapping[str, int]:
        """Return how many points of the run failed, by reason."""
        return self.reasons or Counter(
            str(p.get("error", "no reason recorded"))
            for p in self.points
            if p.get("status", "done") != "done"
        )


def split_unit(metric: str) -> tuple[str, str]:
    """Return the readable name and unit of a metric, ``latency_us`` -> ``("latency", "µs")``."""
    if metric in _BLOCKS:
        return metric, _BLOCKS[metric]
    if metric.endswith("_per_s"):
        name, unit = split_unit(metric.removesuffix("_per_s"))
        return name, f"{unit}/s" if unit else "1/s"
    stem, _, suffix = metric.rpartition("_")
    if stem and suffix in _UNITS:
        return stem.replace("_", " "), _UNITS[suffix]
    return metric.replace("_", " "), ""


def label(metric: str) -> str:
    """Return the axis label of a metric with unit and basis, ``latency_us`` -> ``latency (µs)``."""
    name, unit = split_unit(metric)
    inside = ", ".join(part for part in (unit, basis(metric)) if part)
    return f"{name} ({inside})" if inside else name


def finished(points: Iterable[Point]) -> list[Point]:
    """Return the points that have metrics, in the given order."""
    return [p for p in points if p.get("status", "done") == "done"]


def best(
    points: Iterable[Point], minimize: Sequence[str], constraints: Sequence[Constraint] = ()
) -> Point | None:
    """Return the point with the least first objective among those that keep all constraints.

    Ties by the other objectives, then by key. None where no finished point keeps them.
    """
    done = [p for p in finished(points) if all_kept(constraints, p["metrics"])]
    return min(done, key=lambda p: rank(p, minimize)) if done else None


def ranked(
    points: Iterable[Point], minimize: Sequence[str], constraints: Sequence[Constraint] = ()
) -> list[Point]:
    """Return the finished points, best first, in the order of ``rank``."""
    return sorted(finished(points), key=lambda p: rank(p, minimize, constraints))


def rank(
    point: Point, minimize: Sequence[str], constraints: Sequence[Constraint] = ()
) -> tuple[float, tuple[float, ...], str]:
    """Return what orders finished points, best first: by how much they break a constraint (0 where
    they keep all), then their objectives, then their key.
    """
    metrics = point["metrics"]
    broken = [c.excess(metrics) for c in constraints if not c.kept(metrics)]
    values = tuple(float(metrics.get(name, float("inf"))) for name in minimize)
    return sum(broken), values, str(point["key"])
