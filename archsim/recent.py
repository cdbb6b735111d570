"""A memory of what was used last: caches that a sweep of any size cannot fill up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def _one(_: object) -> int:
    return 1


class Recent(Generic[K, V]):
    """Values by key, those used longest ago given up first.

    The kept values weigh ``limit`` together at most (``weigh`` of each, 1 by default); the newest
    is kept whatever it weighs. Raises ``ValueError`` for a limit below 1.
    """

    def __init__(self, limit: int, weigh: Callable[[V], int] = _one) -> None:
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit}")
        self._limit = limit
        self._weigh = weigh
        self._kept: dict[K, V] = {}
        self._weight = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        """Return the value of ``key``, now the one used last, or None."""
        value = self._kept.pop(key, None)
        if value is not None:
            self._kept[key] = value
        return value

    def put(self, key: K, value: V) -> V:
        """Keep ``value``, which must not be None, and return it."""
        known = self._kept.pop(key, None)
        if known is not None:
            self._weight -= self._weigh(known)
        self._kept[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._limit and len(self._kept) > 1:
            self._weight -= self._weigh(self._kept.pop(next(iter(self._kept))))
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._weight = 0
