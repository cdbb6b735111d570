"""Workers on a cluster: Dask distributed behind the executor seam.

A target is ``tcp://host:port`` (a running scheduler; its workers must have this version of
archsim), ``local:N`` (N processes on this machine under a scheduler of their own) or
``slurm:FILE`` (jobs that Dask-Jobqueue submits; the file holds its ``SLURMCluster`` options and
``jobs``, their number). Workers write nothing; the driver owns the store.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    InvalidStateError,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from archsim.config.yaml_strict import read_document, show
from archsim.errors import ConfigError
from archsim.sweep import worker
from archsim.sweep.executor import ExecutorFactory, without_main
from archsim.sweep.worker import WorkerSetup
from archsim.version import model_digest

if TYPE_CHECKING:
    from distributed import Client

P = ParamSpec("P")
T = TypeVar("T")
Connect = Callable[[], tuple["Client", Any]]
MOST_LOCAL = 1024
CONNECT_SECONDS = 10
WATCH_SECONDS = 1
JOIN_SECONDS = 60
WORKERS_SECONDS = 300
"""How long a cluster may take to bring its first worker: a batch queue may be full."""


def cluster(target: str) -> tuple[ExecutorFactory, int]:
    """Return the executor of ``target`` and the number of its workers.

    Raises ``ConfigError`` for a target of another form, an address where no scheduler answers,
    a file with wrong options, or where Dask is not installed.
    """
    kind, _, rest = target.partition(":")
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise ConfigError("--cluster needs Dask: pip install 'archsim[cluster]'") from None
    for name in ("distributed", "tornado"):  # a lost scheduler is one sentence, no tracebacks
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if kind == "local" and re.fullmatch(r"[1-9]\d{0,3}", rest) and int(rest) <= MOST_LOCAL:
        return _factory(lambda: _local(int(rest))), int(rest)
    if kind in ("tcp", "tls") and rest.startswith("//"):
        return _factory(lambda: (_client(target), None)), _workers_at(target)
    if kind == "slurm" and rest:
        options, jobs = _slurm_options(Path(rest))
        per_job = options.get("processes", 1)
        return _factory(lambda: _slurm(rest, options, jobs)), jobs * int(per_job)
    raise ConfigError(
        f"--cluster must be tcp://HOST:PORT, local:N with N from 1 to {MOST_LOCAL}, or "
        f"slurm:FILE, not {show(target)}"
    )


class ClusterExecutor(Executor):
    """Tasks on the workers of a Dask cluster, each of which has called ``worker.start``."""

    def __init__(self, setup: WorkerSetup, connect: Connect) -> None:
        self._client, self._cluster = connect()
        plugin = _plugin(setup, model_digest())
        self._plugin = plugin.name
        self._pending: set[Future[Any]] = set()
        self._closed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        try:
            self._client.register_plugin(plugin)
        except OSError as error:  # a worker or the scheduler was lost meanwhile
            self.kill()
            raise BrokenExecutor(str(error)) from None
        except BaseException:
            self.kill()
            raise

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send ``fn`` to a worker; a lost worker or scheduler shows as ``BrokenExecutor``."""
        outer: Future[T] = Future()
        try:
            inner = self._client.get_executor(pure=False).submit(fn, *args, **kwargs)
        except Exception as error:
            raise BrokenExecutor(f"the scheduler does not answer ({error})") from None
        self._pending.add(outer)
        outer.add_done_callback(self._pending.discard)
        inner.add_done_callback(lambda done: _pass_on(done, outer))
        return outer

    def _watch(self) -> None:
        """Break what waits for a lost scheduler: a task sent as it died is never answered."""
        while not self._closed.wait(WATCH_SECONDS):
            if self._client.status != "running":
                for outer in tuple(self._pending):
                    _settle(outer, BrokenExecutor("the scheduler was lost"))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster, and end it where it was started for this run."""
        self.kill()

    def kill(self) -> None:
        """Give up what is running and leave the cluster."""
        self._closed.set()
        for close in (self._forget, self._client.close, self._end):
            with contextlib.suppress(Exception):
                close()

    def _forget(self) -> None:
        if self._cluster is None and self._client.status == "running":
            self._client.unregister_worker_plugin(self._plugin)

    def _end(self) -> None:
        if self._cluster is not None:
            self._cluster.close(timeout=10)


def _factory(connect: Connect) -> ExecutorFactory:
    return lambda setup, workers: ClusterExecutor(setup, connect)


def _plugin(start_with: WorkerSetup, digest: str) -> Any:
    """Return what prepares each worker, those too that join or restart later."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Start(WorkerPlugin):  # type: ignore[misc, unused-ignore]
        name = f"archsim-{start_with.token}"

        def setup(self, worker: Any) -> None:
            _start(start_with, digest)

        def teardown(self, worker: Any) -> None:
            _stop(start_with.token)

    return Start()


def _start(setup: WorkerSetup, digest: str) -> None:
    """Runs in a worker."""
    own = model_digest()
    if own != digest:
        sentence = f"its archsim must be the driver's ({digest[:12]}), not {own[:12]}"
        worker.refuse(setup.token, ConfigError(sentence))
        return
    worker.start(setup)


def _stop(token: str) -> None:
    worker.stop(token)


def _pass_on(done: Future[T], outer: Future[T]) -> None:
    """Hand the outcome of a task on; what is the cluster's fault breaks the executor."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError
    from distributed.comm.core import CommClosedError

    if done.cancelled():
        _settle(outer, BrokenExecutor("the scheduler was lost"))
        return
    error = done.exception()
    lost = (KilledWorker, CommClosedError, FutureCancelledError, CancelledError, TimeoutError)
    if error is None:
        with contextlib.suppress(InvalidStateError):
            outer.set_result(done.result())
    else:
        _settle(outer, BrokenExecutor(str(error)) if isinstance(error, lost) else error)


def _settle(outer: Future[Any], error: BaseException) -> None:
    """End ``outer`` with ``error`` unless it has ended."""
    with contextlib.suppress(InvalidStateError):
        outer.set_exception(error)


def _client(address: str) -> Client:
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (TimeoutError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(
            f"--cluster: a scheduler must answer at {address} ({' '.join(reason.split())})"
        ) from None


def _workers_at(address: str) -> int:
    client = _client(address)
    try:
        client.wait_for_workers(1, timeout=JOIN_SECONDS)
        return len(client.scheduler_info(n_workers=-1)["workers"])
    except TimeoutError:
        raise ConfigError(f"--cluster: the scheduler at {address} must have workers") from None
    finally:
        client.close()


def _local(workers: int) -> tuple[Client, Any]:
    from distributed import Client, LocalCluster

    with without_main():
        found = LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, silence_logs=logging.CRITICAL,
            dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False},
        )  # fmt: skip
        return Client(found, set_as_default=False), found


def _slurm(file: str, options: dict[str, Any], jobs: int) -> tuple[Client, Any]:
    from dask_jobqueue.slurm import SLURMCluster
    from distributed import Client

    try:
        found = SLURMCluster(**options)
    except (TypeError, ValueError) as error:
        sentence = " ".join(str(error).split())
        raise ConfigError(f"{file}: SLURMCluster must know its options ({sentence})") from None
    found.scale(jobs=jobs)
    client = Client(found, set_as_default=False)
    try:
        client.wait_for_workers(1, timeout=WORKERS_SECONDS)
    except TimeoutError:
        found.close()
        sentence = f"no job of {jobs} started within {WORKERS_SECONDS} s"
        raise ConfigError(f"--cluster: slurm must start workers, but {sentence}") from None
    return client, found


def _slurm_options(file: Path) -> tuple[dict[str, Any], int]:
    try:
        import dask_jobqueue  # noqa: F401
    except ImportError:
        raise ConfigError("--cluster slurm: needs pip install 'archsim[cluster]'") from None
    document = read_document(file, str(file))
    options = dict(document.data)
    jobs = options.pop("jobs", None)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        place = ("jobs",) if "jobs" in document.data else ()
        raise document.error(place, f"jobs must be a whole number from 1 up, not {show(jobs)}")
    for name in ("cores", "memory"):
        if name not in options:
            raise document.error((), f"{name} must be given, as dask_jobqueue.SLURMCluster asks")
    return options, jobs
