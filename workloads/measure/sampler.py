"""Readings of a board, taken by a process of their own so that the launching loop never waits.

A loop whose launches are bound by the host would otherwise be slowed by every reading of NVML.
"""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from workloads.measure.device import Nvml

SAMPLE_S = 0.002


@dataclass(frozen=True)
class Sample:
    """NVML's readings at one moment of a loop; ``at`` in seconds (time.monotonic)."""

    at: float
    joules: float | None
    sm_mhz: int | None
    reasons: int | None
    watts: float | None


def read(nvml: Nvml) -> Sample:
    """Return the readings of now."""
    joules = nvml.joules()
    return Sample(time.monotonic(), joules, nvml.sm_mhz(), nvml.throttle_reasons(), nvml.watts())


def _serve(pipe: Any) -> None:
    """Take samples from each message to the next and answer it with them; ``None`` ends it."""
    nvml = Nvml()
    pipe.send("ready")
    while pipe.recv() is not None:
        samples = []
        while not pipe.poll():
            samples.append(read(nvml))
            time.sleep(SAMPLE_S)
        pipe.recv()
        pipe.send(samples)


class Sampler:
    """Takes samples between ``start`` and ``stop``, while this process does something else."""

    def __enter__(self) -> Sampler:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that a dead process is noticed
        self._pipe.recv()
        return self

    def start(self) -> None:
        """Begin to take samples."""
        self._pipe.send("start")

    def stop(self) -> list[Sample]:
        """Return the samples since ``start``."""
        self._pipe.send("stop")
        found: list[Sample] = self._pipe.recv()
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._process.is_alive():
            self._pipe.send(None)
        self._process.join(5.0)
