"""What there is to choose from: devices, workloads, presets, and the schemas of their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archsim.app.output import print_table, write_json
from archsim.config import load_device
from archsim.config.paths import configs_dir, device_files, run_files
from archsim.config.suggest import near
from archsim.config.yaml_strict import show
from archsim.errors import ConfigError

KINDS = ("devices", "workloads", "presets")
PUBLISHED = "published"


def listing(kind: str) -> list[dict[str, Any]]:
    """Return the rows of one list as plain data."""
    return {"devices": _devices, "workloads": _workloads, "presets": _presets}[kind]()


def list_and_print(what: str | None, json_file: Path | None) -> None:
    """Print one list or all."""
    if what is not None and what not in KINDS:
        raise ConfigError(f"list must be one of {', '.join(KINDS)}, not {what!r}")
    kinds = KINDS if what is None else (what,)
    found = {kind: listing(kind) for kind in kinds}
    for kind, rows in found.items():
        print_table(kind.capitalize(), rows)
    write_json(json_file, found if what is None else found[kinds[0]])


def schema_kinds() -> tuple[str, ...]:
    """Return the kinds of file that have a schema."""
    from archsim.config.machines import machine_names

    return ("run", *machine_names(), PUBLISHED)


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of run files, a machine's device files, or published figures."""
    from archsim.app.vocabulary import vocabulary
    from archsim.config.schema import json_schema
    from archsim.validate.published_schema import published_schema

    if kind == PUBLISHED:
        return published_schema()
    if kind not in schema_kinds():
        known = schema_kinds()
        sentence = f"schema must be one of {', '.join(known)}, not {show(kind)}"
        raise ConfigError(sentence + near(kind, known))
    return json_schema(kind, vocabulary() if kind == "run" else None)


def print_schema(kind: str, folder: Path | None) -> None:
    """Print a JSON Schema, or write all of them into ``folder``, as ``<kind>.json``."""
    if folder is None:
        print(json.dumps(schema_of(kind), indent=2))
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in schema_kinds():
            (folder / f"{each}.json").write_text(schema_text(each), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--output: {folder} must be a folder that can be written ({error.strerror})"
        ) from None
    print(folder)


def schema_text(kind: str) -> str:
    """Return a schema as it lies in a file: short, the same bytes each time."""
    return json.dumps(schema_of(kind), separators=(",", ":"), sort_keys=True) + "\n"


def _devices() -> list[dict[str, Any]]:
    rows = []
    for name in sorted(device_files()):
        device = load_device(name)
        basis = [constant.basis for _, constant in device.constants()]
        rows.append(
            {
                "name": name,
                "machine": getattr(device, "machine", ""),
                "title": getattr(device, "title", ""),
                "constants": len(basis),
                "estimated": basis.count("estimated"),
            }
        )
    return rows


def _workloads() -> list[dict[str, Any]]:
    from workloads import models

    return [
        {"model": name, "about": models.describe(name), "choices": ", ".join(models.choices(name))}
        for name in models.names()
    ]


def _presets() -> list[dict[str, Any]]:
    root = configs_dir()
    return [
        {"preset": name, "file": path.relative_to(root).as_posix()}
        for name, path in sorted(run_files().items())
    ]
