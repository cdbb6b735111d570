"""The names a run file may use: models with their choices, single operators, metrics."""

from __future__ import annotations

from dataclasses import fields

from archsim.app.machines import METRICS
from archsim.config import Vocabulary
from archsim.graph import OP_KINDS


def vocabulary() -> Vocabulary:
    """Return what ``load_run`` checks names against."""
    from archsim.app.workload import build_graph
    from workloads import models

    return Vocabulary(
        models=models.names(),
        choices=models.choices,
        operators={kind: tuple(f.name for f in fields(op)) for kind, op in OP_KINDS.items()},
        metrics=METRICS,
        build=build_graph,
    )
