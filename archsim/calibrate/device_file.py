"""Writing a complete device file: every constant of the base, the fitted ones with provenance."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from archsim.calibrate.fit import Fitted
from archsim.config.constant import NAME_PATTERN, Constant, Rule
from archsim.config.gpu import GpuDevice
from archsim.config.leaves import field_class

Entry = dict[str, Any]

LEAST_UNCERTAINTY = 0.005
"""Constants are written with four digits, which is no better than this."""


def calibrated(device: GpuDevice, fitted: tuple[Fitted, ...], name: str, source: str) -> Entry:
    """Return ``device`` as plain data with ``fitted`` constants, their basis and ``source``."""
    data: Entry = device.model_dump()
    data.update(name=name, title=f"{device.title}, calibrated")
    for constant in fitted:
        *groups, leaf = constant.path.split(".")
        node = data
        for group in groups:
            node = node[group]
        node[leaf].update(
            value=float(f"{constant.value:.4g}"),
            basis="calibrated",
            source=source,
            uncertainty=float(f"{max(constant.uncertainty, LEAST_UNCERTAINTY):.2g}"),
        )
    return data


def write_device(path: Path, data: Entry, comment: str) -> None:
    """Write ``data`` as a device file with ``comment`` above, in one step."""
    partial = path.with_name(path.name + ".partial")
    text = "\n".join([f"# {comment}", *group_lines(GpuDevice, data)]) + "\n"
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def number(value: float) -> str:
    """Return ``value`` as short YAML: whole numbers plain, large ones with an exponent."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    mantissa, _, exponent = f"{value:.12e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    if -4 <= int(exponent) < 6:
        return repr(float(value))
    return f"{mantissa}e{int(exponent)}"


def constant_text(entry: Entry, unit: str) -> str:
    """Return one constant as a YAML flow mapping."""
    return (
        f"{{value: {number(entry['value'])}, unit: {unit}, basis: {entry['basis']}, "
        f"source: {json.dumps(entry['source'], ensure_ascii=False)}, "
        f"uncertainty: {number(entry['uncertainty'])}}}"
    )


def quoted(unit: str) -> str:
    """Return a unit as YAML text: quoted where it would read as a number."""
    return f'"{unit}"' if unit[0].isdigit() else unit


def group_lines(schema: type[BaseModel], values: Entry, indent: int = 0) -> list[str]:
    """Return the lines of ``values`` in the order of ``schema``; absent parts are left out."""
    lines: list[str] = []
    pad = "  " * indent
    for name, info in schema.model_fields.items():
        value = values.get(name)
        if value is None:
            continue
        inner = field_class(info.annotation)
        if inner is Constant:
            unit = next(m.unit for m in info.metadata if isinstance(m, Rule))
            lines.append(f"{pad}{name}: {constant_text(value, quoted(unit))}")
        elif inner is not None:
            lines.append(f"{pad}{name}:")
            lines.extend(group_lines(inner, value, indent + 1))
        else:
            plain = value if name == "machine" else json.dumps(value, ensure_ascii=False)
            lines.append(f"{pad}{name}: {plain}")
    return lines


def name_of(path: Path) -> str | None:
    """Return the device's name in the file ``path``; ``None`` where its stem cannot be one."""
    return path.stem if re.match(NAME_PATTERN, path.stem) else None
