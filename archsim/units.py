"""Units: conversion factors and readable printing. Internally SI units or whole cycles."""

from __future__ import annotations

US_PER_S = 1e6
KIB = 1024
MIB = 1024**2
GIB = 1024**3

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def si(value: float, unit: str = "", digits: int = 3) -> str:
    """Return ``value`` with an SI prefix, e.g. ``si(4.8e12, "B/s")`` -> ``"4.8 TB/s"``."""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor:
            return f"{value / factor:.{digits}g} {prefix}{unit}".rstrip()
    return f"{value:.{digits}g} {unit}".rstrip()


def duration(us: float) -> str:
    """Return a time in microseconds as ns, µs, ms or s with three digits."""
    for limit, factor, unit in ((1.0, 1e3, "ns"), (1e3, 1.0, "µs"), (1e6, 1e-3, "ms")):
        if abs(us) < limit:
            return f"{us * factor:.3g} {unit}"
    return f"{us * 1e-6:.3g} s"
