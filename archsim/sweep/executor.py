"""The executor seam: anything with the interface of ``concurrent.futures.Executor``.

An ``ExecutorFactory`` takes the setup of the workers and their number, and returns an executor
whose processes have called ``worker.start``. Local processes stand here; a cluster engine
brings its own factory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from archsim.sweep import worker
from archsim.sweep.worker import WorkerSetup

P = ParamSpec("P")
T = TypeVar("T")
ExecutorFactory = Callable[[WorkerSetup, int], Executor]


class InlineExecutor(Executor):
    """Runs each task in this process, inside ``submit``."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._token = setup.token
        worker.start(setup)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn`` now and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Forget the context."""
        worker.stop(self._token)


class LocalPool(ProcessPoolExecutor):
    """Spawned processes that need no ``__main__`` and that ``kill`` ends at once."""

    def __init__(self, setup: WorkerSetup, workers: int) -> None:
        super().__init__(
            workers,
            mp_context=get_context("spawn"),
            initializer=worker.start_process,
            initargs=(setup,),
        )

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue ``fn``; a process that starts for it does not import the caller's script."""
        with without_main():
            return super().submit(fn, *args, **kwargs)

    def kill(self) -> None:
        """End all workers without waiting for what they are doing."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


def local_executor(setup: WorkerSetup, workers: int) -> Executor:
    """Return the executor for this machine: inline for one worker, else processes."""
    return InlineExecutor(setup) if workers == 1 else LocalPool(setup, workers)


@contextmanager
def without_main() -> Iterator[None]:
    """Hide ``__main__``: tasks are dotted names, so workers must not run the user's script."""
    main: Any = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
