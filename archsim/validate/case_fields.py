"""Reading the fields of a measured case; what breaks a rule is named in one sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from archsim.errors import ConfigError
from archsim.formats.dtypes import DTYPES

Case = Mapping[str, Any]

LARGEST = 2**40
"""Largest dimension, time, energy or clock that a case may state."""


def positive_number(case: Case, field: str, where: str) -> float:
    """Return the finite positive number ``field`` of ``case``."""
    value = case.get(field)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LARGEST:
        return float(value)
    raise ConfigError(
        f"{where}.{field} must be a number above 0 and at most {LARGEST}, not {brief(case, field)}"
    )


def text(case: Case, field: str, where: str) -> str:
    """Return the non-empty text ``field`` of ``case``."""
    value = case.get(field)
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{where}.{field} must be a name, not {brief(case, field)}")
    return value


def dimension(case: Case, field: str, where: str) -> int:
    """Return the positive integer ``field`` of ``case``."""
    value = case.get(field)
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise ConfigError(
            f"{where}.{field} must be an integer from 1 to {LARGEST}, not {brief(case, field)}"
        )
    return value


def dtype(case: Case, where: str) -> str:
    """Return the data type of ``case``."""
    return choice(case, "dtype", where, tuple(DTYPES))


def choice(case: Case, field: str, where: str, known: Sequence[str]) -> str:
    """Return ``field`` of ``case``, which must be one of ``known``."""
    value = case.get(field)
    if isinstance(value, str) and value in known:
        return value
    near = get_close_matches(value, known, n=1) if isinstance(value, str) else []
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"{where}.{field} must be one of {', '.join(known)}, not {brief(case, field)}{hint}"
    )


def brief(value: Any, field: str | None = None) -> str:
    """Return ``value`` (or what ``field`` of it holds) in at most 40 characters."""
    if field is not None:
        if field not in value:
            return "missing"
        value = value[field]
    if value is None:
        return "nothing"
    shown = json.dumps(value, default=str)
    return shown if len(shown) <= 40 else shown[:37] + "..."
