"""Rays of a pinhole camera, and where they cross the unit cube."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Rays:
    """Origins, unit directions ``[n, 3]``, and the distances ``near``, ``far`` in the cube."""

    origins: Array
    directions: Array
    near: Array
    far: Array

    def at(self, which: Array, t: Array) -> Array:
        """Return float32 positions of rays ``which`` at ``t``, kept in [0, 1]."""
        points = self.origins[which] + self.directions[which] * t[:, None]
        return np.clip(points, 0.0, 1.0).astype(np.float32)


def camera(
    width: int, height: int, *, azimuth: float, elevation: float, distance: float = 1.55
) -> Rays:
    """Return the rays of all pixels, row by row, of a camera that looks at the cube's middle.

    Angles in radians; the field of view is 45 degrees along the larger side.
    """
    direction = np.array(
        [np.cos(elevation) * np.sin(azimuth), np.sin(elevation),
         np.cos(elevation) * np.cos(azimuth)]
    )  # fmt: skip
    eye = 0.5 + distance * direction
    right = np.cross([0.0, 1.0, 0.0], direction)
    right /= np.linalg.norm(right)
    up = np.cross(direction, right)
    reach = np.tan(np.pi / 8) / max(width, height)
    across = (2 * np.arange(width) + 1 - width) * reach
    down = (2 * np.arange(height) + 1 - height) * reach
    y, x = np.meshgrid(down, across, indexing="ij")
    rays = -direction + x[..., None] * right - y[..., None] * up
    rays = rays.reshape(-1, 3)
    return cross_cube(np.broadcast_to(eye, rays.shape), rays)


def cross_cube(origins: Array, directions: Array) -> Rays:
    """Return normalised rays with their way through the unit cube; ``near > far`` if they miss."""
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    safe = np.where(np.abs(directions) < 1e-9, 1e-9, directions)
    low, high = (0 - origins) / safe, (1 - origins) / safe
    near = np.maximum(np.minimum(low, high).max(axis=1), 0)
    far = np.maximum(low, high).min(axis=1)
    return Rays(origins, directions, near, far)
