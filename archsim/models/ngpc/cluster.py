"""Processors that share an L2, and a frame's batches between the host's SMs and the cluster.

``closed_us`` is the pipeline in a formula; ``simulate_us`` plays it event by event with SimPy, the
L2 serving one transfer at a time. They agree where no processor waits long for the L2 while
others compute (tested).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

TRANSFER_SAMPLES = 256
"""Samples that a processor asks the L2 for at once."""


@dataclass(frozen=True)
class Frame:
    """The work of a frame.

    ``host_us``: the remaining kernels on the SMs. ``sample_us``: one sample on one processor, in a
    full pipeline. ``transfer_us``: the L2's time for one sample. ``fill_us``: depth of a
    processor's pipeline. ``load_us``: tables from L2 before the first sample.
    """

    samples: int
    processors: int
    batches: int
    host_us: float
    sample_us: float
    transfer_us: float
    fill_us: float
    load_us: float


def cluster_us(frame: Frame) -> float:
    """Return the cluster's time for one batch."""
    each = math.ceil(frame.samples / frame.batches)
    compute = math.ceil(each / frame.processors) * frame.sample_us
    return max(compute, each * frame.transfer_us) + frame.fill_us


def closed_us(frame: Frame) -> float:
    """Return the frame's time: two stages over the batches, the loading before them.

    The SMs prepare batch n + 1 while the cluster works on batch n.
    """
    host = frame.host_us / frame.batches
    cluster = cluster_us(frame)
    return frame.load_us + host + cluster + (frame.batches - 1) * max(host, cluster)


def simulate_us(frame: Frame) -> float:
    """Return the frame's time by simulation; same meaning as ``closed_us``."""
    import simpy

    env = simpy.Environment()
    link = simpy.Resource(env)
    ready = simpy.Store(env)

    def host() -> Generator[Any, Any, None]:
        yield env.timeout(frame.load_us)
        for _ in range(frame.batches):
            yield env.timeout(frame.host_us / frame.batches)
            yield ready.put(None)

    def worker(samples: int) -> Generator[Any, Any, None]:
        """Fetch a chunk while the one before is computed."""
        computed = env.timeout(0)
        while samples:
            chunk = min(samples, TRANSFER_SAMPLES)
            samples -= chunk
            with link.request() as turn:
                yield turn
                yield env.timeout(chunk * frame.transfer_us)
            yield computed
            computed = env.timeout(chunk * frame.sample_us)
        yield computed

    def cluster() -> Generator[Any, Any, None]:
        each = math.ceil(frame.samples / frame.batches)
        share = math.ceil(each / frame.processors)
        for _ in range(frame.batches):
            yield ready.get()
            left = each
            jobs = []
            while left > 0:
                jobs.append(env.process(worker(min(share, left))))
                left -= share
            yield env.all_of(jobs)
            yield env.timeout(frame.fill_us)

    env.process(host())
    env.run(env.process(cluster()))
    return float(env.now)
