"""CTAs of unequal length that share SMs in pairs: an event simulation of the hardware's queue."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from archsim.engine.jit import njit

MOST_TILES = 528
"""Tiles simulated one by one; whole heads beyond them run at the steady rate of full SMs."""


@njit
def shared_sms(p: Any, heads: float, extra: float, alone: float, pair: float, sms: int) -> float:
    """Return the clocks until the last tile is done; tiles start query block by query block.

    ``p`` is an attention plan. A step takes ``alone`` clocks on an SM with one CTA and ``pair``
    on one with two. A CTA takes its key blocks and ``extra`` steps.
    """
    tiles = int(p[15])
    steps = np.empty(tiles)
    total = 0.0
    blocks = ceil(ceil(p[4] / p[9]) / p[10])
    for i in range(tiles):
        steps[i] = min(blocks, ceil((i + 1) * p[8] / p[9])) + extra
        total += steps[i]
    kept = min(int(heads), max(MOST_TILES // tiles, 1))
    steady = (heads - kept) * total * pair / (2.0 * sms)
    slots = 2 if p[16] > 1 else 1
    return steady + _simulate(steps, kept * tiles, alone, pair, sms, slots)


@njit
def _simulate(steps: Any, tiles: int, alone: float, pair: float, sms: int, slots: int) -> float:
    left = np.zeros((sms, 2))
    running = np.zeros(sms, np.int64)
    now, started = 0.0, _fill(steps, tiles, left, running, slots, 0)
    while True:
        soonest = 1e300
        for i in range(sms):
            rate = pair if running[i] == 2 else alone
            for s in range(running[i]):
                soonest = min(soonest, left[i, s] * rate)
        if soonest == 1e300:
            return now
        now += soonest
        for i in range(sms):
            done = soonest / (pair if running[i] == 2 else alone)
            for s in range(running[i] - 1, -1, -1):
                left[i, s] -= done
                if left[i, s] < 1e-9:
                    running[i] -= 1
                    left[i, s] = left[i, running[i]]
        started = _fill(steps, tiles, left, running, slots, started)


@njit
def _fill(steps: Any, tiles: int, left: Any, running: Any, slots: int, started: int) -> int:
    """Start waiting tiles, on the emptiest SMs first; return how many have started."""
    for s in range(slots):
        for i in range(len(running)):
            if running[i] == s and started < tiles:
                left[i, s] = steps[started % len(steps)]
                running[i] += 1
                started += 1
    return started
