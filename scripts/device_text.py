"""Writing device files: one constant a line, in the order of the schema."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from archsim.config.constant import Constant, Rule
from archsim.config.leaves import field_class

Entry = dict[str, Any]


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
    """Return the lines of ``values`` in the order of ``schema``."""
    lines: list[str] = []
    pad = "  " * indent
    for name, info in schema.model_fields.items():
        if name not in values and not info.is_required():
            continue  # a part that only some devices have
        value = values[name]
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
