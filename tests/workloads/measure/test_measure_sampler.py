"""The process that reads the board: it answers, it can be used again, its death is noticed."""

from __future__ import annotations

import time

import pytest

from workloads.measure.host import BASE, BODIES
from workloads.measure.sampler import Sampler


def test_samples_are_taken_while_this_process_does_something_else() -> None:
    with Sampler() as sampler:
        for _ in range(2):
            sampler.start()
            begin = time.monotonic()
            time.sleep(0.1)
            samples = sampler.stop()
            assert len(samples) > 2
            assert begin <= samples[-1].at <= time.monotonic()
            assert [s.at for s in samples] == sorted(s.at for s in samples)


def test_a_dead_process_is_an_error_and_no_endless_wait() -> None:
    with Sampler() as sampler:
        sampler._process.kill()
        sampler._process.join()
        with pytest.raises((EOFError, OSError)):
            sampler.start()
            sampler.stop()
        sampler._pipe.close()


def test_every_launch_time_has_what_it_adds_to() -> None:
    assert set(BASE) | {"stream_us"} == set(BODIES)
    for name, base in BASE.items():
        assert list(BODIES).index(base) < len(BODIES) and base != name
