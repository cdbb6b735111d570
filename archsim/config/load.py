"""Loads device and run files: strict YAML, schema, overrides, and errors that name the place."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from archsim.config.constraint import parse_constraints
from archsim.config.device import Device
from archsim.config.explain import explain
from archsim.config.load_sweep import check_sweep
from archsim.config.load_workload import parse_workload
from archsim.config.machines import machine_class, machine_names
from archsim.config.overrides import (
    Override,
    Overrides,
    apply_to_run,
    device_values,
    parse_overrides,
)
from archsim.config.paths import find_device, is_name
from archsim.config.run_file import RunData, RunFile
from archsim.config.search import check_space, parse_search
from archsim.config.suggest import hint, near
from archsim.config.sweep import parse_sweep
from archsim.config.vocabulary import Vocabulary
from archsim.config.yaml_strict import Document, Path, read_document, show
from archsim.errors import ConfigError


def load_device(reference: str | FilePath, overrides: Overrides = ()) -> Device:
    """Return the device ``reference`` (a shipped name or a .yaml file) with overrides applied."""
    device = _load_reference(str(reference), None)
    return _edited(device, list(device_values(parse_overrides(overrides)).values()))


def load_run(
    file: str | FilePath, overrides: Overrides = (), vocabulary: Vocabulary | None = None
) -> RunFile:
    """Return the validated run file at ``file``.

    Everything is checked before anything runs: each value of each sweep axis against the rule of
    its field, and names of models, choices and metrics against ``vocabulary`` where it is given.
    """
    path = FilePath(file)
    document = read_document(path, str(file))
    return run_from_document(document, path, overrides, vocabulary)


def run_from_document(
    document: Document, path: FilePath, overrides: Overrides, vocabulary: Vocabulary | None
) -> RunFile:
    """Return the run that ``document`` describes; ``path`` is the file that paths relate to."""
    if "machine" in document.data:
        sentence = "a run file must have workload and device, but this is a device file (machine)"
        raise document.error(("machine",), sentence, key=True)
    edits = apply_to_run(document, parse_overrides(overrides))
    data = _run_data(document)
    name = data.name or path.stem
    if not is_name(name):
        place: Path = ("name",) if data.name else ()
        raise document.error(place, f"name must be safe as a folder name, not {show(name)}")
    base = path.parent
    workload = parse_workload(document, base, vocabulary)
    device = _edited(_run_device(document, base), edits)
    search = parse_search(document)
    sweep, values = parse_sweep(document)
    if search:
        check_space(document, search, sweep.mode, sweep.count)
    devices = {}
    for item in values:
        if item.path == "device":
            devices[str(item.value)] = _edited(
                _referenced(document, item.place, item.value, base), edits
            )
    check_sweep(document, sweep, values, workload, device, devices, vocabulary)
    _check_metrics(document, data.minimize, device, vocabulary)
    constraints = parse_constraints(document)
    for limit in constraints:
        _check_metric(document, ("constraints", limit.metric), limit.metric, device, vocabulary)
    return RunFile(
        workload=workload,
        device=device,
        execution=data.execution,
        devices=devices,
        name=name,
        sweep=sweep,
        search=search,
        minimize=data.minimize,
        constraints=constraints,
        source=path,
        sweep_place=document.where(("sweep",)),
    )


def device_from_document(document: Document, at: Path = ()) -> Device:
    """Return the device whose mapping stands at ``at`` of ``document``."""
    data: Any = document.data
    for part in at:
        data = data[part]
    if "machine" not in data:
        known = ", ".join(machine_names())
        sentence = f"device.machine must be given (one of {known}){near('machine', data)}"
        raise document.error(at, sentence)
    machine = data["machine"]
    if not isinstance(machine, str) or machine not in machine_names():
        sentence = f"device.machine must be one of {', '.join(machine_names())}"
        tail = near(machine, machine_names())
        raise document.error((*at, "machine"), f"{sentence}, not {show(machine)}{tail}")
    cls = machine_class(machine)
    try:
        return cls.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise explain(error, document, cls, at, ("device",)) from None


def is_device_file(file: str | FilePath) -> bool:
    """Return whether ``file`` is a device file: it has the key ``machine``."""
    return "machine" in read_document(FilePath(file), str(file)).data


def _run_data(document: Document) -> RunData:
    try:
        return RunData.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise explain(error, document, RunData) from None


def _load_reference(reference: str, base: FilePath | None) -> Device:
    file = find_device(reference, base)
    return device_from_document(read_document(file, _shown(file)))


def _shown(file: FilePath) -> str:
    """Return ``file`` relative to the working folder where it lies below it."""
    try:
        return str(file.absolute().relative_to(FilePath.cwd()))
    except ValueError:
        return str(file)


def _run_device(document: Document, base: FilePath) -> Device:
    value = document.data["device"]
    if isinstance(value, dict):
        return device_from_document(document, ("device",))
    return _referenced(document, ("device",), value, base)


def _referenced(document: Document, place: Path, value: Any, base: FilePath) -> Device:
    if not isinstance(value, str):
        rule = "a device's name, a .yaml file or a mapping"
        raise document.error(place, f"device must be {rule}, not {show(value)}")
    try:
        file = find_device(value, base)
    except ConfigError as error:
        raise document.error(place, str(error)) from None
    return device_from_document(read_document(file, _shown(file)))


def _edited(device: Device, edits: list[Override]) -> Device:
    """Apply the overrides one by one for the leaf rules, together for the cross-field checks."""
    if not edits:
        return device
    values = {}
    for item in edits:
        path = item.path.removeprefix("device.")
        try:
            device.check_value(path, item.value)
        except ConfigError as error:
            raise item.error(str(error)) from None
        values[path] = item.value
    try:
        return device.with_values(values)
    except ConfigError as error:
        raise edits[-1].error(str(error)) from None


def _check_metrics(
    document: Document, metrics: tuple[str, ...], device: Device, vocabulary: Vocabulary | None
) -> None:
    for index, metric in enumerate(metrics):
        place = ("minimize", index)
        _check_metric(document, place, metric, device, vocabulary)
        if metric in metrics[:index]:
            raise document.error(place, f"minimize must name {show(metric)} once, not twice")


def _check_metric(
    document: Document, place: Path, metric: str, device: Device, vocabulary: Vocabulary | None
) -> None:
    machine = getattr(device, "machine", "")
    known = vocabulary.metrics.get(machine, ()) if vocabulary else ()
    if known and metric not in known:
        article = "an" if machine[:1] in "aeio" else "a"
        sentence = f"{place[0]} must name metrics of {article} {machine}, not {show(metric)}"
        raise document.error(place, sentence + hint(metric, known), key=place[0] == "constraints")
