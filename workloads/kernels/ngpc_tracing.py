"""Passes of sphere tracing and of delta tracking, unfused; see ``ngpc_passes``."""

from __future__ import annotations

import math
from typing import Any

from numba import cuda, float32, int32, uint32, uint64

from workloads.kernels.ngpc_frame import camera_ray

TRACE_WORDS, TRACK_WORDS = 5, 8
"""Of a ray's record: direction, pixel, samples left; direction, colour, pixel."""


@cuda.jit  # type: ignore[untyped-decorator]
def trace_rays(
    camera: Any, width: int, height: int, left: Any, position: Any, distance: Any, ray: Any,
    depth: Any,
) -> None:  # fmt: skip
    """Records of all pixels: ``ray`` float32 ``[n, 5]``, ``position`` ``[n, 3]``.

    ``left``: samples of each ray, and a half more where it ends on the surface.
    """
    i = cuda.grid(1)
    if i >= ray.shape[0]:
        return
    way = cuda.local.array(3, float32)
    near, _far = camera_ray(camera, i, width, height, way)
    distance[i] = float32(1e4)
    depth[i] = float32(1e10)
    for axis in range(3):
        position[i, axis] = camera[axis] + way[axis] * near
        ray[i, axis] = way[axis]
    ray[i, 3] = float32(i)
    ray[i, 4] = float32(left[i])


@cuda.jit  # type: ignore[untyped-decorator]
def trace_compact(
    count: int, position: Any, distance: Any, ray: Any, next_position: Any, next_distance: Any,
    next_ray: Any, hit_position: Any, hit_distance: Any, hit_ray: Any, counters: Any, turn: int,
) -> None:  # fmt: skip
    """Live rays to the next buffers; those that ended on the surface to the hits."""
    i = cuda.grid(1)
    if i >= count:
        return
    if ray[i, 4] >= float32(1):
        at = cuda.atomic.add(counters, turn, uint32(1))
        for k in range(5):
            next_ray[at, k] = ray[i, k]
        for k in range(3):
            next_position[at, k] = position[i, k]
        next_distance[at] = distance[i]
    elif ray[i, 4] > float32(0):
        at = cuda.atomic.add(counters, 0, uint32(1))
        for k in range(5):
            hit_ray[at, k] = ray[i, k]
        for k in range(3):
            hit_position[at, k] = position[i, k]
        hit_distance[at] = float32(1)


@cuda.jit  # type: ignore[untyped-decorator]
def trace_step(count: int, position: Any, distance: Any, ray: Any) -> None:
    """Advance live rays by the distance that the network found."""
    i = cuda.grid(1)
    if i >= count:
        return
    left = ray[i, 4]
    if left >= float32(1):
        for axis in range(3):
            position[i, axis] += distance[i] * ray[i, axis]
        ray[i, 4] = left - float32(1)


@cuda.jit  # type: ignore[untyped-decorator]
def trace_offsets(count: int, position: Any, step: float, dx: Any, dy: Any, dz: Any) -> None:
    """Positions a ``step`` away along each axis, float32 ``[n, 3]`` each."""
    i = cuda.grid(1)
    if i >= count:
        return
    x, y, z = position[i, 0], position[i, 1], position[i, 2]
    dx[i, 0] = x + float32(step)
    dx[i, 1] = y
    dx[i, 2] = z
    dy[i, 0] = x
    dy[i, 1] = y + float32(step)
    dy[i, 2] = z
    dz[i, 0] = x
    dz[i, 1] = y
    dz[i, 2] = z + float32(step)


@cuda.jit  # type: ignore[untyped-decorator]
def trace_normals(count: int, ahead: Any, behind: Any, normal: Any) -> None:
    """Differences of distances, ``ahead`` and ``behind`` float32 ``[3, n]``."""
    i = cuda.grid(1)
    if i < count:
        for axis in range(3):
            normal[i, axis] = ahead[axis, i] - behind[axis, i]


@cuda.jit  # type: ignore[untyped-decorator]
def trace_shade(
    count: int, position: Any, normal: Any, distance: Any, ray: Any, frame: Any, depth: Any
) -> None:
    """Light on the hits, to their pixels."""
    i = cuda.grid(1)
    if i >= count:
        return
    length = float32(1e-12)
    light = float32(0)
    away = float32(0)
    for axis in range(3):
        length += normal[i, axis] * normal[i, axis]
        light += normal[i, axis] * float32(0.577)
        away += position[i, axis] * ray[i, axis]
    light = max(light / math.sqrt(length), float32(0)) * distance[i]
    pixel = int32(ray[i, 3])
    shine = math.pow(light, float32(12))
    for c in range(3):
        frame[pixel, c] = float32(0.25) + float32(0.75) * light + float32(0.2) * shine
    frame[pixel, 3] = float32(1)
    depth[pixel] = away


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _advance(state: Any, delta: Any) -> Any:
    """A 64-bit linear generator ``delta`` steps on, by repeated squaring."""
    multiplier, increment = uint64(6364136223846793005), uint64(1442695040888963407)
    product, total = uint64(1), uint64(0)
    while delta > uint64(0):
        if delta & uint64(1):
            product = product * multiplier
            total = total * multiplier + increment
        increment = (multiplier + uint64(1)) * increment
        multiplier = multiplier * multiplier
        delta = delta >> uint64(1)
    return product * state + total


@cuda.jit(device=True)  # type: ignore[untyped-decorator]
def _flight(state: Any, position: Any, way: Any, occupied: Any) -> Any:
    """Free flights until an occupied cell; returns the generator's state."""
    side = occupied.shape[0]
    for _ in range(64):
        state = state * uint64(6364136223846793005) + uint64(1442695040888963407)
        drawn = float32(state >> uint64(40)) * float32(2.0**-24)
        flown = -math.log(float32(1) - drawn) * float32(1.0 / 40)
        inside = True
        at = int32(0)
        for axis in range(3):
            position[axis] += way[axis] * flown
            cell = int32(position[axis] * float32(side))
            inside = inside and cell >= 0 and cell < side
            at = at * side + cell
        if not inside:
            break
        if occupied[at // (side * side), at // side % side, at % side] != 0:
            break
    return state


@cuda.jit  # type: ignore[untyped-decorator]
def track_rays(
    camera: Any, width: int, height: int, left: Any, occupied: Any, position: Any, ray: Any,
    frame: Any, depth: Any, counters: Any,
) -> None:  # fmt: skip
    """Rays that meet the volume, compacted: ``ray`` float32 ``[n, 8]``; others are background."""
    i = cuda.grid(1)
    if i >= left.shape[0]:
        return
    way = cuda.local.array(3, float32)
    start = cuda.local.array(3, float32)
    near, _far = camera_ray(camera, i, width, height, way)
    for axis in range(3):
        start[axis] = camera[axis] + way[axis] * near
    _flight(_advance(uint64(1), uint64(i) << uint64(8)), start, way, occupied)
    if left[i] == 0:
        for c in range(4):
            frame[i, c] = float32(0.5)
        depth[i] = float32(1e10)
        return
    at = cuda.atomic.add(counters, 1, uint32(1))
    for axis in range(3):
        position[at, axis] = start[axis]
        ray[at, axis] = way[axis]
    for c in range(4):
        ray[at, 3 + c] = float32(0)
    ray[at, 7] = float32(i)
    depth[i] = near


@cuda.jit  # type: ignore[untyped-decorator]
def track_step(
    count: int, taken: int, left: Any, occupied: Any, position: Any, ray: Any, values: Any,
    next_position: Any, next_ray: Any, frame: Any, counters: Any, turn: int,
) -> None:  # fmt: skip
    """Add what the network found for sample ``taken``; ended rays to their pixels, others to the
    next buffers."""
    i = cuda.grid(1)
    if i >= count:
        return
    pixel = int32(ray[i, 7])
    way = cuda.local.array(3, float32)
    at = cuda.local.array(3, float32)
    color = cuda.local.array(4, float32)
    for axis in range(3):
        way[axis] = ray[i, axis]
        at[axis] = position[i, axis]
    passed = float32(1) - ray[i, 6]
    alpha = min(values[4 * i + 3], float32(1)) * passed
    for c in range(3):
        color[c] = ray[i, 3 + c] + values[4 * i + c] * alpha
    color[3] = ray[i, 6] + alpha
    _flight(_advance(uint64(1), uint64(pixel) << uint64(8)), at, way, occupied)
    if left[pixel] <= taken:
        for c in range(4):
            frame[pixel, c] = color[c] + (float32(1) - color[3]) * float32(0.5)
        return
    place = cuda.atomic.add(counters, turn, uint32(1))
    for axis in range(3):
        next_position[place, axis] = at[axis]
        next_ray[place, axis] = way[axis]
    for c in range(4):
        next_ray[place, 3 + c] = color[c]
    next_ray[place, 7] = ray[i, 7]
