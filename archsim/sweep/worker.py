"""What runs inside a worker process: identify and evaluate batches of points.

A worker receives context, space and function names once, when it starts. A task then holds only
indices, a result only texts and bytes, which keeps transport cheap. Workers write nothing.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import signal
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from typing import Any, NamedTuple

from archsim.errors import ArchsimError
from archsim.sweep.record import FAILED, LOST, OK, UNRESOLVED, Record, unresolved_key
from archsim.sweep.space import Space, canonical

Identify = Callable[[dict[str, Any], dict[str, Any]], str]
Evaluate = Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]]
MAX_REASON = 500
SHORT_BYTES = 4096
"""Texts up to this size are compressed with small tables, which take 14 µs less to set up."""
_COMPACT = json.JSONEncoder(separators=(",", ":"))
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """Everything that a worker needs, sent once per worker.

    ``evaluate``, ``identify`` and ``forget`` are dotted names ``module:function``, the last one
    empty where these functions keep nothing; ``token`` tells the sweeps of one process apart.
    """

    token: str
    context: dict[str, Any]
    space: Space
    evaluate: str
    identify: str
    keep_detail: bool
    forget: str = ""


class Batch(NamedTuple):
    """The results of one task and the seconds its points took in the worker."""

    results: list[Any]
    seconds: float


class BatchInterrupted(KeyboardInterrupt):
    """Ctrl-C in the middle of a batch, which happens in the driver's process alone.

    ``results`` are those of the points that had finished.
    """

    def __init__(self, results: list[Any]) -> None:
        super().__init__()
        self.results = results


class _Worker:
    def __init__(self, setup: WorkerSetup) -> None:
        self.setup = setup
        self.identify: Identify = resolve(setup.identify)
        self.evaluate: Evaluate = resolve(setup.evaluate)


_workers: dict[str, _Worker] = {}
_setup_errors: dict[str, BaseException] = {}


def resolve(name: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names.

    Raises ``ValueError`` where the name has another form or names no function.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"function must be named as module:function, not {name!r}")
    function = getattr(importlib.import_module(module), attribute, None)
    if not callable(function):
        raise ValueError(f"function must name a callable of {module}, not {attribute!r}")
    return function  # type: ignore[no-any-return]


def start(setup: WorkerSetup) -> None:
    """Prepare this process for tasks of ``setup.token``; errors wait for ``ready``."""
    try:
        _workers[setup.token] = _Worker(setup)
    except (Exception, SystemExit) as error:
        _setup_errors[setup.token] = error


def refuse(token: str, error: BaseException) -> None:
    """Let ``ready`` raise ``error`` in this process."""
    _setup_errors[token] = error


def start_process(setup: WorkerSetup) -> None:
    """Prepare a worker process: leave Ctrl-C to the driver and end when the driver ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    start(setup)


def stop(token: str) -> None:
    """Forget ``token``'s context in this process."""
    worker = _workers.pop(token, None)
    _setup_errors.pop(token, None)
    if worker is not None and worker.setup.forget:
        resolve(worker.setup.forget)()


def ready(token: str) -> None:
    """Raise what ``start`` met, if anything."""
    error = _setup_errors.get(token)
    if error is not None:
        raise RuntimeError(f"the worker could not start: {_sentence(error)}") from None


def identify_batch(token: str, items: Sequence[tuple[int, str | None]]) -> Batch:
    """Return ``(index, key)`` of each point."""
    worker = _workers[token]
    began = time.perf_counter()
    keys = [(index, _key(worker, worker.setup.space[index])[0]) for index, _ in items]
    return Batch(keys, time.perf_counter() - began)


def evaluate_batch(token: str, items: Sequence[tuple[int, str | None]]) -> Batch:
    """Return the ``Record`` of each point; a missing or unresolved key is computed first."""
    worker = _workers[token]
    began = time.perf_counter()
    records: list[Record] = []
    try:
        for index, key in items:
            records.append(_record(worker, index, key))
    except KeyboardInterrupt:
        raise BatchInterrupted(records) from None
    return Batch(records, time.perf_counter() - began)


def metric_names(record: Record) -> list[str]:
    """Return the names of a record's metrics."""
    return list(json.loads(record.metrics))


def _key(worker: _Worker, overrides: dict[str, Any]) -> tuple[str, BaseException | None]:
    """Return the point's key, and what stood in the way of identifying it."""
    try:
        key = worker.identify(worker.setup.context, overrides)
        if not isinstance(key, str) or not key:
            raise TypeError(f"key must be a non-empty string, not {key!r}")
    except (Exception, SystemExit) as error:
        return unresolved_key(worker.setup.context, overrides, _sentence(error)), error
    return key, None


def _record(worker: _Worker, index: int, key: str | None) -> Record:
    overrides = worker.setup.space[index]
    text = canonical(overrides)
    if key is None or key.startswith(UNRESOLVED):
        key, error = _key(worker, overrides)
        if error is not None:
            return _failure(index, key, text, error)
    try:
        answer = worker.evaluate(worker.setup.context, overrides)
        metrics = canonical(_finite(answer["metrics"]))
        detail = _packed(answer) if worker.setup.keep_detail else b""
    except (Exception, SystemExit) as error:
        return _failure(index, key, text, error)
    return Record(index, key, text, OK, metrics, "", "", detail)


def _failure(index: int, key: str, overrides: str, error: BaseException) -> Record:
    status = LOST if isinstance(error, MemoryError) else FAILED
    kind = type(error).__name__
    return Record(index, key, overrides, status, "{}", kind, _sentence(error), b"")


def _finite(metrics: Mapping[str, Any]) -> dict[str, float]:
    values = {}
    for name, value in metrics.items():
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"metric {name} must be finite, not {number}")
        values[name] = number
    return values


def _packed(answer: Mapping[str, Any]) -> bytes:
    rest = {name: value for name, value in answer.items() if name != "metrics"}
    if not rest:
        return b""
    text = _COMPACT.encode(rest).encode()
    if len(text) > SHORT_BYTES:
        return zlib.compress(text, 1)
    short = zlib.compressobj(1, zlib.DEFLATED, wbits=12, memLevel=5)
    return short.compress(text) + short.flush()


def _sentence(error: BaseException) -> str:
    """Return the error as one line that is the same in every process."""
    text = " ".join(str(error).split())
    if not isinstance(error, ArchsimError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return _ADDRESS.sub("0x...", text)[:MAX_REASON]


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
