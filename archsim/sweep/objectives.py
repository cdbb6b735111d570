"""The metrics to minimise: plain names, checked against what the points answered."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from archsim.errors import ConfigError


def check_objectives(minimize: Sequence[str], metrics: Sequence[str]) -> None:
    """Raise ``ConfigError`` with the nearest name unless every objective is a metric, once."""
    for place, name in enumerate(minimize):
        if name not in metrics:
            near = difflib.get_close_matches(name, metrics, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(metrics))
            raise ConfigError(f"minimize[{place}] must be one of {known}, not {name!r}{hint}")
        if name in minimize[:place]:
            raise ConfigError(f"minimize[{place}] must be named once, not {name!r} again")
