"""The sweep itself: identify the points, evaluate what the store lacks, write the results."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.constraint import Constraint
from archsim.sweep import worker
from archsim.sweep.dispatch import Crew, Item, dispatch
from archsim.sweep.executor import ExecutorFactory, local_executor
from archsim.sweep.objectives import check_objectives
from archsim.sweep.record import OK, Record, lost_record, unresolved_key
from archsim.sweep.space import Space
from archsim.sweep.store import Store

PROGRESS_SECONDS = 0.1
"""Progress is reported at most this often, and once at the end."""
RUN_BUFFER = 4096
FAILURES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep is: points done (found in the store or evaluated) of all its points.

    ``phase`` is ``identify`` (looking up which points the store holds) or ``evaluate``.
    """

    phase: str
    done: int
    total: int
    failed: int


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


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; ``done`` of ``total`` points are in the store."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"interrupted after {done} of {total} points; run again to continue")
        self.done = done
        self.total = total


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
    output: Path | None = None,
    keep_detail: bool = True,
    forget: str = "",
    executor: ExecutorFactory = local_executor,
) -> SweepSummary:
    """Evaluate every point of ``space`` that the store lacks, and write the results.

    ``evaluate`` and ``identify`` are dotted names ``module:function``, called in the workers as
    ``evaluate(context, overrides) -> {"metrics": {name: finite number}, ...}`` and
    ``identify(context, overrides) -> key``. A point that raises is recorded as failed with its
    reason. ``minimize`` names the metrics of the Pareto front, on which no point is that breaks one
    of ``constraints``; ``output`` is the folder of ``results.{csv,json,parquet}`` and
    ``pareto.csv``. ``keep_detail`` stores what ``evaluate``
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
        sweep = _Sweep(
            store, setup, Crew(executor, setup, workers), progress, minimize, constraints
        )
        evaluated = sweep.run()
        front, files = 0, dict[str, Path]()
        if output is not None:
            from archsim.sweep.export import export

            front, files = export(store, space, output, minimize, constraints)
        return _summary(store, evaluated, front, files, time.perf_counter() - began)


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


class _Sweep:
    """One run over an open store."""

    def __init__(
        self,
        store: Store,
        setup: worker.WorkerSetup,
        crew: Crew,
        progress: Callable[[SweepProgress], None] | None,
        minimize: Sequence[str],
        constraints: Sequence[Constraint],
    ) -> None:
        self._store = store
        self._setup = setup
        self._crew = crew
        self._progress = progress
        self._minimize = minimize
        self._constraints = constraints
        self._unchecked = bool(minimize or constraints)
        self._pairs: list[tuple[str, int]] = []
        self._unkeyed: list[Item] = []
        self._phase = "evaluate"
        self._done = 0
        self._failed = 0
        self._total = setup.space.size
        self._new = 0
        self._told = 0.0

    def run(self) -> int:
        """Evaluate what is missing; return the number of new points."""
        try:
            points, missing = self._missing()
            dispatch(self._crew, worker.evaluate_batch, points, missing, self._finish, self._lose)
            self._flush()
        except KeyboardInterrupt:
            self._crew.close(kill=True)
            done = self._done if self._phase == "evaluate" else 0
            raise SweepInterrupted(done, self._total) from None
        except BaseException:
            self._crew.close(kill=True)
            raise
        self._crew.close(kill=False)
        self._tell(last=True)
        return self._new

    def _missing(self) -> tuple[Iterator[Item], int]:
        """Return the points to evaluate, and how many they are."""
        everything = ((index, None) for index in range(self._total))
        if self._store.fresh:
            return everything, self._total
        self._phase = "identify"
        dispatch(
            self._crew,
            worker.identify_batch,
            everything,
            self._total,
            self._identified,
            self._unkeyed.append,
        )
        self._flush()
        missing = self._store.plan() + len(self._unkeyed)
        counts = self._store.counts()
        self._phase, self._failed = "evaluate", counts.failed
        self._done = self._total - missing
        if counts.ok:
            self._check_minimize(self._store.metric_names())
        return itertools.chain(self._store.todo(), self._unkeyed), missing

    def _identified(self, found: list[tuple[int, str]]) -> None:
        for index, key in found:
            self._belongs(key, index)
        self._done += len(found)
        self._tell()

    def _finish(self, records: list[Record]) -> None:
        for record in records:
            self._new += self._store.commit(record)
            self._belongs(record.key, record.place)
            self._done += 1
            if record.status != OK:
                self._failed += 1
            elif self._unchecked:
                self._check_minimize(list(worker.metric_names(record)))
        self._tell()

    def _lose(self, item: Item) -> None:
        index, key = item
        overrides = self._setup.space[index]
        if key is None:
            key = self._key_of_lost(item, overrides)
        self._finish([lost_record(index, key, overrides)])

    def _key_of_lost(self, item: Item, overrides: dict[str, Any]) -> str:
        """Identify in a worker, in case that is what kills it."""
        try:
            results = self._crew.submit(worker.identify_batch, [item]).result().results
        except BrokenExecutor:
            self._crew.drop()
            return unresolved_key(self._setup.context, overrides, "lost")
        return str(results[0][1])

    def _belongs(self, key: str, index: int) -> None:
        self._pairs.append((key, index))
        if len(self._pairs) >= RUN_BUFFER:
            self._flush()

    def _flush(self) -> None:
        self._store.add_to_run(self._pairs)
        self._pairs.clear()

    def _check_minimize(self, names: list[str]) -> None:
        """Refuse a misspelt objective with the first answer, not after the whole sweep."""
        self._unchecked = False
        check_objectives(self._minimize, names, self._constraints)

    def _tell(self, last: bool = False) -> None:
        if self._progress is None:
            return
        now = time.monotonic()
        if last or now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._progress(SweepProgress(self._phase, self._done, self._total, self._failed))
