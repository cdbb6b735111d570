"""Near-miss suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that ``name`` most likely means, or None."""
    names = list(known)
    folded = {other.lower().replace("-", "_"): other for other in reversed(names)}
    near = get_close_matches(name[:80].lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[near[0]] if near else None


def near(name: object, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` where a known name is near, else nothing."""
    found = closest(name, known) if isinstance(name, str) else None
    return f"; did you mean {found!r}?" if found is not None else ""


def hint(name: object, known: Iterable[str]) -> str:
    """Return what ``near`` does, or the known names where none is near and few are known."""
    names = list(known)
    listed = f" (known: {', '.join(names)})" if 0 < len(names) <= 24 else ""
    return near(name, names) or listed
