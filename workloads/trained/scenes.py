"""Procedural street scenes with two labels per cell: class and nearness.

A scene is sky over ground with up to five objects at different distances, far ones hazier. The
same seed gives the same scene on every machine.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES = ("sky", "ground", "box", "disc", "triangle", "pole", "stripes")
HEIGHT, WIDTH, CELL = 32, 64, 4
_HAZE = np.array([178.0, 186.0, 200.0])


class Scene(NamedTuple):
    """``pixels`` uint8 [3, h, w]; by cell of 4 x 4 pixels its class, and nearness from 0 to 1."""

    pixels: NDArray[Any]
    classes: NDArray[Any]
    nearness: NDArray[Any]


def draw_scene(seed: int) -> Scene:
    """Return the scene of ``seed``."""
    rng = np.random.Generator(np.random.PCG64([seed, 2026]))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    horizon = rng.integers(8, 15)
    classes = np.where(y < horizon, 0, 1)
    near = np.where(y < horizon, 0.0, (y - horizon + 1) / (HEIGHT - horizon))
    sky = np.array([90.0, 140.0, 225.0]) + rng.normal(0, 12, 3)
    ground = np.array([95.0, 85.0, 70.0]) + rng.normal(0, 15, 3)
    colour = np.where((y < horizon)[..., None], sky, ground)
    for distance in np.sort(rng.uniform(0.15, 1.0, rng.integers(2, 6))):
        kind = int(rng.integers(2, len(CLASSES)))
        inside, texture = _shape(rng, kind, float(distance), int(horizon), y, x)
        paint = rng.uniform(20, 230, 3) * texture[..., None]
        colour = np.where(inside[..., None], paint, colour)
        classes = np.where(inside, kind, classes)
        near = np.where(inside, distance, near)
    haze = 0.75 * (1.0 - near[..., None]) ** 1.5 * (classes > 0)[..., None]
    colour = colour * (1 - haze) + _HAZE * haze + rng.normal(0, 5, colour.shape)
    pixels = np.clip(np.rint(colour), 0, 255).astype(np.uint8).transpose(2, 0, 1)
    return Scene(pixels, _majority(classes), _cells(near).mean(axis=-1))


def _shape(
    rng: np.random.Generator, kind: int, near: float, horizon: int, y: Any, x: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where an object is, and the brightness of its surface."""
    foot = horizon + near * (HEIGHT - horizon)
    size = 3 + 11 * near
    centre = rng.uniform(0, WIDTH)
    left, up = x + 0.5 - centre, foot - (y + 0.5)
    name = CLASSES[kind]
    plain = np.ones_like(left)
    if name == "box":
        return (abs(left) < size / 2) & (up > 0) & (up < size), plain
    if name == "disc":
        return left**2 + (up - size / 2) ** 2 < size**2 / 4, 0.7 + 0.3 * (up / size)
    if name == "triangle":
        return (up > 0) & (abs(left) < (size - up) / 2), plain
    if name == "pole":
        return (abs(left) < 0.5 + size / 10) & (up > 0) & (up < 1.8 * size), plain
    stripes = 0.55 + 0.45 * (np.floor(left / max(1.0, size / 6)) % 2)
    return (abs(left) < size) & (up > 0) & (up < 0.6 * size), stripes


def _cells(x: NDArray[Any]) -> NDArray[Any]:
    """Return ``[h / cell, w / cell, cell * cell]``."""
    grid = x.reshape(HEIGHT // CELL, CELL, WIDTH // CELL, CELL).swapaxes(1, 2)
    return np.asarray(grid.reshape(HEIGHT // CELL, WIDTH // CELL, CELL * CELL))


def _majority(classes: NDArray[Any]) -> NDArray[Any]:
    cells = _cells(classes)
    counts = [(cells == c).sum(axis=-1) for c in range(len(CLASSES))]
    return np.argmax(np.stack(counts, axis=-1), axis=-1)
