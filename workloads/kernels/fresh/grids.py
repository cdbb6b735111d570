"""Images and fields: stencils that no other set has, filters, pooling, fractals, rays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba import cuda, float32, int32

from workloads.kernels.examples.case import Case, exact
from workloads.kernels.judge.numeric import launch


@cuda.jit
def nine_points(u, v):
    """Nine-point stencil of floats; every thread walks down eight rows and keeps three."""
    x = cuda.grid(1)
    first = cuda.blockIdx.y * 8
    n, m = u.shape
    if 0 < x < m - 1:
        up = u[first, x - 1] + u[first, x + 1] + float32(4.0) * u[first, x]
        middle = u[first + 1, x - 1] + u[first + 1, x + 1] + float32(4.0) * u[first + 1, x]
        for y in range(first + 1, min(first + 9, n - 1)):
            down = u[y + 1, x - 1] + u[y + 1, x + 1] + float32(4.0) * u[y + 1, x]
            v[y, x] = (up + float32(4.0) * middle + down) * float32(1.0 / 36.0)
            up = middle
            middle = down


@cuda.jit
def box27(u, v):
    """Mean of the 27 neighbours in three dimensions."""
    x, y, z = cuda.grid(3)
    d, h, w = u.shape
    if 0 < x < w - 1 and 0 < y < h - 1 and 0 < z < d - 1:
        total = float32(0.0)
        for k in range(-1, 2):
            for j in range(-1, 2):
                for i in range(-1, 2):
                    total += u[z + k, y + j, x + i]
        v[z, y, x] = total * float32(1.0 / 27.0)


@cuda.jit
def upwind(c, vx, vy, out, dt):
    """First-order advection of doubles; the wind's sign chooses the neighbour."""
    x, y = cuda.grid(2)
    n, m = c.shape
    if 0 < x < m - 1 and 0 < y < n - 1:
        here = c[y, x]
        a = vx[y, x]
        b = vy[y, x]
        gx = here - c[y, x - 1] if a > 0 else c[y, x + 1] - here
        gy = here - c[y - 1, x] if b > 0 else c[y + 1, x] - here
        out[y, x] = here - dt * (a * gx + b * gy)


@cuda.jit
def sobel(image, out):
    """Edges of a picture of bytes through a tile in shared memory."""
    tile = cuda.shared.array((18, 34), int32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    x0 = cuda.blockIdx.x * 32
    y0 = cuda.blockIdx.y * 16
    n, m = image.shape
    for k in range(ty * 32 + tx, 18 * 34, 512):
        r = min(max(y0 + k // 34 - 1, 0), n - 1)
        c = min(max(x0 + k % 34 - 1, 0), m - 1)
        tile[k // 34, k % 34] = image[r, c]
    cuda.syncthreads()
    gx = (tile[ty, tx + 2] - tile[ty, tx] + 2 * (tile[ty + 1, tx + 2] - tile[ty + 1, tx])
          + tile[ty + 2, tx + 2] - tile[ty + 2, tx])  # fmt: skip
    gy = (tile[ty + 2, tx] - tile[ty, tx] + 2 * (tile[ty + 2, tx + 1] - tile[ty, tx + 1])
          + tile[ty + 2, tx + 2] - tile[ty, tx + 2])  # fmt: skip
    if y0 + ty < n and x0 + tx < m:
        out[y0 + ty, x0 + tx] = min(255, abs(gx) + abs(gy))


@cuda.jit
def bilateral(image, out, radius, tone):
    """Edge-preserving blur: weights by distance and by difference, an exponential each."""
    x, y = cuda.grid(2)
    n, m = image.shape
    if x < m and y < n:
        here = image[y, x]
        total = float32(0.0)
        weights = float32(0.0)
        for j in range(max(0, y - radius), min(n, y + radius + 1)):
            for i in range(max(0, x - radius), min(m, x + radius + 1)):
                v = image[j, i]
                d = float32((i - x) * (i - x) + (j - y) * (j - y))
                w = math.exp(-d * float32(0.1) - (v - here) * (v - here) * tone)
                total += w * v
                weights += w
        out[y, x] = total / weights


@cuda.jit
def median9(image, out):
    """Median of nine by a network of minima and maxima, kept in a local array."""
    p = cuda.local.array(9, float32)
    x, y = cuda.grid(2)
    n, m = image.shape
    if 0 < x < m - 1 and 0 < y < n - 1:
        for k in range(9):
            p[k] = image[y + k // 3 - 1, x + k % 3 - 1]
        for a in range(5):
            for b in range(a + 1, 9):
                low = min(p[a], p[b])
                p[b] = max(p[a], p[b])
                p[a] = low
        out[y, x] = p[4]


@cuda.jit
def pool_places(x, y, places):
    """Maximum of 2 x 2 with its place, channel by channel."""
    i, j, c = cuda.grid(3)
    if i < y.shape[2] and j < y.shape[1]:
        best = x[c, 2 * j, 2 * i]
        place = 0
        for k in range(1, 4):
            v = x[c, 2 * j + k // 2, 2 * i + k % 2]
            if v > best:
                best = v
                place = k
        y[c, j, i] = best
        places[c, j, i] = place


@cuda.jit
def swap_axes(x, y):
    """(a, b, c, d) to (a, c, b, d): rows of d halves of a line move."""
    i = cuda.grid(1)
    a, b, c, d = x.shape
    if i < a * b * c * d:
        m = i % d
        k = i // d % b
        j = i // d // b % c
        y[i // d // b // c, j, k, m] = x[i // d // b // c, k, j, m]


@cuda.jit
def julia(out, limit, re, im):
    """Steps until z^2 + c leaves the circle of radius two, in double precision."""
    x, y = cuda.grid(2)
    n, m = out.shape
    if x < m and y < n:
        a = (x - 0.5 * m) * (3.0 / m)
        b = (y - 0.5 * n) * (3.0 / n)
        k = 0
        while k < limit and a * a + b * b < 4.0:
            t = a * a - b * b + re
            b = 2.0 * a * b + im
            a = t
            k += 1
        out[y, x] = k


@cuda.jit
def spheres(centres, radius, depth):
    """Nearest hit of a ray a pixel with a list of spheres."""
    x, y = cuda.grid(2)
    n, m = depth.shape
    if x < m and y < n:
        dx = float32(x) / float32(m) - float32(0.5)
        dy = float32(y) / float32(n) - float32(0.5)
        scale = float32(1.0) / math.sqrt(dx * dx + dy * dy + float32(1.0))
        best = float32(1e30)
        for k in range(centres.shape[0]):
            cx = centres[k, 0]
            cy = centres[k, 1]
            cz = centres[k, 2]
            along = (cx * dx + cy * dy + cz) * scale
            gap = cx * cx + cy * cy + cz * cz - along * along
            room = radius[k] * radius[k] - gap
            if room > 0:
                t = along - math.sqrt(room)
                if float32(0.0) < t < best:
                    best = t
        depth[y, x] = best


def _median(x: np.ndarray) -> np.ndarray:
    want = np.zeros_like(x)
    views = [x[j : j + x.shape[0] - 2, i : i + x.shape[1] - 2] for j in range(3) for i in range(3)]
    want[1:-1, 1:-1] = np.median(np.stack(views), axis=0)
    return want


def _no_zeros(index: int) -> Any:
    def check(args: tuple[Any, ...]) -> None:
        assert np.isfinite(args[index]).all() and np.any(args[index])

    return check


def _stencils(rng: np.random.Generator) -> Iterator[Case]:
    for size in (500, 3_000):
        u = rng.random((size, size), dtype=np.float32)
        yield launch(f"nine_points_{size}", nine_points, (-(-size // 128), -(-(size - 2) // 8)),
                     128, (u, np.zeros_like(u)), _no_zeros(1))  # fmt: skip
    for shape in ((20, 60, 60), (60, 190, 190)):
        u = rng.random(shape, dtype=np.float32)
        grid = (-(-shape[2] // 32), -(-shape[1] // 4), -(-shape[0] // 2))
        yield launch(f"box27_{shape[0]}_{shape[2]}", box27, grid, (32, 4, 2),
                     (u, np.zeros_like(u)), _no_zeros(1))  # fmt: skip
    for size in (200, 1_800):
        c, vx, vy = (rng.random((size, size)) - 0.5 for _ in range(3))
        yield launch(f"upwind_{size}", upwind, (-(-size // 32), -(-size // 8)), (32, 8),
                     (c, vx, vy, np.zeros_like(c), 0.1), _no_zeros(3))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    yield from _stencils(rng)
    for size in (300, 2_500):
        image = rng.integers(0, 256, (size, size)).astype(np.uint8)
        yield launch(f"sobel_{size}", sobel, (-(-size // 32), -(-size // 16)), (32, 16),
                     (image, np.zeros_like(image)), _no_zeros(1))  # fmt: skip
    for size in (128, 640):
        image = rng.random((size, size), dtype=np.float32)
        yield launch(f"bilateral_{size}", bilateral, (-(-size // 16), -(-size // 16)), (16, 16),
                     (image, np.zeros_like(image), 3, np.float32(2.0)), _no_zeros(1))  # fmt: skip
    image = rng.random((700, 900), dtype=np.float32)
    yield launch("median9_700", median9, (-(-900 // 32), -(-700 // 8)), (32, 8),
                 (image, np.zeros_like(image)), exact(1, _median(image)))  # fmt: skip
    for channels, size in ((3, 64), (64, 256)):
        x = rng.random((channels, size, size), dtype=np.float32)
        want = x.reshape(channels, size // 2, 2, size // 2, 2).max(axis=(2, 4))
        yield launch(f"pool_places_{channels}_{size}", pool_places,
                     (-(-size // 64), -(-size // 8), channels), (32, 4),
                     (x, np.zeros_like(want), np.zeros(want.shape, np.int8)),
                     exact(1, want))  # fmt: skip
    x = rng.random((8, 512, 12, 64)).astype(np.float16)
    yield launch("swap_axes_512", swap_axes, -(-x.size // 256), 256,
                 (x, np.zeros((8, 12, 512, 64), np.float16)),
                 exact(1, x.transpose(0, 2, 1, 3)))  # fmt: skip
    for size in (96, 512):
        yield launch(f"julia_{size}", julia, (size // 32, size // 4), (32, 4),
                     (np.zeros((size, size), np.int32), 300, -0.4, 0.6), _no_zeros(0))  # fmt: skip
    for size, count in ((64, 500), (720, 60)):
        centres = (rng.random((count, 3)) * [4, 4, 9] - [2, 2, -2]).astype(np.float32)
        radius = rng.random(count, dtype=np.float32)
        yield launch(f"spheres_{size}_{count}", spheres, (-(-size // 16), -(-size // 8)), (16, 8),
                     (centres, radius, np.zeros((size, size), np.float32)),
                     _no_zeros(2))  # fmt: skip
