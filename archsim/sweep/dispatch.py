"""Feeds points to an executor in batches, in a bounded window, and survives dying workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from typing import Any

from archsim.errors import ArchsimError
from archsim.sweep import worker
from archsim.sweep.executor import ExecutorFactory, local_executor
from archsim.sweep.worker import Batch, WorkerSetup

Item = tuple[int, str | None]
"""A point's index and its key, where it is known."""
Task = Callable[[str, Sequence[Item]], Batch]

BATCH_SECONDS = 0.05
"""Work aimed at per task: far above the cost of a task (0.3 ms), short enough to lose little."""
INLINE_SECONDS = 0.01
"""The same in the driver itself: what a kill can undo, for a batch is stored as one."""
CLUSTER_SECONDS = 0.2
"""The same on a cluster, whose tasks cost a worker and the scheduler about 4 ms each."""
CLUSTER_WORKER_SECONDS = 0.01
"""Added per worker of a large cluster: its one scheduler answers all of them."""
MAX_BATCH = 512
GROWTH = 4
WINDOW = 3
"""Tasks in flight per worker: one running, others queued so that no worker waits."""
STARTS = 8
"""Attempts to start the workers before giving up: on a loaded machine a start takes seconds, in
which somebody who kills workers kills several in a row."""
LONE_ATTEMPTS = 3
"""How often a point that was in flight when a worker died is tried alone: more than once, so that
workers killed by somebody else fail no point."""


class WorkersError(ArchsimError):
    """The worker processes could not start."""


def cluster_seconds(workers: int) -> float:
    """Return the work aimed at per task of a cluster of ``workers``."""
    return max(CLUSTER_SECONDS, CLUSTER_WORKER_SECONDS * workers)


class BatchSize:
    """How many points make a task of ``seconds``, from the measured seconds per point."""

    def __init__(self, seconds: float, limit: int = MAX_BATCH) -> None:
        self._seconds = seconds
        self._limit = limit
        self.points = 1

    def learn(self, points: int, seconds: float) -> None:
        """Adapt to a batch of ``points`` that took ``seconds`` in the worker."""
        ideal = self._limit if seconds <= 0 else int(self._seconds * points / seconds)
        self.points = max(1, min(ideal, self.points * GROWTH, self._limit))


class Crew:
    """The workers of one sweep: an executor that is replaced when it breaks."""

    def __init__(self, factory: ExecutorFactory, setup: WorkerSetup, workers: int) -> None:
        self.workers = workers
        self.inline = factory is local_executor and workers == 1
        self.batch_seconds = INLINE_SECONDS if self.inline else BATCH_SECONDS
        if factory is not local_executor:
            self.batch_seconds = cluster_seconds(workers)
        self._factory = factory
        self._setup = setup
        self._executor: Executor | None = None

    def submit(self, task: Task, items: Sequence[Item]) -> Future[Batch]:
        """Send one task, starting the workers first where none run."""
        if self._executor is None:
            self._executor = self._started()
        return self._executor.submit(task, self._setup.token, items)

    def revive(self) -> None:
        """Replace workers that died while they had nothing to do, which is no point's fault."""
        if self._executor is not None:
            try:
                self._executor.submit(worker.ready, self._setup.token).result()
            except BrokenExecutor:
                self.drop()

    def drop(self) -> None:
        """Give up a broken executor; the next task starts another."""
        self.close(kill=True)

    def close(self, kill: bool) -> None:
        """End the workers: at once with ``kill``, else after their tasks.

        Local processes are always ended at once, for their results are in by then: a worker that
        was killed from outside while it waited can hold the queue's lock, and another would wait
        for it for ever.
        """
        executor, self._executor = self._executor, None
        if executor is None:
            return
        killer = getattr(executor, "kill", None)
        if killer is not None:
            killer()
        else:
            executor.shutdown(wait=True, cancel_futures=kill)

    def _started(self) -> Executor:
        for _ in range(STARTS):
            try:
                executor = self._factory(self._setup, self.workers)
            except BrokenExecutor:  # a cluster's worker died meanwhile
                continue
            try:
                executor.submit(worker.ready, self._setup.token).result()
            except BrokenExecutor:
                executor.shutdown(wait=True)
            except BaseException:
                executor.shutdown(wait=False, cancel_futures=True)
                raise
            else:
                return executor
        raise WorkersError(
            f"workers must be able to start as processes, but {STARTS} attempts ended at once; "
            "try --workers 1"
        )


def dispatch(
    crew: Crew,
    task: Task,
    points: Iterator[Item],
    total: int,
    accept: Callable[[list[Any]], None],
    lose: Callable[[Item], None],
) -> None:
    """Run ``task`` over ``points`` and hand results to ``accept`` as they arrive.

    ``total`` is the number of points, used to spread the last batches evenly. ``lose`` is called
    for a point whose worker died each time it was tried.
    """
    size = BatchSize(crew.batch_seconds)
    window = 1 if crew.inline else WINDOW * crew.workers
    queue = _Queue(points, total)
    flying: dict[Future[Batch], list[Item]] = {}
    while True:
        while len(flying) < window:
            items = queue.take(min(size.points, max(1, queue.left // (2 * crew.workers))))
            if not items:
                break
            try:
                flying[crew.submit(task, items)] = items
            except BrokenExecutor:
                queue.put_back(items)
                break
        if flying:
            suspects = _collect(flying, size, accept)
        elif queue.left:
            crew.drop()
            continue
        else:
            return
        if suspects:
            crew.drop()
            for item in suspects:
                _alone(crew, task, item, accept, lose)


class _Queue:
    """The points not yet sent; ``left`` of them."""

    def __init__(self, points: Iterator[Item], total: int) -> None:
        self._points = points
        self.left = total

    def take(self, most: int) -> list[Item]:
        items = list(itertools.islice(self._points, most))
        self.left = self.left - len(items) if items else 0
        return items

    def put_back(self, items: list[Item]) -> None:
        self._points = itertools.chain(items, self._points)
        self.left += len(items)


def _collect(
    flying: dict[Future[Batch], list[Item]],
    size: BatchSize,
    accept: Callable[[list[Any]], None],
) -> list[Item]:
    """Accept finished batches; return the points of a broken executor, all of them."""
    done, _ = wait(flying, return_when=FIRST_COMPLETED)
    broken = False
    for future in done:
        if isinstance(future.exception(), BrokenExecutor):
            broken = True
            continue
        items = flying.pop(future)
        batch = future.result()
        size.learn(len(items), batch.seconds)
        accept(batch.results)
    if not broken:
        return []
    suspects = _salvage(flying, accept)
    flying.clear()
    return suspects


def _salvage(
    flying: dict[Future[Batch], list[Item]], accept: Callable[[list[Any]], None]
) -> list[Item]:
    """Accept what a broken executor still finished; return the other points by index."""
    suspects: list[Item] = []
    for future, items in flying.items():
        try:
            batch = future.result()
        except BrokenExecutor:
            suspects.extend(items)
        else:
            accept(batch.results)
    return sorted(suspects)


def _alone(
    crew: Crew,
    task: Task,
    item: Item,
    accept: Callable[[list[Any]], None],
    lose: Callable[[Item], None],
) -> None:
    """Try a point with nothing else in flight, so that a death is its own."""
    for _ in range(LONE_ATTEMPTS):
        crew.revive()
        try:
            batch = crew.submit(task, [item]).result()
        except BrokenExecutor:
            crew.drop()
        else:
            accept(batch.results)
            return
    lose(item)
