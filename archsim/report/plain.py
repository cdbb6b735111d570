"""Any value as JSON data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_DIGITS = 7


def plain(value: Any, exact: bool = False) -> Any:
    """Return ``value`` as JSON data: unknown types as text, no NaN.

    Numbers are rounded unless they are to be ``exact``, as in a design that is to run again.
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v, exact) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v, exact) for v in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if not isinstance(value, float):
        return str(value)
    return value if exact and math.isfinite(value) else number(value)


def number(value: Any) -> float | int | None:
    """Return ``value`` with seven digits, None where it is no finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 2**53 else short
