from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor

import pytest

from archsim.sweep import Space, worker
from archsim.sweep.dispatch import BATCH_SECONDS, MAX_BATCH, WINDOW, BatchSize, WorkersError
from archsim.sweep.executor import InlineExecutor


def test_batches_grow_to_the_aimed_time_and_shrink_at_once():
    size, seen = BatchSize(BATCH_SECONDS), []
    for _ in range(6):
        size.learn(size.points, size.points * 0.001)
        seen.append(size.points)
    assert seen == [4, 16, 50, 50, 50, 50]
    size.learn(50, 50 * BATCH_SECONDS)
    assert size.points == 1


def test_cheap_points_stay_within_the_largest_batch():
    size = BatchSize(BATCH_SECONDS)
    for _ in range(10):
        size.learn(size.points, 0.0)
    assert size.points == MAX_BATCH


class Counting(ThreadPoolExecutor):
    """Threads in place of processes; counts the tasks that are not finished."""

    most = 0

    def __init__(self, setup, workers):
        super().__init__(workers, initializer=worker.start, initargs=(setup,))
        self.flying = []

    def submit(self, fn, /, *args, **kwargs):
        future = super().submit(fn, *args, **kwargs)
        self.flying = [f for f in self.flying if not f.done()] + [future]
        Counting.most = max(Counting.most, len(self.flying))
        return future


def test_what_flies_is_bounded(sweep):
    summary = sweep(Space("grid", {"x": list(range(200))}), workers=2, executor=Counting)
    assert summary.points == 200
    assert 0 < Counting.most <= WINDOW * 2


class Broken(Executor):
    """An executor whose workers end as soon as they start."""

    def submit(self, fn, /, *args, **kwargs):
        raise BrokenExecutor


def test_workers_that_cannot_start_are_one_sentence(sweep):
    with pytest.raises(WorkersError, match="workers must be able to start as processes"):
        sweep(Space("grid", {"x": [1, 2]}), workers=2, executor=lambda setup, workers: Broken())


class Moody(InlineExecutor):
    """Breaks at every third task, before the task has run."""

    tasks = 0

    def submit(self, fn, /, *args, **kwargs):
        if fn.__name__ != "ready":
            Moody.tasks += 1
            if Moody.tasks % 3 == 0:
                raise BrokenExecutor
        return super().submit(fn, *args, **kwargs)


def test_an_executor_that_breaks_now_and_then_loses_no_point(sweep, results):
    space = Space("grid", {"x": list(range(50)), "y": [1, 2]})
    summary = sweep(space, workers=2, executor=lambda setup, workers: Moody(setup), folder="moody")
    sweep(space, folder="calm")
    assert (summary.points, summary.failed) == (100, 0)
    assert results("moody") == results("calm")
