"""One finished point, as workers send it and the store keeps it."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any, NamedTuple

from archsim.sweep.space import canonical

OK = "ok"
FAILED = "failed"
LOST = "lost"
"""The worker died or ran out of memory: exported as failed, and tried again by the next run."""

LOST_REASON = "the worker process died while it evaluated this point (often: out of memory)"


class Record(NamedTuple):
    """A point's outcome in the form of the store's columns.

    ``metrics`` and ``overrides`` are canonical JSON texts, ``detail`` is zlib-compressed JSON or
    empty, ``error`` the class name of the exception, ``reason`` one sentence. ``place`` is the
    point's index in the space of this run; the store's files hold it nowhere.
    """

    place: int
    key: str
    overrides: str
    status: str
    metrics: str
    error: str
    reason: str
    detail: bytes

    @property
    def crc(self) -> int:
        """Checksum over everything that the results show."""
        return checksum(self.key, self.status, self.metrics, self.reason)


def checksum(key: str, status: str, metrics: str, reason: str) -> int:
    """Return the CRC-32 that guards a stored row against a damaged file."""
    return zlib.crc32("\0".join((key, status, metrics, reason)).encode())


UNRESOLVED = "unresolved-"
"""Begins the keys of points that could not be identified."""


def unresolved_key(context: dict[str, Any], overrides: dict[str, Any], reason: str) -> str:
    """Return the key of a point that ``identify`` could not identify, for ``reason``."""
    text = canonical(["unresolved", context, overrides, reason])
    return UNRESOLVED + hashlib.sha256(text.encode()).hexdigest()


def lost_record(index: int, key: str, overrides: dict[str, Any]) -> Record:
    """Return the record of a point whose worker died every time."""
    return Record(index, key, canonical(overrides), LOST, "{}", "LostWorker", LOST_REASON, b"")
