"""The metrics to minimise and to limit: plain names, checked against what the points answered."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from archsim.config.constraint import Constraint
from archsim.errors import ConfigError


def check_objectives(
    minimize: Sequence[str], metrics: Sequence[str], constraints: Sequence[Constraint] = ()
) -> None:
    """Raise ``ConfigError`` with the nearest name unless every objective is a metric, once.

    Constraints must be on metrics too.
    """
    named = [(f"minimize[{place}]", name) for place, name in enumerate(minimize)]
    named += [("constraints", constraint.metric) for constraint in constraints]
    for where, name in named:
        if name not in metrics:
            near = difflib.get_close_matches(name, metrics, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(metrics))
            raise ConfigError(f"{where} must be one of {known}, not {name!r}{hint}")
    for place, name in enumerate(minimize):
        if name in minimize[:place]:
            raise ConfigError(f"minimize[{place}] must be named once, not {name!r} again")
