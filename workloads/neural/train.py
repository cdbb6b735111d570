"""Train the applications on their procedural scenes, on the CPU in minutes.

``gia``, ``nsdf`` and ``nvr`` learn the field at random positions. ``nerf`` sees only colours of
random camera rays, through the renderer's compositing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc import Network
from workloads.neural.camera import cross_cube
from workloads.neural.fields import CLOUD_SCALE, logistic
from workloads.neural.learn import Adam, Trainable
from workloads.neural.render import OCCUPANCY, STEP, composite, occupancy
from workloads.neural.scenes import TRUTH

Array = NDArray[Any]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train: ``batch`` positions (``nerf``: rays) a step.

    The rate falls from ``rate`` to a hundredth of it, by a cosine.
    """

    steps: int = 2000
    batch: int = 1 << 14
    rate: float = 1e-2


def train(
    application: str,
    params: NfpParams,
    schedule: Schedule,
    seed: int = 0,
    told: Callable[[int, float], None] = lambda step, loss: None,
) -> Network:
    """Return a trained network; ``told`` hears of every hundredth step and its loss."""
    # the last ReLU is left to the loss: a dead output would never learn
    linear = tuple(replace(mlp, output_activation="none") for mlp in params.mlps)
    model = Trainable(replace(params, mlps=linear), seed)
    adam = Adam(model.parameters)
    rng = np.random.default_rng(seed)
    step_of = _Rays(model) if application == "nerf" else _Points(application, model)
    average = [p.astype(np.float64) * 0 for p in model.parameters]
    kept = max(1, schedule.steps // 10)
    for step in range(schedule.steps):
        loss, gradients = step_of(rng, schedule.batch)
        part = step / schedule.steps
        rate = schedule.rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * part)))
        adam.step(gradients, rate)
        if step >= schedule.steps - kept:
            for total, p in zip(average, model.parameters, strict=True):
                total += p / kept
        if step % 100 == 0:
            told(step, loss)
    for total, p in zip(average, model.parameters, strict=True):
        p[...] = total
    return model.network()


class _Points:
    """Regression of the field itself."""

    def __init__(self, application: str, model: Trainable) -> None:
        self.application = application
        self.model = model

    def __call__(self, rng: np.random.Generator, batch: int) -> tuple[float, list[Array]]:
        positions = rng.random((batch, self.model.params.grid.dims), np.float32)
        truth = TRUTH[self.application]
        if self.application == "nsdf":
            positions = _near_surface(rng, positions)
        wanted = truth(positions, None)
        weight = np.ones((batch, 1), np.float32)
        if self.application == "nsdf":
            weight = 1 / (np.abs(wanted) + 0.01)
        if self.application == "nvr":
            wanted = wanted * np.array([1 / CLOUD_SCALE, 1, 1, 1], np.float32)
        found = self.model.forward(positions, None)
        error = found - wanted
        if self.application == "nvr":
            error *= (wanted > 0) | (found > 0)
        loss = float(np.mean(weight * error * error))
        return loss, self.model.backward(2 * weight * error / batch)


def _near_surface(rng: np.random.Generator, positions: Array) -> Array:
    """Move three quarters of ``positions`` close to the surface, some far less close."""
    near = len(positions) * 3 // 4
    moved = positions[:near].astype(np.float64)
    for _ in range(3):
        distance = TRUTH["nsdf"](moved, None)
        gradient = np.concatenate(
            [TRUTH["nsdf"](moved + 1e-3 * axis, None) - distance for axis in np.eye(3)], axis=1
        )
        length = np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-9
        moved = np.clip(moved - distance * gradient / length, 0, 1)
    spread = 10.0 ** rng.uniform(-3.3, -1.2, (near, 1))
    moved = np.clip(moved + spread * rng.normal(size=moved.shape), 0, 1)
    return np.concatenate((moved, positions[near:])).astype(np.float32)


class _Rays:
    """Colours of rays through the volume that the network describes."""

    refresh = 250

    def __init__(self, model: Trainable) -> None:
        self.model = model
        self.occupied = np.ones((OCCUPANCY,) * 3, bool)
        self.true = occupancy(TRUTH["nerf"])
        self.calls = 0

    def __call__(self, rng: np.random.Generator, batch: int) -> tuple[float, list[Array]]:
        if self.calls and self.calls % self.refresh == 0:
            self.occupied = self._seen()
        self.calls += 1
        rays = _random_rays(rng, batch)
        steps = int(np.ceil(float((rays.far - rays.near).max()) / STEP))
        t = rays.near[:, None] + (np.arange(steps) + rng.random((batch, 1))) * STEP
        inside = t < rays.far[:, None]
        which = np.broadcast_to(np.arange(batch)[:, None], t.shape)
        points = rays.at(which.ravel(), t.ravel())
        cell = tuple(np.minimum((points * OCCUPANCY).astype(np.int64), OCCUPANCY - 1).T)
        background = rng.random((batch, 3))
        wanted = self._truth(points, rays.directions, inside, self.true[cell], background)
        asked = (self.occupied[cell] & inside.ravel()).reshape(t.shape)
        if self.calls <= self.refresh:  # nothing is known to be empty yet: fewer samples a ray
            asked &= rng.random(t.shape) < 0.25
        rows = np.flatnonzero(asked)
        if not rows.size:
            return 0.0, [np.zeros_like(p) for p in self.model.parameters]
        raw = self.model.forward(points[rows], rays.directions[which.ravel()[rows]])
        scale = 4.0 if self.calls <= self.refresh else 1.0
        return self._loss(raw, rows, t.shape, background, wanted, scale)

    def _truth(
        self, points: Array, directions: Array, inside: Array, full: Array, background: Array
    ) -> Array:
        rows = np.flatnonzero(full & inside.ravel())
        extinction, color = np.zeros(inside.size), np.zeros((inside.size, 3))
        found = TRUTH["nerf"](points[rows], directions[rows // inside.shape[1]])
        extinction[rows], color[rows] = found[:, 0], found[:, 1:]
        weight, clear = composite(extinction.reshape(inside.shape), np.ones(len(inside)))
        shown = (weight[..., None] * color.reshape(*inside.shape, 3)).sum(axis=1)
        return np.asarray(shown + clear[:, None] * background)

    def _loss(
        self, raw: Array, rows: Array, shape: tuple[int, ...], background: Array, wanted: Array,
        scale: float,
    ) -> tuple[float, list[Array]]:  # fmt: skip
        """Squared error of the colours, and its gradient through the compositing."""
        raw = raw.astype(np.float64)
        extinction = np.zeros(shape)
        color = np.zeros((*shape, 3))
        extinction.ravel()[rows] = scale * np.exp(np.clip(raw[:, 0], -15, 11))
        color.reshape(-1, 3)[rows] = logistic(raw[:, 1:])
        weight, clear = composite(extinction, np.ones(len(wanted)))
        shown = (weight[..., None] * color).sum(axis=1) + clear[:, None] * background
        error = shown - wanted
        upstream = 2 * error / error.size
        # d shown / d extinction_i = step * (clear after i * color_i - light from behind i)
        lit = (weight[..., None] * color * upstream[:, None]).sum(axis=2)
        behind = np.cumsum(lit[:, ::-1], axis=1)[:, ::-1] - lit
        behind += (clear[:, None] * background * upstream).sum(axis=1, keepdims=True)
        after = 1 - np.cumsum(weight, axis=1)
        straight = after * (color * upstream[:, None]).sum(axis=2)
        slope = (straight - behind) * STEP * extinction
        tint = weight[..., None] * upstream[:, None] * color * (1 - color)
        gradient = np.concatenate(
            (slope.ravel()[rows, None], tint.reshape(-1, 3)[rows]), axis=1
        ).astype(np.float32)
        return float(np.mean(error**2)), self.model.backward(gradient)

    def _seen(self) -> Array:
        def field(positions: Array, directions: Array | None) -> Array:
            return np.exp(np.clip(self.model.forward(positions, directions)[:, :1], -15, 11))

        return occupancy(field)


def _random_rays(rng: np.random.Generator, count: int) -> Any:
    """Rays from cameras around the upper half of the cube towards its inside."""
    azimuth, height = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.02, 0.95, count)
    flat = np.sqrt(1 - height**2)
    eye = np.stack((flat * np.sin(azimuth), height, flat * np.cos(azimuth)), axis=1) * 1.55 + 0.5
    target = rng.random((count, 3)) * [1, 0.8, 1]
    return cross_cube(eye, target - eye)
