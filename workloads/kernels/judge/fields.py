"""Grids: stencils, cellular automata, images, lattice flow."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda, float32

from workloads.kernels.examples.case import Case, close, exact
from workloads.kernels.judge.numeric import _check_finite, launch

SIDE = 16
HALO = SIDE + 2


@cuda.jit
def jacobi_tile(u, f, v):
    """One Jacobi step; an 18 x 18 tile with its halo in shared memory."""
    tile = cuda.shared.array((HALO, HALO), float32)
    tx = cuda.threadIdx.x
    ty = cuda.threadIdx.y
    col = cuda.blockIdx.x * SIDE + tx + 1
    row = cuda.blockIdx.y * SIDE + ty + 1
    inside = row < u.shape[0] - 1 and col < u.shape[1] - 1
    if inside:
        tile[ty + 1, tx + 1] = u[row, col]
        if ty == 0:
            tile[0, tx + 1] = u[row - 1, col]
        if ty == SIDE - 1 or row == u.shape[0] - 2:
            tile[ty + 2, tx + 1] = u[row + 1, col]
        if tx == 0:
            tile[ty + 1, 0] = u[row, col - 1]
        if tx == SIDE - 1 or col == u.shape[1] - 2:
            tile[ty + 1, tx + 2] = u[row, col + 1]
    cuda.syncthreads()
    if inside:
        v[row, col] = np.float32(0.25) * (
            tile[ty, tx + 1] + tile[ty + 2, tx + 1] + tile[ty + 1, tx] + tile[ty + 1, tx + 2]
            - f[row, col]
        )  # fmt: skip


@cuda.jit
def wave3d(now, before, after):
    """Fourth-order wave equation, fp64, one point a thread."""
    k, j, i = cuda.grid(3)
    n0, n1, n2 = now.shape
    if 1 < i < n0 - 2 and 1 < j < n1 - 2 and 1 < k < n2 - 2:
        near = (now[i - 1, j, k] + now[i + 1, j, k] + now[i, j - 1, k] + now[i, j + 1, k]
                + now[i, j, k - 1] + now[i, j, k + 1])  # fmt: skip
        far = (now[i - 2, j, k] + now[i + 2, j, k] + now[i, j - 2, k] + now[i, j + 2, k]
               + now[i, j, k - 2] + now[i, j, k + 2])  # fmt: skip
        lap = 16.0 * near - far - 90.0 * now[i, j, k]
        after[i, j, k] = 2.0 * now[i, j, k] - before[i, j, k] + 0.01 * lap


@cuda.jit
def life(cells, after):
    """Conway's game of life on a torus of bytes."""
    x, y = cuda.grid(2)
    rows, cols = cells.shape
    if y < rows and x < cols:
        alive = 0
        for dy in range(-1, 2):
            for dx in range(-1, 2):
                if dx != 0 or dy != 0:
                    alive += cells[(y + dy + rows) % rows, (x + dx + cols) % cols]
        after[y, x] = 1 if alive == 3 or (alive == 2 and cells[y, x] == 1) else 0


@cuda.jit
def blur(image, weights, out):
    """5 x 5 filter of an RGB image of bytes."""
    x, y = cuda.grid(2)
    if 2 <= y < image.shape[0] - 2 and 2 <= x < image.shape[1] - 2:
        for channel in range(3):
            total = np.float32(0.0)
            for dy in range(5):
                for dx in range(5):
                    total += weights[dy, dx] * image[y + dy - 2, x + dx - 2, channel]
            out[y, x, channel] = np.uint8(total)


@cuda.jit
def grey(image, out):
    """Luminance of RGBA bytes."""
    i = cuda.grid(1)
    if i < out.shape[0]:
        r = image[i, 0]
        g = image[i, 1]
        b = image[i, 2]
        out[i] = np.uint8((r * 77 + g * 150 + b * 29) >> 8)


@cuda.jit
def resize(image, out, scale):
    """Bilinear resampling, fp32."""
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        sy = np.float32(y) * scale
        sx = np.float32(x) * scale
        y0 = int(sy)
        x0 = int(sx)
        fy = sy - np.float32(y0)
        fx = sx - np.float32(x0)
        y1 = min(y0 + 1, image.shape[0] - 1)
        x1 = min(x0 + 1, image.shape[1] - 1)
        top = image[y0, x0] + fx * (image[y0, x1] - image[y0, x0])
        bottom = image[y1, x0] + fx * (image[y1, x1] - image[y1, x0])
        out[y, x] = top + fy * (bottom - top)


@cuda.jit
def lattice(f, g):
    """D2Q9 lattice Boltzmann: collide and stream, structure of arrays."""
    x, y = cuda.grid(2)
    rows = f.shape[1]
    cols = f.shape[2]
    if y < rows and x < cols:
        cx = (0, 1, 0, -1, 0, 1, -1, -1, 1)
        cy = (0, 0, 1, 0, -1, 1, 1, -1, -1)
        rho = np.float32(0.0)
        ux = np.float32(0.0)
        uy = np.float32(0.0)
        for q in range(9):
            v = f[q, y, x]
            rho += v
            ux += np.float32(cx[q]) * v
            uy += np.float32(cy[q]) * v
        ux /= rho
        uy /= rho
        square = np.float32(1.5) * (ux * ux + uy * uy)
        for q in range(9):
            w = np.float32(4.0 / 9.0) if q == 0 else np.float32(1.0 / 36.0)
            if 0 < q < 5:
                w = np.float32(1.0 / 9.0)
            cu = np.float32(3.0) * (np.float32(cx[q]) * ux + np.float32(cy[q]) * uy)
            even = np.float32(1.0) + cu + np.float32(0.5) * cu * cu - square
            v = f[q, y, x]
            ty = (y + cy[q] + rows) % rows
            tx = (x + cx[q] + cols) % cols
            g[q, ty, tx] = v + np.float32(0.6) * (w * rho * even - v)


@cuda.jit
def thomas(a, b, c, d, x, work):
    """A tridiagonal system a thread; systems side by side, so that loads join."""
    i = cuda.grid(1)
    n = b.shape[0]
    if i < b.shape[1]:
        work[0, i] = c[0, i] / b[0, i]
        x[0, i] = d[0, i] / b[0, i]
        for k in range(1, n):
            m = 1.0 / (b[k, i] - a[k, i] * work[k - 1, i])
            work[k, i] = c[k, i] * m
            x[k, i] = (d[k, i] - a[k, i] * x[k - 1, i]) * m
        for k in range(n - 2, -1, -1):
            x[k, i] -= work[k, i] * x[k + 1, i]


@cuda.jit
def escape(out, limit):
    """Mandelbrot iterations in fp64."""
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        cr = -2.2 + 3.0 * x / out.shape[1]
        ci = -1.5 + 3.0 * y / out.shape[0]
        zr = 0.0
        zi = 0.0
        n = 0
        while n < limit and zr * zr + zi * zi < 4.0:
            t = zr * zr - zi * zi + cr
            zi = 2.0 * zr * zi + ci
            zr = t
            n += 1
        out[y, x] = n


def _jacobi(u: np.ndarray, f: np.ndarray) -> np.ndarray:
    v = np.zeros_like(u)
    around = u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:]
    v[1:-1, 1:-1] = np.float32(0.25) * (around - f[1:-1, 1:-1])
    return v


def _images(rng: np.random.Generator) -> Iterator[Case]:
    for size in (200, 1100):
        image = rng.integers(0, 255, (size, size, 3)).astype(np.uint8)
        w = np.full((5, 5), 0.03, np.float32)
        yield launch(f"blur_{size}", blur, (-(-size // 32), -(-size // 4)), (32, 4),
                     (image, w, np.zeros_like(image)), _check_finite(2))  # fmt: skip
    n = 2_100_000
    image = rng.integers(0, 255, (n, 4)).astype(np.uint8)
    wide = image.astype(np.int64)
    want = ((wide[:, 0] * 77 + wide[:, 1] * 150 + wide[:, 2] * 29) >> 8).astype(np.uint8)
    yield launch(f"grey_{n}", grey, -(-n // 256), 256, (image, np.zeros(n, np.uint8)),
                 exact(1, want))  # fmt: skip
    for size, scale in ((300, 0.5), (1500, 1.37)):
        image = rng.random((int(size * scale) + 2,) * 2, dtype=np.float32)
        yield launch(f"resize_{size}", resize, (-(-size // 16), -(-size // 16)), (16, 16),
                     (image, np.zeros((size, size), np.float32), np.float32(scale)),
                     _check_finite(1))  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """The cases of this module with inputs drawn from ``rng``."""
    for size in (258, 1794):
        u, f = (rng.random((size, size), dtype=np.float32) for _ in range(2))
        tiles = -(-(size - 2) // SIDE)
        yield launch(f"jacobi_tile_{size}", jacobi_tile, (tiles, tiles), (SIDE, SIDE),
                     (u, f, np.zeros_like(u)), close(2, _jacobi(u, f), 1e-4, 1e-5))  # fmt: skip
    for shape in ((20, 40, 64), (96, 128, 160)):
        now, before = rng.random(shape), rng.random(shape)
        grid = (shape[2] // 32, shape[1] // 4, shape[0] // 2)
        yield launch(f"wave3d_{shape[0]}_{shape[2]}", wave3d, grid, (32, 4, 2),
                     (now, before, np.zeros(shape)), _check_finite(2))  # fmt: skip
    for size in (160, 1280):
        cells = rng.integers(0, 2, (size, size)).astype(np.uint8)
        around = sum(np.roll(cells, (dy, dx), (0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)
                     if dy or dx)  # fmt: skip
        want = ((around == 3) | ((around == 2) & (cells == 1))).astype(np.uint8)
        yield launch(f"life_{size}", life, (size // 32, size // 8), (32, 8),
                     (cells, np.zeros_like(cells)), exact(1, want))  # fmt: skip
    yield from _images(rng)
    for size in (96, 700):
        f = rng.random((9, size, size), dtype=np.float32) + np.float32(0.5)
        yield launch(f"lattice_{size}", lattice, (-(-size // 64), -(-size // 2)), (64, 2),
                     (f, np.zeros_like(f)), _check_finite(1))  # fmt: skip
    for systems, n in ((1_000, 64), (40_000, 24)):
        a, b, c, d = (rng.random((n, systems)) for _ in range(4))
        yield launch(f"thomas_{systems}_{n}", thomas, -(-systems // 128), 128,
                     (a, b + 3, c, d, np.zeros_like(a), np.zeros_like(a)),
                     _check_finite(4))  # fmt: skip
    for size in (128, 800):
        yield launch(f"escape_{size}", escape, (size // 32, size // 8), (32, 8),
                     (np.zeros((size, size), np.int32), 200), _check_finite(0))  # fmt: skip
