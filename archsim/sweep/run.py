"""The sweep itself: identify the points, evaluate what the store lacks, write the results."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.constraint import Constraint
from archsim.config.search import Search
from archsim.sweep import worker
from archsim.sweep.dispatch import Crew
from archsim.sweep.executor import ExecutorFactory, local_executor
from archsim.sweep.space import Space
from archsim.sweep.store import Store
from archsim.sweep.work import Goal, Sweep, SweepInterrupted, SweepProgress, Work

FAILURES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason for which points failed, the exception's class name and how many points."""

    error: str
    reason: str
    points: int


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """What a sweep did.

    ``points`` distinct points belong to the run: ``reused`` came from the store, ``evaluated``
    are new; ``failed`` of all of them failed, most often for ``failures``; ``by_class`` counts
    them by class of exception, each with one of its reasons. ``front`` counts the Pareto points,
    ``files`` are the result files by name (both empty without an output folder).
    """

    points: int
    reused: int
    evaluated: int
    failed: int
    failures: tuple[Failure, ...]
    by_class: tuple[Failure, ...]
    front: int
    files: dict[str, Path]
    seconds: float


def run_sweep(
    space: Space,
    context: dict[str, Any],
    *,
    evaluate: str,
    identify: str,
    store_path: Path,
    workers: int = 1,
    progress: Callable[[SweepProgress], None] | None = None,
    minimize: Sequence[str] = (),
    constraints: Sequence[Constraint] = (),
    search: Search | None = None,
    output: Path | None = None,
    keep_detail: bool = True,
    forget: str = "",
    executor: ExecutorFactory = local_executor,
) -> SweepSummary:
    """Evaluate the points of ``space`` that the store lacks, and write the results.

    With ``search`` these are the points that its sampler suggests, else all of them.

    ``evaluate`` and ``identify`` are dotted names ``module:function``, called in the workers as
    ``evaluate(context, overrides) -> {"metrics": {name: finite number}, ...}`` and
    ``identify(context, overrides) -> key``. A point that raises is recorded as failed with its
    reason. ``minimize`` names the metrics of the Pareto front, on which no point is that breaks one
    of ``constraints``; ``output`` is the folder of ``results.{csv,json,parquet}`` and
    ``pareto.csv``, and of ``search.csv`` after a search. ``keep_detail`` stores what ``evaluate``
    answers beside the metrics. ``forget`` names a function that gives up what the other two keep
    between points in the driver's process; it is called before the results are written.

    Raises ``ConfigError`` for a store that cannot be used or a metric that no point has,
    ``SweepInterrupted`` on Ctrl-C (finished points stay), ``ValueError`` for ``workers`` < 1.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers}")
    began = time.perf_counter()
    setup = worker.WorkerSetup(
        uuid.uuid4().hex, context, space, evaluate, identify, keep_detail, forget
    )
    with Store(store_path) as store:
        crew = Crew(executor, setup, workers)
        work = _work(store, setup, crew, progress, Goal(minimize, constraints), search)
        evaluated = work.run()
        front, files = 0, dict[str, Path]()
        if output is not None:
            from archsim.sweep.export import export

            front, files = export(store, space, output, minimize, constraints)
            files |= work.export(output)
        return _summary(store, evaluated, front, files, time.perf_counter() - began)


def _work(
    store: Store,
    setup: worker.WorkerSetup,
    crew: Crew,
    progress: Callable[[SweepProgress], None] | None,
    goal: Goal,
    search: Search | None,
) -> Work:
    if search is None:
        return Sweep(store, setup, crew, progress, goal, setup.space.size)
    from archsim.sweep.search import SearchWork  # only searches need Optuna

    return SearchWork(store, setup, crew, progress, goal, search)


def _summary(
    store: Store, evaluated: int, front: int, files: dict[str, Path], seconds: float
) -> SweepSummary:
    counts = store.counts()
    points = counts.ok + counts.failed
    return SweepSummary(
        points=points,
        reused=points - evaluated,
        evaluated=evaluated,
        failed=counts.failed,
        failures=tuple(Failure(*found) for found in store.failures(FAILURES_SHOWN)),
        by_class=tuple(Failure(*found) for found in store.failed_by_class()),
        front=front,
        files=files,
        seconds=seconds,
    )


__all__ = ["Failure", "SweepInterrupted", "SweepProgress", "SweepSummary", "run_sweep"]
