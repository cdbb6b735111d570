"""Measured datasets shipped with the package; ``README.md`` here says how they were made."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """Return the names of the shipped datasets, sorted."""
    return tuple(sorted(p.stem for p in _HERE.glob("*.json")))


def path(name: str) -> Path:
    """Return the file of the dataset ``name`` (with or without ``.json``).

    Raises ``ValueError`` that names the known datasets where there is none of that name.
    """
    stem = name.removesuffix(".json")
    if stem not in names():
        raise ValueError(f"dataset must be one of {', '.join(names())}, not {name!r}")
    return _HERE / f"{stem}.json"
