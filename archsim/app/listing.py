"""What there is to choose from: devices, workloads, presets, and the schemas of their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archsim.app.output import print_table, write_json
from archsim.config import load_device
from archsim.config.paths import configs_dir, device_files, run_files
from archsim.errors import ConfigError

KINDS = ("devices", "workloads", "presets")


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


def print_schema(kind: str) -> None:
    """Print the JSON Schema of a run file or a machine's device file."""
    from archsim.app.vocabulary import vocabulary
    from archsim.config.schema import json_schema

    print(json.dumps(json_schema(kind, vocabulary() if kind == "run" else None), indent=2))


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
