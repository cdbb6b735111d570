"""The ground truth of each application: procedural fields over the unit square or cube.

A field takes positions ``[n, dims]`` in [0, 1] and, for ``nerf``, unit directions ``[n, 3]``;
it returns what the renderer of the application wants:

* ``gia``: linear colour ``[n, 3]`` in [0, 1].
* ``nsdf``: signed distance ``[n, 1]``.
* ``nvr``: extinction and albedo ``[n, 4]``.
* ``nerf``: extinction and emitted colour ``[n, 4]``, the colour depending on the direction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.neural.noise import fractal_noise

Array = NDArray[Any]
Field = Callable[[Array, Array | None], Array]

CLOUD_EXTINCTION = 40.0
SOLID_EXTINCTION = 120.0
_SKIN = 0.012
"""Depth over which a solid becomes opaque."""
_LIGHT = np.array([0.5, 0.75, 0.45]) / np.linalg.norm([0.5, 0.75, 0.45])


def image(positions: Array, _directions: Array | None = None) -> Array:
    """A landscape: sky, sun, ridges with haze, a lake that mirrors them."""
    x, y = positions[:, 0].astype(np.float64), positions[:, 1].astype(np.float64)
    shore = 0.66
    wave = 0.006 * np.sin(260 * y + 9 * np.sin(17 * x))
    height = np.where(y > shore, 2 * shore - y + wave, y)  # below the shore: the mirror image
    color = _sky(x, height)
    for number, (top, rough, tint) in enumerate(
        ((0.36, 0.20, (0.52, 0.55, 0.70)), (0.47, 0.17, (0.30, 0.36, 0.46)),
         (0.56, 0.13, (0.12, 0.20, 0.18)))
    ):  # fmt: skip
        line = np.stack((x * (4 + 2 * number), np.full_like(x, 3.7 * number)), axis=1)
        ridge = top - rough * (fractal_noise(line, 6, 11 * number) - 0.45)
        grain = fractal_noise(np.stack((x, height), axis=1) * 40, 3, 50 + number)
        rock = np.array(tint) * (0.75 + 0.5 * grain[:, None])
        cover = np.clip((height - ridge) / 0.004, 0, 1)[:, None]
        color = color * (1 - cover) + rock * cover
    water = np.where(y > shore, 0.62, 1.0)[:, None]
    glint = np.where(y > shore, 0.03, 0.0)[:, None] * np.array([0.2, 0.5, 0.8])
    return np.clip(color * water + glint, 0, 1).astype(np.float32)


def _sky(x: Array, y: Array) -> Array:
    blend = np.clip(y / 0.6, 0, 1)[:, None]
    sky = np.array([0.16, 0.30, 0.62]) * (1 - blend) + np.array([0.98, 0.72, 0.48]) * blend
    clouds = fractal_noise(np.stack((x * 5, y * 14), axis=1), 5, 7)
    sky = sky + 0.35 * np.clip(clouds - 0.52, 0, 1)[:, None] * np.array([1.4, 1.2, 1.1])
    away = np.hypot(x - 0.68, y - 0.22)
    sun = np.clip((0.062 - away) / 0.004, 0, 1) + 0.35 * np.exp(-9 * away)
    return sky + sun[:, None] * np.array([1.0, 0.85, 0.55])


def distance(positions: Array, _directions: Array | None = None) -> Array:
    """A torus through a rounded cube shell, joined smoothly, on a bumpy sphere's remains."""
    p = positions.astype(np.float64) - 0.5
    box = np.abs(p) - 0.17
    cube = np.linalg.norm(np.maximum(box, 0), axis=1) + np.minimum(box.max(axis=1), 0) - 0.03
    shell = np.maximum(cube, 0.235 - np.linalg.norm(p, axis=1))
    ring = np.hypot(np.hypot(p[:, 0], p[:, 2]) - 0.33, p[:, 1]) - 0.05
    core = np.linalg.norm(p, axis=1) - 0.13
    core = core - 0.012 * np.sin(28 * p[:, 0]) * np.sin(28 * p[:, 1]) * np.sin(28 * p[:, 2])
    joined = _smooth_minimum(shell, ring, 0.05)
    return np.minimum(joined, core).astype(np.float32)[:, None]


def cloud(positions: Array, _directions: Array | None = None) -> Array:
    """A cumulus: fractal noise in a flattened ball, darker below."""
    p = positions.astype(np.float64)
    inside = 1 - np.linalg.norm((p - [0.5, 0.48, 0.5]) / [0.44, 0.30, 0.40], axis=1)
    shape = inside * 1.1 + 0.9 * (fractal_noise(p * 5, 4, 3) - 0.55)
    extinction = CLOUD_EXTINCTION * np.clip(shape * 2.2, 0, 1)
    height = np.clip((p[:, 1] - 0.2) / 0.55, 0, 1)[:, None]
    albedo = np.array([0.46, 0.52, 0.66]) * (1 - height) + np.array([1.0, 0.96, 0.90]) * height
    return np.concatenate((extinction[:, None], albedo), axis=1).astype(np.float32)


def radiance(positions: Array, directions: Array | None) -> Array:
    """The solid of ``distance`` on a chequered plate, with diffuse light and a highlight."""
    if directions is None:
        raise ValueError("directions must be given for radiance, not None")
    p = positions.astype(np.float64)
    solid = distance(positions)[:, 0].astype(np.float64)
    plate = np.maximum(np.abs(p[:, 1] - 0.08) - 0.02, np.hypot(p[:, 0] - 0.5, p[:, 2] - 0.5) - 0.45)
    depth = np.minimum(solid, plate)
    extinction = SOLID_EXTINCTION / (1 + np.exp(np.clip(depth / (_SKIN / 5), -30, 30)))
    on_plate = plate < solid
    normal = np.where(on_plate[:, None], [0.0, 1.0, 0.0], _normal(p))
    chequer = ((np.floor(p[:, 0] * 9) + np.floor(p[:, 2] * 9)) % 2)[:, None]
    tile = chequer * np.array([0.85, 0.82, 0.75]) + (1 - chequer) * np.array([0.18, 0.22, 0.28])
    swirl = 0.5 + 0.5 * np.sin(22 * p[:, 0] + 16 * p[:, 1])[:, None]
    paint = swirl * np.array([0.90, 0.35, 0.18]) + (1 - swirl) * np.array([0.16, 0.50, 0.72])
    base = np.where(on_plate[:, None], tile, paint)
    half = _LIGHT - directions
    half /= np.linalg.norm(half, axis=1, keepdims=True) + 1e-9
    diffuse = np.clip(normal @ _LIGHT, 0, 1)
    shine = 0.35 * np.clip((normal * half).sum(axis=1), 0, 1) ** 12 * ~on_plate
    color = np.clip(base * (0.3 + 0.7 * diffuse)[:, None] + shine[:, None], 0, 1)
    return np.concatenate((extinction[:, None], color), axis=1).astype(np.float32)


def _normal(p: Array) -> Array:
    """Unit gradient of ``distance``, by differences."""
    step = 2e-3
    parts = [
        distance(p + step * axis)[:, 0] - distance(p - step * axis)[:, 0] for axis in np.eye(3)
    ]
    gradient = np.stack(parts, axis=1).astype(np.float64)
    return gradient / (np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-9)


def _smooth_minimum(a: Array, b: Array, width: float) -> Array:
    overlap = np.clip(width - np.abs(a - b), 0, None) / width
    return np.minimum(a, b) - overlap**2 * width / 4


TRUTH: dict[str, Field] = {"gia": image, "nsdf": distance, "nvr": cloud, "nerf": radiance}
