"""How a frame falls into passes: what its live rays ask the network for at once.

Rays end one by one; a renderer drops ended rays now and then and gives the network the live ones.
When is that of instant-ngp at the time of the NGPC paper (release of 2022): NeRF takes one to eight
samples of a ray a pass, as many as rays have ended; sphere tracing one, two, then four steps
between compactions; delta tracking one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.neural.camera import camera
from workloads.neural.render import march, occupancy, trace, track
from workloads.neural.scenes import TRUTH

Array = NDArray[Any]

SIDE = (96, 54)
"""Size of the frame whose rays are counted."""
NERF_STEP = 3**0.5 / 1024
MOST_STEPS = {"nerf": 8, "nsdf": 4, "nvr": 1, "gia": 1}
"""Samples of a ray between two compactions."""


@dataclass(frozen=True)
class Pass:
    """``rays`` that are live at its compaction and the ``steps`` that each of them takes."""

    rays: int
    steps: int


@lru_cache(maxsize=4)
def ray_samples(application: str) -> tuple[Array, Array]:
    """Return each ray's samples int64 ``[SIDE]`` flat, row by row, and whether it hit a surface.

    Of the ground truth; sphere tracing without the gradient's samples.
    """
    rays = camera(*SIDE, azimuth=0.65, elevation=0.45)
    none = np.zeros(SIDE[0] * SIDE[1], bool)
    if application == "gia":
        return np.ones(none.size, np.int64), none
    truth = TRUTH[application]
    if application == "nsdf":
        _, steps, hits = trace(truth, rays)
        return steps, hits
    if application == "nerf":
        return march(truth, rays, occupancy(truth), np.zeros(3), step=NERF_STEP)[1], none
    return track(truth, rays, occupancy(truth), np.random.default_rng(0)), none


def passes(application: str, samples: Array) -> tuple[Pass, ...]:
    """Return the passes of a frame whose rays take ``samples`` ``[rays]``."""
    most = MOST_STEPS[application]
    initial, done, found = len(samples), 0, []
    longest = np.sort(samples)
    while True:
        live = initial - int(np.searchsorted(longest, done, side="right"))
        if not live:
            return tuple(found)
        steps = initial // live if application == "nerf" else done + 1
        steps = min(max(steps, 1), most)
        found.append(Pass(live, steps))
        done += steps
