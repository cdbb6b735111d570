"""Renderers of the four applications over any field: ground truth, float or fixed-point network.

They count what they ask the field for: samples a frame are an input of the timing model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.neural.camera import Rays, camera
from workloads.neural.scenes import CLOUD_EXTINCTION, Field

Array = NDArray[Any]

STEP = 3**0.5 / 256
"""Distance between samples of a ray."""
OCCUPANCY = 64
"""Cells an axis of the grid that tells where a volume is not empty."""
OPAQUE = 1e-3
"""Transmittance at which a ray ends."""
THIN = 0.5
"""Extinction below which a cell counts as empty."""

GRADIENT_SAMPLES = 4
"""Of a hit, at the corners of a tetrahedron."""

_STRIDE = 8  # samples of a ray asked for at once
_HIT = 1.5e-3
_TRACE_STEPS = 64
_BACKGROUND = np.array([0.09, 0.11, 0.15])
_CLOUD_SKY = np.array([0.30, 0.48, 0.78])
_LIGHT = np.array([0.5, 0.75, 0.45]) / np.linalg.norm([0.5, 0.75, 0.45])


@dataclass(frozen=True)
class Frame:
    """A picture ``[height, width, 3]`` and the samples that it took."""

    picture: Array
    samples: int


def render(application: str, field: Field, width: int, height: int) -> Frame:
    """Return the frame of ``application``'s scene as ``field`` has it."""
    if application == "gia":
        return _image(field, width, height)
    rays = camera(width, height, azimuth=0.65, elevation=0.45)
    if application == "nsdf":
        color, steps, hits = trace(field, rays)
        samples = int(steps.sum()) + GRADIENT_SAMPLES * int(hits.sum())
    else:
        sky = _CLOUD_SKY if application == "nvr" else _BACKGROUND
        color, counts = march(field, rays, occupancy(field), sky)
        samples = int(counts.sum())
    return Frame(color.reshape(height, width, 3).astype(np.float32), samples)


def _image(field: Field, width: int, height: int) -> Frame:
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    v, u = np.meshgrid(y, x, indexing="ij")
    positions = np.stack((u.ravel(), v.ravel()), axis=1).astype(np.float32)
    color = np.clip(field(positions, None), 0, 1)
    return Frame(color.reshape(height, width, 3).astype(np.float32), len(positions))


def trace(field: Field, rays: Rays) -> tuple[Array, Array, Array]:
    """Sphere tracing with shading by the field's gradient.

    Return colours ``[n, 3]``, each ray's steps ``[n]``, and whether it hit ``[n]``; a hit takes
    ``GRADIENT_SAMPLES`` more.
    """
    t = rays.near.copy()
    live = np.flatnonzero(rays.near < rays.far)
    hits = []
    steps = np.zeros(len(t), np.int64)
    for _ in range(_TRACE_STEPS):
        if not live.size:
            break
        found = field(rays.at(live, t[live]), None)[:, 0].astype(np.float64)
        steps[live] += 1
        hits.append(live[found < _HIT])
        t[live] += found
        live = live[(found >= _HIT) & (t[live] < rays.far[live])]
    color = np.tile(_BACKGROUND, (len(rays.near), 1))
    hit = np.concatenate(hits) if hits else np.zeros(0, np.int64)
    normal = _gradient(field, rays.at(hit, t[hit]))
    diffuse = 0.25 + 0.75 * np.clip(normal @ _LIGHT, 0, 1)
    color[hit] = diffuse[:, None] * (0.55 + 0.45 * normal)
    return np.clip(color, 0, 1), steps, np.isin(np.arange(len(t)), hit)


def _gradient(field: Field, positions: Array, step: float = 6e-3) -> Array:
    """Unit gradient from four samples at the corners of a tetrahedron."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float64)
    total = np.zeros(positions.shape)
    for corner in corners:
        moved = np.clip(positions + step * corner, 0, 1).astype(np.float32)
        total += field(moved, None)[:, :1] * corner
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12)


def occupancy(field: Field) -> Array:
    """Return which of ``OCCUPANCY**3`` cells, or a neighbour of it, has extinction inside."""
    middle = (np.arange(OCCUPANCY) + 0.5) / OCCUPANCY
    points = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1)
    ahead = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (OCCUPANCY**3, 3))
    dense = field(points.reshape(-1, 3).astype(np.float32), ahead)[:, 0] > THIN
    full = np.pad(dense.reshape((OCCUPANCY,) * 3), 1)
    for axis in range(3):
        full = full | np.roll(full, 1, axis) | np.roll(full, -1, axis)
    return np.asarray(full[1:-1, 1:-1, 1:-1])


def march(
    field: Field, rays: Rays, occupied: Array, sky: Array, step: float = STEP
) -> tuple[Array, Array]:
    """Emission and absorption along rays, empty cells skipped.

    Return colours ``[n, 3]`` and each ray's samples ``[n]``.
    """
    count = len(rays.near)
    color, clear = np.zeros((count, 3)), np.ones(count)
    live = np.flatnonzero(rays.near < rays.far)
    samples = np.zeros(count, np.int64)
    first = 0
    while live.size:
        t = rays.near[live, None] + (first + np.arange(_STRIDE) + 0.5) * step
        which = np.repeat(live, _STRIDE)
        points = rays.at(which, t.ravel())
        cell = np.minimum((points * OCCUPANCY).astype(np.int64), OCCUPANCY - 1)
        wanted = occupied[tuple(cell.T)] & (t.ravel() < rays.far[which])
        extinction, emitted = np.zeros(which.size), np.zeros((which.size, 3))
        found = field(points[wanted], rays.directions[which[wanted]])
        samples[live] += wanted.reshape(-1, _STRIDE).sum(axis=1)
        extinction[wanted], emitted[wanted] = found[:, 0], found[:, 1:]
        weight, clear[live] = composite(extinction.reshape(-1, _STRIDE), clear[live], step)
        color[live] += (weight[..., None] * emitted.reshape(-1, _STRIDE, 3)).sum(axis=1)
        first += _STRIDE
        ahead = rays.near[live] + first * step < rays.far[live]
        live = live[ahead & (clear[live] > OPAQUE)]
    return np.clip(color + clear[:, None] * sky, 0, 1), samples


def composite(extinction: Array, clear: Array, step: float = STEP) -> tuple[Array, Array]:
    """Return each sample's weight ``[n, k]`` and the transmittance behind the last ``[n]``.

    ``extinction`` ``[n, k]`` over steps of ``step``; ``clear`` is the transmittance before.
    """
    passed = np.exp(-extinction * step)
    behind = clear[:, None] * np.cumprod(passed, axis=1)
    before = np.concatenate((clear[:, None], behind[:, :-1]), axis=1)
    return before - behind, behind[:, -1]


def track(field: Field, rays: Rays, occupied: Array, rng: np.random.Generator) -> Array:
    """Return each ray's samples ``[n]`` of delta tracking, to its first real collision."""
    t = rays.near.copy()
    live = np.flatnonzero(rays.near < rays.far)
    samples = np.zeros(len(t), np.int64)
    while live.size:
        t[live] -= np.log1p(-rng.random(live.size)) / CLOUD_EXTINCTION
        live = live[t[live] < rays.far[live]]
        points = rays.at(live, t[live])
        cell = np.minimum((points * OCCUPANCY).astype(np.int64), OCCUPANCY - 1)
        full = occupied[tuple(cell.T)]
        samples[live] += full
        real = np.zeros(live.size)
        real[full] = field(points[full], None)[:, 0] / CLOUD_EXTINCTION
        live = live[rng.random(live.size) >= real]
    return samples
