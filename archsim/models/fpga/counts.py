"""The committed synthesis counts, and how ``archsim synth --record`` adds to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from archsim.config.matrix import MatrixParams

FILE = Path(__file__).with_name("counts.json")
KEPT = ("target", "top", "lut", "ff", "dsp", "bram", "uram", "median_fmax_mhz", "tool_versions")


def load(file: Path = FILE) -> list[dict[str, Any]]:
    """Return the rows: ``params`` and what ``KEPT`` names, in the order of their recording."""
    rows: list[dict[str, Any]] = json.loads(file.read_text())["rows"] if file.exists() else []
    return rows


def record(
    params: MatrixParams, result: Mapping[str, Any], file: Path = FILE, kept: Sequence[str] = KEPT
) -> Path:
    """Add a synthesis result, replacing one of the same design, target and top."""
    row = {"params": asdict(params), **{key: result[key] for key in kept}}

    def same(old: Mapping[str, Any]) -> bool:  # older rows lack newer choices
        alike = (old["target"], old["top"]) == (row["target"], row["top"])
        return alike and MatrixParams(**old["params"]) == params

    return keep(row, same, file)


def keep(row: Mapping[str, Any], same: Callable[[Mapping[str, Any]], bool], file: Path) -> Path:
    """Write ``row`` in place of the one of ``file`` that is the ``same``, else behind all."""
    rows: list[Mapping[str, Any]] = [*load(file)]
    for index, old in enumerate(rows):
        if same(old):
            rows[index] = row
            break
    else:
        rows.append(row)
    text = ",\n".join(json.dumps(entry, sort_keys=True) for entry in rows)
    file.write_text(f'{{"rows": [\n{text}\n]}}\n')
    return file
