"""What stands behind a point of a finished run: its operators, stored or worked out again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.app.finished import STORE
from archsim.app.points import evaluate, identify
from archsim.errors import ArchsimError
from archsim.sweep.store import read_detail

KEPT = 2_000
"""Points up to which a run stores every answer whole. A larger one stores the metrics, which takes
a third of the time, and works out the rest for the designs that somebody looks at."""

UNEXPLAINED = (
    f"Operators are not shown: a run of more than {KEPT:,} points stores metrics alone, and this "
    "archsim, or the workload's file, is not that of the run. Run it again to see them."
)


def detail_of(
    folder: Path, context: Mapping[str, Any], point: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the whole answer of ``point`` in the run of ``folder`` that ``context`` describes.

    None where the store does not hold it and this archsim would answer otherwise, for it is another
    version or the workload's file has changed.
    """
    stored = read_detail(folder / STORE, point["key"])
    if stored is not None:
        return {"metrics": point["metrics"], **stored}
    try:
        if identify(context, point["overrides"]) != point["key"]:
            return None
        return evaluate(context, point["overrides"])
    except ArchsimError:
        return None
