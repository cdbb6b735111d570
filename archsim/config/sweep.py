"""The ``sweep`` of a run file: which values to vary, and in which combinations."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from archsim.config.search import CONTINUOUS
from archsim.config.suggest import hint, near
from archsim.config.yaml_strict import Document, Path, Scalar, show

Mode = Literal["grid", "zip", "list"]

MODES: tuple[Mode, ...] = ("grid", "zip", "list")
MAX_AXIS_VALUES = 100_000
MAX_POINTS_WITHOUT_YES = 10_000
_RANGE_KEYS = ("start", "stop", "num", "step", "scale")


@dataclass(frozen=True)
class Sweep:
    """Axes (dotted path -> values) and how they combine; no axes is one point.

    ``grid`` takes every combination (the last axis varies fastest), ``zip`` the first values
    together, then the second and so on, ``list`` the ``rows`` as they stand.
    """

    mode: Mode = "grid"
    axes: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    rows: tuple[Mapping[str, Scalar], ...] = ()

    @property
    def count(self) -> int:
        """The number of points."""
        if self.mode == "list":
            return len(self.rows)
        lengths = [len(values) for values in self.axes.values()]
        return math.prod(lengths) if self.mode == "grid" else lengths[0]

    def points(self) -> Iterator[dict[str, Scalar]]:
        """Yield each point's values by path, in order."""
        if self.mode == "list":
            yield from map(dict, self.rows)
            return
        columns = self.axes.values()
        combined = product(*columns) if self.mode == "grid" else zip(*columns, strict=True)
        for values in combined:
            yield dict(zip(self.axes, values, strict=True))


@dataclass(frozen=True)
class SweptValue:
    """One value of one axis, and where the file gives it."""

    path: str
    value: Scalar
    place: Path
    hint: str = ""
    """What to say after the rule that the value breaks."""


STEP_HINT = "; a range without num and step is continuous: give it a step, such as step: 1"


def parse_sweep(document: Document) -> tuple[Sweep, list[SweptValue]]:
    """Return the sweep of the run file ``document`` and each value it holds with its place."""
    at: Path = ("sweep",)
    data = document.data.get("sweep")
    if data is None:
        return Sweep(), []
    if not isinstance(data, dict) or not data:
        raise document.error(at, f"sweep must be a mapping of paths to values, not {show(data)}")
    mode, at, data = _mode(document, at, data)
    values: list[SweptValue] = []
    if mode == "list":
        rows = _rows(document, at, data, values)
        axes: dict[str, dict[Scalar, None]] = {}
        for item in values:
            axes.setdefault(item.path, {})[item.value] = None
        return Sweep(mode, {p: tuple(v) for p, v in axes.items()}, rows), values
    if not isinstance(data, dict) or not data:
        raise document.error(at, f"sweep.{mode} must be a mapping of paths, not {show(data)}")
    columns: dict[str, tuple[Scalar, ...]] = {}
    for key, spec in data.items():
        path = _path(document, (*at, key), key, columns)
        columns[path] = _axis(document, (*at, key), path, spec, values)
        if mode == "grid" and isinstance(spec, list):
            _distinct(document, path, values[-len(columns[path]) :])
    if mode == "zip":
        _zipped(document, at, columns)
    return Sweep(mode, columns), values


def _mode(document: Document, at: Path, data: dict[str, Any]) -> tuple[Mode, Path, Any]:
    """Return the mode, and the place and content of what it combines."""
    for mode in MODES:
        if mode in data:
            if len(data) > 1:
                other = next(key for key in data if key != mode)
                sentence = f"sweep must hold {mode} alone, not also {show(other)}"
                raise document.error((*at, other), sentence, key=True)
            return mode, (*at, mode), data[mode]
    if "mode" not in data:
        return "grid", at, data
    mode = data["mode"]
    if mode not in ("grid", "zip"):
        tail = near(mode, ("grid", "zip"))
        raise document.error(
            (*at, "mode"), f"sweep.mode must be grid or zip, not {show(mode)}{tail}"
        )
    return mode, at, {key: value for key, value in data.items() if key != "mode"}


def _path(document: Document, place: Path, key: str, known: Mapping[str, Any]) -> str:
    path = key.removesuffix(".value") if key.startswith("device.") else key
    if path != "device" and not path.startswith(("workload.", "device.")):
        tail = near(key.partition(".")[0], ("workload", "device", *MODES, "mode"))
        raise document.error(
            place,
            f"sweep must have paths that start with workload. or device., not {show(key)}{tail}",
            key=True,
        )
    if path in known:
        raise document.error(place, f"sweep must name {path} once, not twice", key=True)
    return path


def _scalar(document: Document, place: Path, path: str, value: Any) -> Scalar:
    if isinstance(value, dict | list):
        raise document.error(place, f"{path} must be a single value here, not {show(value)}")
    result: Scalar = value
    return result


def _axis(
    document: Document, place: Path, path: str, spec: Any, values: list[SweptValue]
) -> tuple[Scalar, ...]:
    if isinstance(spec, dict):
        open_range = "search" in document.data and not {"num", "step"} & spec.keys()
        found = _range(document, place, path, {**spec, "num": CONTINUOUS} if open_range else spec)
        looked = (found[0], found[len(found) // 2], found[-1]) if open_range else found
        for value in looked:
            whole = not isinstance(value, float) or value.is_integer()
            tail = STEP_HINT if open_range and not whole else ""
            values.append(SweptValue(path, value, place, tail))
        return tuple(found)
    if not isinstance(spec, list) or not spec:
        sentence = f"sweep of {path} must be a list of values or a range, not {show(spec)}"
        raise document.error(place, sentence)
    if len(spec) > MAX_AXIS_VALUES:
        sentence = f"sweep of {path} must have at most {MAX_AXIS_VALUES} values, not {len(spec)}"
        raise document.error(place, sentence)
    for index, item in enumerate(spec):
        value = _scalar(document, (*place, index), path, item)
        values.append(SweptValue(path, value, (*place, index)))
    return tuple(spec)


def _distinct(document: Document, path: str, values: list[SweptValue]) -> None:
    seen: set[tuple[bool, Scalar]] = set()
    for item in values:
        identity = (isinstance(item.value, bool), item.value)
        if identity in seen:
            sentence = f"sweep of {path} must give each value once, not {show(item.value)} again"
            raise document.error(item.place, sentence)
        seen.add(identity)


def _rows(
    document: Document, at: Path, data: Any, values: list[SweptValue]
) -> tuple[dict[str, Scalar], ...]:
    if not isinstance(data, list) or not data:
        raise document.error(at, f"sweep.list must be a list of points, not {show(data)}")
    rows: dict[frozenset[tuple[str, Scalar]], dict[str, Scalar]] = {}
    for index, item in enumerate(data):
        if not isinstance(item, dict) or not item:
            sentence = f"sweep.list[{index}] must be a mapping of paths, not {show(item)}"
            raise document.error((*at, index), sentence)
        row: dict[str, Scalar] = {}
        for key, value in item.items():
            place = (*at, index, key)
            path = _path(document, place, key, row)
            row[path] = _scalar(document, place, path, value)
            values.append(SweptValue(path, row[path], place))
        if frozenset(row.items()) in rows:
            raise document.error((*at, index), f"sweep.list[{index}] must differ from the others")
        rows[frozenset(row.items())] = row
    return tuple(rows.values())


def _zipped(document: Document, at: Path, axes: Mapping[str, tuple[Scalar, ...]]) -> None:
    (first, column), *rest = axes.items()
    for path, other in rest:
        if len(other) != len(column):
            sentence = (
                f"sweep of {path} must have {len(column)} values like {first} "
                f"to be zipped, not {len(other)}"
            )
            raise document.error((*at, path), sentence)
    if len(set(zip(*axes.values(), strict=True))) != len(column):
        raise document.error(at, "sweep must not give the same zipped point twice")


def _range(document: Document, place: Path, path: str, spec: dict[str, Any]) -> list[Scalar]:
    """Return the values of ``{start, stop, num or step, scale}``; both ends belong to it."""
    for key in spec:
        if key not in _RANGE_KEYS:
            sentence = f"range of {path} must not have the key {show(key)}{hint(key, _RANGE_KEYS)}"
            raise document.error((*place, key), sentence, key=True)
    scale = spec.get("scale", "linear")
    if scale not in ("linear", "log"):
        sentence = f"range of {path} must have the scale linear or log, not {show(scale)}"
        raise document.error((*place, "scale"), sentence)
    if ("num" in spec) == ("step" in spec) or (scale == "log" and "step" in spec):
        which = "num" if scale == "log" else "either num or step"
        sentence = f"range of {path} must have {which}, unless a search chooses among all values"
        raise document.error(place, sentence)
    for key in ("start", "stop", "step"):
        value = spec.get(key, 0 if key == "step" else None)
        if isinstance(value, bool) or not isinstance(value, int | float):
            sentence = f"range of {path} must have a number as {key}, not {show(value)}"
            raise document.error((*place, key), sentence)
    start, stop = spec["start"], spec["stop"]
    if not math.isfinite(float(stop) - float(start)):
        raise document.error(place, f"range of {path} must span less than 1e308")
    if stop <= start or (scale == "log" and start <= 0):
        low = " above 0" if scale == "log" and start <= 0 else ""
        sentence = f"range of {path} must go up from a start{low}, not from {start} to {stop}"
        raise document.error(place, sentence)
    if "step" in spec:
        return _steps(document, place, path, start, stop, spec["step"])
    num = spec["num"]
    if isinstance(num, bool) or not isinstance(num, int) or not 2 <= num <= MAX_AXIS_VALUES:
        sentence = f"range of {path} must have a num from 2 to {MAX_AXIS_VALUES}, not {show(num)}"
        raise document.error((*place, "num"), sentence)
    return _spaced(start, stop, num, scale == "log")


def _steps(
    document: Document, place: Path, path: str, start: float, stop: float, step: float
) -> list[Scalar]:
    if step <= 0 or (stop - start) >= step * MAX_AXIS_VALUES:
        sentence = f"range of {path} must have a step above 0 that gives at most {MAX_AXIS_VALUES} "
        raise document.error((*place, "step"), f"{sentence}values, not {show(step)}")
    return [start + i * step for i in range(math.floor((stop - start) / step + 1e-9) + 1)]


def _spaced(start: float, stop: float, num: int, log: bool) -> list[Scalar]:
    shares = [i / (num - 1) for i in range(num)]
    if log:
        low, high = math.log(start), math.log(stop)
        values = [math.exp(low + (high - low) * share) for share in shares]
    else:
        values = [start + (stop - start) * share for share in shares]
    values = [float(f"{value:.12g}") for value in values]
    values[0], values[-1] = start, stop
    if isinstance(start, int) and isinstance(stop, int) and all(v == int(v) for v in values):
        return [int(v) for v in values]
    return list(values)
