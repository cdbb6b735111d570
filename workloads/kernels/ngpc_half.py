"""Grid encoding and fused perceptron in half precision, as tiny-cuda-nn runs them on a GPU.

The encoding has one thread a position and level and two features an entry, and rounds as
``archsim.functional.ngpc.FloatGrid`` with float16 to the bit. The perceptron keeps activations in
registers: with half accumulators the result fragment of ``mma.m16n8k16`` is the next layer's
operand fragment. A warp takes 16 samples at a time; weights lie in shared memory in fragment order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cuda, float32, int64, uint32

from archsim.config.ngpc_grid import PRIMES, GridParams
from archsim.config.ngpc_params import MlpParams
from workloads.kernels.ngpc_grid import THREADS, level_rows
from workloads.kernels.ptx import asm

Kernel = Callable[..., None]
Launch = Callable[..., None]

WARPS = 8
"""Warps a block of the perceptron; each takes every eighth tile of 16 samples of its block."""
TILES_PER_WARP = 8

_half2 = asm("cvt.rn.f16x2.f32 $0, $1, $1;", "r", "f")
_fma2 = asm("fma.rn.f16x2 $0, $1, $2, $3;", "r", "rrr")
_max2 = asm("max.f16x2 $0, $1, $2;", "r", "rr")
_mma = asm(
    "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {$0, $1}, {$2, $3, $4, $5}, {$6, $7}, "
    "{$8, $9};",
    "rr", "rrrrrrrr",
)  # fmt: skip

_PRIME_Y, _PRIME_Z = PRIMES[1], PRIMES[2]


@cache
def grid_kernel(dims: int, smooth: bool) -> Kernel:
    """Return the encoding of pairs of half features, packed in 32 bits."""
    corners = 1 << dims

    def grid_half(positions: Any, table: Any, scales: Any, levels: Any, out: Any) -> None:
        n = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
        level = cuda.blockIdx.y
        if n >= positions.shape[0]:
            return
        cell = cuda.local.array(3, uint32)
        within = cuda.local.array(3, float32)
        cell[2] = uint32(0)
        for axis in range(dims):
            scaled = cuda.fma(scales[level], positions[n, axis], float32(0.5))
            whole = uint32(scaled)
            w = scaled - float32(whole)
            cell[axis] = whole
            if smooth:
                w = w * w * (float32(3) - float32(2) * w)
            within[axis] = w
        resolution = uint32(levels[level, 1])
        entries = uint32(levels[level, 2])
        prime_y, prime_z, one = uint32(_PRIME_Y), uint32(_PRIME_Z), uint32(1)
        total = uint32(0)
        for corner in range(corners):
            x = uint32(cell[0] + uint32(corner & 1))
            y = uint32(cell[1] + uint32(corner >> 1 & 1))
            z = uint32(cell[2] + uint32(corner >> 2 & 1))
            weight = float32(1)
            for axis in range(dims):
                if corner >> axis & 1:
                    weight = weight * within[axis]
                else:
                    weight = weight * (float32(1) - within[axis])
            if levels[level, 4] != 0:
                index = (x ^ uint32(y * prime_y) ^ uint32(z * prime_z)) & uint32(entries - one)
            else:
                index = uint32(x + uint32(resolution * uint32(y + uint32(resolution * z))))
                index = uint32(index % entries)
            total = _fma2(_half2(weight), table[levels[level, 3] + int64(index)], total)
        out[n, level] = total

    return grid_half


def _layer(inputs: int, outputs: int, start: int, relu: bool) -> Callable[..., None]:
    """One layer on a warp's 16 samples: operand fragments ``a``, result fragments into ``b``.

    ``inputs`` tiles of 16, ``outputs`` tiles of 8; weights from word ``start`` of ``shared``.
    """

    @cuda.jit(device=True, forceinline=True)  # type: ignore[untyped-decorator]
    def layer(a: Any, b: Any, shared: Any, lane: Any) -> None:
        zero = uint32(0)
        for n in range(outputs):
            c0, c1 = zero, zero
            for k in range(inputs):
                at = start + ((n * inputs + k) * 32 + lane) * 2
                c0, c1 = _mma(
                    a[4 * k], a[4 * k + 1], a[4 * k + 2], a[4 * k + 3],
                    shared[at], shared[at + 1], c0, c1,
                )  # fmt: skip
            if relu:
                c0, c1 = _max2(c0, zero), _max2(c1, zero)
            b[2 * n] = c0
            b[2 * n + 1] = c1

    return layer  # type: ignore[no-any-return]


@cache
def mlp_kernel(shapes: tuple[tuple[int, int], ...], relu_out: bool) -> Kernel:
    """Return the fused perceptron of two or three layers ``shapes`` (inputs, outputs).

    Sizes are multiples of 16. Loops have constant bounds, so that fragments stay in registers.
    """
    if len(shapes) not in (2, 3):
        raise ValueError(f"shapes must be two or three layers, not {len(shapes)}")
    inputs = [rows // 16 for rows, _ in shapes]
    outputs = [columns // 8 for _, columns in shapes]
    sizes = [64 * i * o for i, o in zip(inputs, outputs, strict=True)]
    last = len(shapes) - 1
    layers = [
        _layer(inputs[n], outputs[n], sum(sizes[:n]), n < last or relu_out) for n in range(last + 1)
    ]
    first, middle, final = layers[0], layers[1], layers[last]
    three = last == 2
    words, entering, leaving = sum(sizes), inputs[0], outputs[-1]
    registers = 4 * max(*inputs, *(n // 2 for n in outputs))

    def mlp_half(x: Any, weights: Any, out: Any) -> None:
        shared = cuda.shared.array(words, uint32)
        for i in range(cuda.threadIdx.x, words, cuda.blockDim.x):
            shared[i] = weights[i]
        cuda.syncthreads()
        lane = cuda.threadIdx.x & 31
        row, pair = lane >> 2, lane & 3
        a = cuda.local.array(registers, uint32)
        b = cuda.local.array(registers, uint32)
        for step in range(TILES_PER_WARP):
            tile = (cuda.blockIdx.x * TILES_PER_WARP + step) * WARPS + (cuda.threadIdx.x >> 5)
            upper = tile * 16 + row
            if tile * 16 < x.shape[0]:
                for k in range(entering):
                    a[4 * k] = x[upper, 8 * k + pair]
                    a[4 * k + 1] = x[upper + 8, 8 * k + pair]
                    a[4 * k + 2] = x[upper, 8 * k + pair + 4]
                    a[4 * k + 3] = x[upper + 8, 8 * k + pair + 4]
                first(a, b, shared, lane)
                if three:
                    middle(b, a, shared, lane)
                    final(a, b, shared, lane)
                    for n in range(leaving):
                        out[upper, 4 * n + pair] = b[2 * n]
                        out[upper + 8, 4 * n + pair] = b[2 * n + 1]
                else:
                    final(b, a, shared, lane)
                    for n in range(leaving):
                        out[upper, 4 * n + pair] = a[2 * n]
                        out[upper + 8, 4 * n + pair] = a[2 * n + 1]

    return mlp_half


def fragments(weights: tuple[np.ndarray[Any, Any], ...]) -> np.ndarray[Any, Any]:
    """Return weights ``[inputs, outputs]`` of all layers in fragment order, uint32."""
    lane = np.arange(32)
    row, pair = lane >> 2, lane & 3
    parts = []
    for weight in weights:
        half = weight.astype(np.float16).view(np.uint16).astype(np.uint32)
        for n in range(weight.shape[1] // 8):
            for k in range(weight.shape[0] // 16):
                at = 16 * k + 2 * pair
                column = 8 * n + row
                low = half[at, column] | half[at + 1, column] << 16
                high = half[at + 8, column] | half[at + 9, column] << 16
                parts.append(np.stack((low, high), axis=1).ravel())
    return np.concatenate(parts)


def launch_grid(grid: GridParams, count: int) -> Launch:
    """Return the launch for ``count`` positions: float32 positions, uint32 table and out.

    Table and out hold two half features a word; out is ``[count, levels]``.
    """
    if grid.features != 2:
        raise ValueError(f"features must be 2, not {grid.features!r}")
    levels = cuda.to_device(level_rows(grid, [0] * grid.levels))
    scales = cuda.to_device(np.array([t.scale for t in grid.tables], np.float32))
    kernel = cuda.jit(grid_kernel(grid.dims, grid.interpolation == "smoothstep"))
    shape = ((-(-count // THREADS), grid.levels), THREADS)

    def launch(positions: Any, table: Any, out: Any) -> None:
        kernel[shape](positions, table, scales, levels, out)

    return launch


def launch_mlp(mlp: MlpParams, count: int) -> Launch:
    """Return the launch for ``count`` samples, a multiple of 16: packed halves in and out."""
    if count % 16:
        raise ValueError(f"count must be a multiple of 16, not {count!r}")
    kernel = cuda.jit(mlp_kernel(mlp.shapes, mlp.output_activation == "relu"))
    blocks = -(-count // (16 * WARPS * TILES_PER_WARP))

    def launch(x: Any, weights: Any, out: Any) -> None:
        kernel[blocks, 32 * WARPS](x, weights, out)

    return launch
