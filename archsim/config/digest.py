"""Digests of resolved designs: equal designs, and only those, have equal digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel


def plain(value: Any) -> Any:
    """Return ``value`` (a model, mapping, list or scalar) as plain JSON data."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def digest(value: Any) -> str:
    """Return the SHA-256 of ``value`` as canonical JSON: sorted keys, no spaces, no NaN."""
    text = json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()
