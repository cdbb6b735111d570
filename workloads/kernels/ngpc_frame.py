"""What stands around the networks of a frame as Numba CUDA kernels, fused: one before, one after.

Before: rays, their way through the cube, occupancy, and raw positions as the processor takes them.
After: from the processor's raw outputs to colours (compositing), to the next distance (sphere
tracing) or to pixels. Single precision; no inline PTX, so that they run in the CUDA simulator.
They share no code with ``workloads.neural.render``, which they are compared with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import cuda, float32, int32, int64, uint32

THREADS = 256
CAMERA_NUMBERS = 12
"""Eye, middle of the view, right and up scaled to a pixel."""

_HIT = float32(1.5e-3)
_FAINT = float32(1e-9)


def camera_numbers(
    width: int, height: int, azimuth: float, elevation: float, distance: float = 1.55
) -> np.ndarray[Any, Any]:
    """Return float32 ``[12]`` of the camera that ``workloads.neural.camera`` describes."""
    out = np.array([math.cos(elevation) * math.sin(azimuth), math.sin(elevation),
                    math.cos(elevation) * math.cos(azimuth)])  # fmt: skip
    right = np.cross([0.0, 1.0, 0.0], out)
    right /= np.linalg.norm(right)
    reach = math.tan(math.pi / 8) / max(width, height)
    parts = (0.5 + distance * out, -out, right * reach, np.cross(out, right) * reach)
    return np.concatenate(parts).astype(np.float32)


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def camera_ray(camera: Any, pixel: int, width: int, height: int, way: Any) -> Any:
    """Put the direction of ``pixel`` into ``way``; return the distances to and through the cube."""
    x = float32(2 * (pixel % width) + 1 - width)
    y = float32(2 * (pixel // width) + 1 - height)
    length = float32(0)
    for axis in range(3):
        way[axis] = camera[3 + axis] + x * camera[6 + axis] - y * camera[9 + axis]
        length += way[axis] * way[axis]
    scale = float32(1) / math.sqrt(length)
    near, far = float32(0), float32(1e9)
    for axis in range(3):
        way[axis] = way[axis] * scale
        step = way[axis]
        if abs(step) < _FAINT:
            step = _FAINT
        low, high = -camera[axis] / step, (float32(1) - camera[axis]) / step
        near = max(near, min(low, high))
        far = min(far, max(low, high))
    return near, far


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _raw(value: float, bits: int) -> Any:
    """A coordinate in [0, 1] rounded down to ``bits``; 1 is the last below it."""
    top = int64(1) << int64(bits)
    return uint32(min(int64(value * float32(top)), top - int64(1)))


@cuda.jit  # type: ignore[untyped-decorator]
def march_before(
    camera: Any, width: int, height: int, occupied: Any, step: float, first: int, each: int,
    bits: int, positions: Any, directions: Any, wanted: Any,
) -> None:  # fmt: skip
    """Samples ``first``, ... of every ray: raw ``positions`` and ``directions`` uint32 / int16
    ``[n * each, 3]``, and ``wanted`` uint8 where the cell is occupied and within the cube."""
    at = cuda.grid(1)
    if at >= wanted.shape[0]:
        return
    way = cuda.local.array(3, float32)
    near, far = camera_ray(camera, at // each, width, height, way)
    t = near + (float32(first + at % each) + float32(0.5)) * float32(step)
    side = occupied.shape[0]
    cell = cuda.local.array(3, int32)
    for axis in range(3):
        point = min(max(camera[axis] + way[axis] * t, float32(0)), float32(1))
        cell[axis] = min(int32(point * float32(side)), side - 1)
        positions[at, axis] = _raw(point, bits)
        directions[at, axis] = int32(math.floor(way[axis] * float32(16384) + float32(0.5)))
    full = occupied[cell[0], cell[1], cell[2]] != 0
    wanted[at] = 1 if full and near < far and t < far else 0


@cuda.jit  # type: ignore[untyped-decorator]
def march_after(
    raw: Any, wanted: Any, density_scale: float, color_scale: float, radiance: int, step: float,
    each: int, color: Any, clear: Any,
) -> None:  # fmt: skip
    """Composite ``each`` samples of every ray onto ``color`` ``[n, 3]`` and ``clear`` ``[n]``.

    ``raw`` int16 ``[n * each, 4]``: density and colour times the scales; ``radiance``: extinction
    is the density's exponential and colour goes through the logistic function.
    """
    ray = cuda.grid(1)
    if ray >= clear.shape[0]:
        return
    left = clear[ray]
    for k in range(each):
        at = ray * each + k
        if wanted[at] == 0:
            continue
        density = float32(raw[at, 0]) * float32(density_scale)
        if radiance != 0:
            density = math.exp(min(max(density, float32(-15)), float32(11)))
        passed = math.exp(-density * float32(step))
        weight = left * (float32(1) - passed)
        for c in range(3):
            value = float32(raw[at, 1 + c]) * float32(color_scale)
            if radiance != 0:
                value = float32(1) / (float32(1) + math.exp(-value))
            color[ray, c] += weight * value
        left = left * passed
    clear[ray] = left


@cuda.jit  # type: ignore[untyped-decorator]
def trace_before(
    camera: Any, width: int, height: int, bits: int, distance: Any, positions: Any, live: Any
) -> None:
    """Raw positions uint32 ``[n, 3]`` at each ray's ``distance`` (negative: enter the cube)."""
    ray = cuda.grid(1)
    if ray >= live.shape[0]:
        return
    way = cuda.local.array(3, float32)
    near, far = camera_ray(camera, ray, width, height, way)
    t = near if distance[ray] < 0 else distance[ray]
    distance[ray] = t
    if t >= far:
        live[ray] = 0
    for axis in range(3):
        point = min(max(camera[axis] + way[axis] * t, float32(0)), float32(1))
        positions[ray, axis] = _raw(point, bits)


@cuda.jit  # type: ignore[untyped-decorator]
def trace_after(raw: Any, scale: float, distance: Any, live: Any) -> None:
    """Step by the raw distance int16 ``[n]``; ``live`` 2 is a hit, 1 goes on, 0 has ended."""
    ray = cuda.grid(1)
    if ray >= live.shape[0] or live[ray] != 1:
        return
    found = float32(raw[ray]) * float32(scale)
    distance[ray] += found
    if found < _HIT:
        live[ray] = 2


@cuda.jit  # type: ignore[untyped-decorator]
def image_before(width: int, height: int, bits: int, positions: Any) -> None:
    """Raw positions uint32 ``[n, 2]`` of the middles of all pixels."""
    pixel = cuda.grid(1)
    if pixel >= positions.shape[0]:
        return
    positions[pixel, 0] = _raw((float32(pixel % width) + float32(0.5)) / float32(width), bits)
    positions[pixel, 1] = _raw((float32(pixel // width) + float32(0.5)) / float32(height), bits)


@cuda.jit  # type: ignore[untyped-decorator]
def image_after(raw: Any, scale: float, picture: Any) -> None:
    """Bytes ``[n, 3]`` of raw colours int16 ``[n, 3]``, clamped to [0, 1]."""
    pixel = cuda.grid(1)
    if pixel >= picture.shape[0]:
        return
    for c in range(3):
        value = min(max(float32(raw[pixel, c]) * float32(scale), float32(0)), float32(1))
        picture[pixel, c] = int32(value * float32(255) + float32(0.5))


def blocks(threads: int) -> tuple[int, int]:
    """Return the launch of a kernel with a thread for each of ``threads``."""
    return -(-threads // THREADS), THREADS
