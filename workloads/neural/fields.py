"""From a network's raw outputs to what a renderer wants, and back to training targets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.neural.scenes import Field

Array = NDArray[Any]

CLOUD_SCALE = 32.0
"""Extinction of a cloud for a network output of 1."""


def network_field(application: str, evaluate: Callable[[Array, Array | None], Array]) -> Field:
    """Return the field that ``evaluate`` (raw outputs ``[n, outputs]``) stands for.

    ``nerf``: extinction exp, colour logistic. ``nvr``: extinction scaled. Others: as they are.
    """
    after = {"nerf": _radiance, "nvr": _cloud}.get(application, lambda raw: raw)

    def field(positions: Array, directions: Array | None) -> Array:
        return np.asarray(after(evaluate(positions, directions)))

    return field


def logistic(x: Array) -> Array:
    """Return ``1 / (1 + exp(-x))``."""
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _radiance(raw: Array) -> Array:
    extinction = np.exp(np.clip(raw[:, :1], -15, 11))
    return np.concatenate((extinction, logistic(raw[:, 1:])), axis=1)


def _cloud(raw: Array) -> Array:
    return np.concatenate((raw[:, :1] * CLOUD_SCALE, raw[:, 1:]), axis=1)
