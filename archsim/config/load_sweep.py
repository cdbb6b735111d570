"""Checks every value of a sweep against the rule of its field, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product
from typing import Any

from archsim.config.device import Device
from archsim.config.load_workload import choice_problem
from archsim.config.run_file import FORMS, WorkloadChoice
from archsim.config.sweep import Sweep, SweptValue
from archsim.config.vocabulary import Vocabulary
from archsim.config.yaml_strict import Document, Path, Scalar, show
from archsim.errors import ArchsimError, ConfigError

MAX_COMBINATIONS = 1000
"""Device combinations whose cross-field checks run up front; a larger sweep's run with it."""


def check_sweep(
    document: Document,
    sweep: Sweep,
    values: Sequence[SweptValue],
    workload: WorkloadChoice,
    device: Device,
    devices: Mapping[str, Device],
    vocabulary: Vocabulary | None,
) -> None:
    """Raise the error of the first value that breaks its field's rule, naming its place."""
    heads = [str(v.value) for v in values if v.path == f"workload.{workload.form}"]
    for item in values:
        if item.path.startswith("workload."):
            problem = _workload_problem(item, workload, heads or [workload.head], vocabulary)
        elif item.path == "device":
            continue
        else:
            problem = _device_problem(item, list(devices.values()) or [device])
        if problem:
            raise document.error(item.place, problem + item.hint)
    _check_combinations(document, sweep, values, device, devices)
    if vocabulary and vocabulary.build:
        _build(document, sweep, values, workload, vocabulary.build)


def _build(
    document: Document,
    sweep: Sweep,
    values: Sequence[SweptValue],
    workload: WorkloadChoice,
    build: Callable[[Mapping[str, Any]], object],
) -> None:
    """Build the first point's workload, and a single operator's with each swept value."""
    first = {p: v for p, v in next(sweep.points()).items() if p.startswith("workload.")}
    base = workload.to_dict() | {p.removeprefix("workload."): v for p, v in first.items()}
    trials: list[tuple[Path, dict[str, Scalar], str]] = [(("workload",), base, "")]
    if workload.form == "op":
        trials += [
            (item.place, {**base, item.path.removeprefix("workload."): item.value}, item.hint)
            for item in values
            if item.path.startswith("workload.") and sweep.mode == "grid"
        ]
    for place, trial, tail in trials:
        try:
            build(trial)
        except ArchsimError as error:
            raise type(error)(f"{document.where(place)}: {error}{tail}") from None


def _workload_problem(
    item: SweptValue, workload: WorkloadChoice, heads: list[str], vocabulary: Vocabulary | None
) -> str | None:
    name = item.path.removeprefix("workload.")
    if name in FORMS:
        if name != workload.form or name == "onnx":
            return f"sweep must not vary workload.{name} of a workload given by {workload.form}"
        if not isinstance(item.value, str):
            return f"workload.{name} must be text, not {show(item.value)}"
        return vocabulary.check_head(name, item.value) if vocabulary else None
    for head in dict.fromkeys(heads):
        if vocabulary and vocabulary.check_head(workload.form, head):
            continue
        if problem := choice_problem(workload.form, head, name, item.value, vocabulary):
            return problem
    return None


def _device_problem(item: SweptValue, devices: list[Device]) -> str | None:
    path = item.path.removeprefix("device.")
    try:
        for cls in dict.fromkeys(type(device) for device in devices):
            cls.check_value(path, item.value)
    except ConfigError as error:
        return str(error)
    return None


def _check_combinations(
    document: Document,
    sweep: Sweep,
    values: Sequence[SweptValue],
    device: Device,
    devices: Mapping[str, Device],
) -> None:
    """Run the cross-field checks on the distinct devices of the sweep, where they are few."""
    axes = {p: v for p, v in sweep.axes.items() if p == "device" or p.startswith("device.")}
    if not axes:
        return
    for combination in _combinations(sweep, axes):
        edits = {p.removeprefix("device."): v for p, v in combination.items() if p != "device"}
        base = devices[str(combination["device"])] if "device" in combination else device
        try:
            base.with_values(edits)
        except ConfigError as error:
            path, value = next(iter((p, v) for p, v in combination.items() if p != "device"))
            place = next(v.place for v in values if v.path == path and v.value == value)
            raise document.error(place, str(error)) from None


def _combinations(sweep: Sweep, axes: Mapping[str, Sequence[Scalar]]) -> list[dict[str, Scalar]]:
    if sweep.mode == "grid":
        if math.prod(map(len, axes.values())) > MAX_COMBINATIONS:
            return []
        return [dict(zip(axes, row, strict=True)) for row in product(*axes.values())]
    some = islice(sweep.points(), MAX_COMBINATIONS)
    rows = ({p: v for p, v in point.items() if p in axes} for point in some)
    return [row for row in rows if row]
