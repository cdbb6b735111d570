"""What stands around the networks of a frame, unfused: the passes of a renderer with ray records.

The structure is that of instant-ngp at the time of the NGPC paper (release of 2022:
``testbed_nerf.cu``, ``testbed_sdf.cu``, ``testbed_volume.cu``, ``testbed_image.cu``): a record of
32-bit words a ray, a compaction by atomics before each pass, network inputs and outputs through
memory, outputs cut from sixteen halves and cast by a kernel of their own. Written anew; the
arithmetic is reduced to what moves and decides. How many samples a ray takes is given (``left``),
so that the passes are those of our own scenes while network outputs are drawn.

``ngpc_frame`` holds the fused counterparts.
"""

from __future__ import annotations

import math
from typing import Any

from numba import cuda, float32, int32, uint32

from workloads.kernels.ngpc_frame import camera_ray

PADDED = 16
"""Numbers that a network writes for a sample."""
MARCH_WORDS = 10
"""Of a NeRF ray's record: origin, direction, distance, weight, pixel, samples left."""
COORDINATE_WORDS = 7
"""Of a NeRF sample: position, step, direction."""
_STEP = float32(3**0.5 / 1024)
_SCALE = float32(2.0**-14)


@cuda.jit  # type: ignore[untyped-decorator]
def march_rays(camera: Any, width: int, height: int, left: Any, ray: Any, rgba: Any) -> None:
    """Records of all pixels: ``ray`` float32 ``[n, 10]``, ``rgba`` ``[n, 4]``."""
    i = cuda.grid(1)
    if i >= ray.shape[0]:
        return
    way = cuda.local.array(3, float32)
    near, _far = camera_ray(camera, i, width, height, way)
    for axis in range(3):
        ray[i, axis] = camera[axis]
        ray[i, 3 + axis] = way[axis]
        rgba[i, axis] = float32(0)
    rgba[i, 3] = float32(0)
    ray[i, 6] = near
    ray[i, 7] = float32(0)
    ray[i, 8] = float32(i)
    ray[i, 9] = float32(left[i])


@cuda.jit  # type: ignore[untyped-decorator]
def march_compact(
    count: int, ray: Any, rgba: Any, next_ray: Any, next_rgba: Any, hit_ray: Any, hit_rgba: Any,
    counters: Any, turn: int,
) -> None:  # fmt: skip
    """Live records go to the next buffer, ended ones to the hits; both places by atomics."""
    i = cuda.grid(1)
    if i >= count:
        return
    if ray[i, 9] > float32(0):
        at = cuda.atomic.add(counters, turn, uint32(1))
        for k in range(10):
            next_ray[at, k] = ray[i, k]
        for k in range(4):
            next_rgba[at, k] = rgba[i, k]
    else:
        at = cuda.atomic.add(counters, 0, uint32(1))
        for k in range(10):
            hit_ray[at, k] = ray[i, k]
        for k in range(4):
            hit_rgba[at, k] = rgba[i, k]


@cuda.jit  # type: ignore[untyped-decorator]
def march_inputs(count: int, steps: int, occupied: Any, ray: Any, coordinates: Any) -> None:
    """The next ``steps`` samples of each ray in occupied cells: float32 ``[n * steps, 7]``."""
    i = cuda.grid(1)
    if i >= count:
        return
    side = occupied.shape[0]
    t = ray[i, 6]
    for j in range(steps):
        for _ in range(side):
            full = True
            inside = True
            x = int32(0)
            y = int32(0)
            z = int32(0)
            for axis in range(3):
                cell = int32((ray[i, axis] + ray[i, 3 + axis] * t) * float32(side))
                inside = inside and cell >= 0 and cell < side
                if axis == 0:
                    x = cell
                elif axis == 1:
                    y = cell
                else:
                    z = cell
            if inside:
                full = occupied[x, y, z] != 0
            if full:
                break
            t += float32(1) / float32(side)
        for axis in range(3):
            coordinates[i * steps + j, axis] = ray[i, axis] + ray[i, 3 + axis] * t
            coordinates[i * steps + j, 4 + axis] = ray[i, 3 + axis]
        coordinates[i * steps + j, 3] = _STEP
        t += _STEP
    ray[i, 6] = t


@cuda.jit  # type: ignore[untyped-decorator]
def march_density(count: int, density: Any, outputs: Any) -> None:
    """Put the density network's first output beside the colours."""
    i = cuda.grid(1)
    if i < count:
        outputs[i, 3] = density[i, 0]


@cuda.jit  # type: ignore[untyped-decorator]
def march_composite(
    count: int, steps: int, ray: Any, rgba: Any, coordinates: Any, outputs: Any
) -> None:
    """Composite up to ``steps`` samples of each ray; ``outputs`` int16 ``[n * steps, 16]``."""
    i = cuda.grid(1)
    if i >= count:
        return
    left = ray[i, 9]
    seen = rgba[i, 3]
    for j in range(steps):
        if left > float32(0):
            at = i * steps + j
            density = math.exp(float32(outputs[at, 3]) * _SCALE)
            alpha = float32(1) - math.exp(-density * coordinates[at, 3])
            weight = alpha * (float32(1) - seen)
            for c in range(3):
                value = float32(1) / (float32(1) + math.exp(-float32(outputs[at, c]) * _SCALE))
                rgba[i, c] += weight * value
            seen += weight
            left -= float32(1)
    rgba[i, 3] = seen
    ray[i, 9] = left


@cuda.jit  # type: ignore[untyped-decorator]
def march_shade(count: int, ray: Any, rgba: Any, frame: Any, depth: Any) -> None:
    """Ended rays to their pixels: ``frame`` float32 ``[pixels, 4]``."""
    i = cuda.grid(1)
    if i >= count:
        return
    pixel = int32(ray[i, 8])
    for c in range(3):
        value = rgba[i, c]
        frame[pixel, c] = value * (
            value * (value * float32(0.305) + float32(0.682)) + float32(0.0125)
        )
    frame[pixel, 3] = rgba[i, 3]
    depth[pixel] = ray[i, 6]


@cuda.jit  # type: ignore[untyped-decorator]
def image_rays(width: int, height: int, position: Any) -> None:
    """Middles of all pixels, float32 ``[n, 2]``."""
    i = cuda.grid(1)
    if i < position.shape[0]:
        position[i, 0] = (float32(i % width) + float32(0.5)) / float32(width)
        position[i, 1] = (float32(i // width) + float32(0.5)) / float32(height)


@cuda.jit  # type: ignore[untyped-decorator]
def image_truth(position: Any, texture: Any, values: Any) -> None:
    """The image itself at the positions, bilinear from int16 ``[side, side, 4]``."""
    i = cuda.grid(1)
    if i >= position.shape[0]:
        return
    side = texture.shape[0]
    x = min(max(position[i, 0] * float32(side) - float32(0.5), float32(0)), float32(side - 2))
    y = min(max(position[i, 1] * float32(side) - float32(0.5), float32(0)), float32(side - 2))
    column, row = int32(x), int32(y)
    u, v = x - float32(column), y - float32(row)
    for c in range(3):
        top = float32(texture[row, column, c]) * (float32(1) - u)
        top += float32(texture[row, column + 1, c]) * u
        low = float32(texture[row + 1, column, c]) * (float32(1) - u)
        low += float32(texture[row + 1, column + 1, c]) * u
        values[3 * i + c] = (top * (float32(1) - v) + low * v) * _SCALE


@cuda.jit  # type: ignore[untyped-decorator]
def image_shade(position: Any, values: Any, frame: Any, depth: Any) -> None:
    """Colours within the image to the frame."""
    i = cuda.grid(1)
    if i >= position.shape[0]:
        return
    inside = position[i, 0] >= float32(0) and position[i, 1] >= float32(0)
    for c in range(3):
        frame[i, c] = values[3 * i + c] if inside else float32(0)
    frame[i, 3] = float32(1)
    depth[i] = float32(1)


@cuda.jit  # type: ignore[untyped-decorator]
def cut_outputs(count: int, kept: int, outputs: Any, values: Any) -> None:
    """Cast the first ``kept`` of sixteen outputs, a thread a number: float32 ``[n, kept]``."""
    i = cuda.grid(1)
    row = i // 16
    if row < count:
        column = i % 16
        value = outputs[row, column]
        if column < kept:
            values[row * kept + column] = float32(value) * _SCALE


@cuda.jit  # type: ignore[untyped-decorator]
def accumulate(frame: Any, total: Any, count: int) -> None:
    """Mean of this frame and ``count`` before it, float32 ``[n, 4]``."""
    i = cuda.grid(1)
    if i < total.shape[0]:
        for c in range(4):
            total[i, c] = (total[i, c] * float32(count) + frame[i, c]) / float32(count + 1)


@cuda.jit  # type: ignore[untyped-decorator]
def tonemap(total: Any, surface: Any, exposure: float) -> None:
    """Exposure and gamma, float32 ``[n, 4]``."""
    i = cuda.grid(1)
    if i < surface.shape[0]:
        for c in range(3):
            value = max(total[i, c] * float32(exposure), float32(0))
            if value < float32(0.0031308):
                surface[i, c] = float32(12.92) * value
            else:
                surface[i, c] = float32(1.055) * math.pow(value, float32(0.41666)) - float32(0.055)
        surface[i, 3] = total[i, 3]
