"""Which measured cases constants are fitted on, and which judge them.

The half of a case depends on nothing but its shape (operator, dimensions, dtype, backend): not on
its place in a file, its time, or the library's kernel. The same shape measured twice therefore
never sits on both sides. Calibrators and ``validate`` both ask here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

MEASURED_FIELDS = frozenset(
    {"flops", "bytes", "kernels", "names", "sequence", "top", "params", "sweep", "joules",
     "watts", "celsius", "power_samples", "cycles", "iterations", "reasons", "algo", "cluster",
     "custom", "inner", "rank",
     "reduction", "split_k", "stages", "swizzle", "tile", "waves", "workspace"}
)  # fmt: skip
"""Fields that describe the measurement or the library's algorithm, or follow from the shape."""

_MEASURED = re.compile(r"(us|span_us|sm_mhz)(_\w+)?|\w+_us")

_SALT = 2734
# Chosen among 4,000 for one property only: on the shipped H200 kernels both halves hold about as
# many cases of each operator, dtype and backend. No time took part in the choice.


def _is_measured(field: str) -> bool:
    return field in MEASURED_FIELDS or _MEASURED.fullmatch(field) is not None


def shape(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of ``case`` that say what was computed, sorted by name."""
    return {k: case[k] for k in sorted(case) if not _is_measured(k)}


def fold(case: Mapping[str, Any], folds: int) -> int:
    """Return the fold of ``case``, from 0 to ``folds - 1``, by a hash of its shape."""
    if folds < 1:
        raise ValueError(f"folds must be at least 1, not {folds!r}")
    text = json.dumps(shape(case), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(f"{_SALT}:{text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds


def is_check(case: Mapping[str, Any]) -> bool:
    """Return whether ``case`` belongs to the half that judges (else constants may use it)."""
    return fold(case, 2) == 1
