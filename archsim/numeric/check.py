"""Checks of constructor arguments, with the sentences that the tests match."""

from __future__ import annotations


def integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` if it is an integer of ``low`` to ``high``; else TypeError or ValueError."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if value < low or (high is not None and value > high):
        rule = f"at least {low}" if high is None else f"{low} to {high}"
        raise ValueError(f"{name} must be {rule}, not {value!r}")
    return value


def one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
