"""One run over an open store: points go to the workers, records into the store."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.config.constraint import Constraint
from archsim.sweep import worker
from archsim.sweep.dispatch import Crew, Item, dispatch
from archsim.sweep.objectives import check_objectives
from archsim.sweep.record import OK, Record, lost_record, unresolved_key
from archsim.sweep.store import Store

PROGRESS_SECONDS = 0.1
"""Progress is reported at most this often, and once at the end."""
RUN_BUFFER = 4096


@dataclass(frozen=True, slots=True)
class Goal:
    """What makes a point a good one: metrics to ``minimize``, ``constraints`` to keep."""

    minimize: Sequence[str] = ()
    constraints: Sequence[Constraint] = ()


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep is: points done (found in the store or evaluated) of all its points.

    ``phase`` is ``identify`` (looking up which points the store holds), ``evaluate`` or ``search``.
    """

    phase: str
    done: int
    total: int
    failed: int


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; ``done`` of ``total`` points are in the store."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"interrupted after {done} of {total} points; run again to continue")
        self.done = done
        self.total = total


class Work(ABC):
    """One run over an open store; ``total`` is the number of its points."""

    def __init__(
        self,
        store: Store,
        setup: worker.WorkerSetup,
        crew: Crew,
        progress: Callable[[SweepProgress], None] | None,
        goal: Goal,
        total: int,
    ) -> None:
        self._store = store
        self._setup = setup
        self._crew = crew
        self._progress = progress
        self._goal = goal
        self._unchecked = bool(goal.minimize or goal.constraints)
        self._pairs: list[tuple[str, int]] = []
        self._phase = "evaluate"
        self._done = 0
        self._failed = 0
        self._total = total
        self._new = 0
        self._told = 0.0

    def run(self) -> int:
        """Evaluate what is missing; return the number of new points."""
        try:
            self._work()
            self._flush()
        except KeyboardInterrupt as stop:
            if isinstance(stop, worker.BatchInterrupted):
                self._finish(stop.results)
            self._crew.close(kill=True)
            done = 0 if self._phase == "identify" else self._done
            raise SweepInterrupted(done, self._total) from None
        except BaseException:
            self._crew.close(kill=True)
            raise
        self._crew.close(kill=False)
        self._tell(last=True)
        return self._new

    def export(self, folder: Path) -> dict[str, Path]:
        """Write what this kind of run shows beside its points; return the files by name."""
        return {}

    @abstractmethod
    def _work(self) -> None:
        """Evaluate the points of this run that the store lacks."""

    def _evaluate(self, points: Iterator[Item], count: int) -> None:
        dispatch(self._crew, worker.evaluate_batch, points, count, self._finish, self._lose)

    def _finish(self, records: list[Record]) -> None:
        self._new += self._store.commit(records)
        for record in records:
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
        check_objectives(self._goal.minimize, names, self._goal.constraints)

    def _tell(self, last: bool = False) -> None:
        if self._progress is None:
            return
        now = time.monotonic()
        if last or now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._progress(SweepProgress(self._phase, self._done, self._total, self._failed))


class Sweep(Work):
    """Every point of the space."""

    def _work(self) -> None:
        self._unkeyed: list[Item] = []
        points, missing = self._missing()
        self._evaluate(points, missing)

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
