"""The identity of the models: a digest of their sources, so that results never outlive them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

_PARTS = ("formats", "graph", "mapping", "engine", "metrics", "models", "numeric")


@cache
def model_digest() -> str:
    """Return the SHA-256 of every source file that can change a prediction."""
    package = Path(__file__).parent
    roots = [package / part for part in _PARTS] + [package.parent / "workloads" / "models"]
    digest = hashlib.sha256()
    for root in roots:
        for path in sorted(root.rglob("*.py")):
            digest.update(path.relative_to(package.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
