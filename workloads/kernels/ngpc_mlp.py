"""The fused perceptron in the RTL's integers as a Numba CUDA kernel.

A block takes 16 samples, a thread one neuron; activations stay in shared memory between layers.
No inline PTX: the kernel also runs in the CUDA simulator. It shares no code with
``archsim.functional``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numba import cuda, int32, int64

from archsim.config.ngpc_params import MlpParams, NfpFormats

SAMPLES = 16


@cache
def fixed_kernel(
    shapes: tuple[tuple[int, int], ...], shifts: tuple[int, ...], relu_out: bool, bits: int
) -> Callable[..., None]:
    """Return the integer kernel of layers ``shapes`` with their right shifts."""
    layers = len(shapes)
    starts = tuple(sum(shapes[m][0] * shapes[m][1] for m in range(n)) for n in range(layers))
    widest = max(max(shape) for shape in shapes)
    high = (1 << (bits - 1)) - 1

    def mlp_fixed(x: Any, weights: Any, out: Any) -> None:
        held = cuda.shared.array((2, SAMPLES, widest), int32)
        neuron = cuda.threadIdx.x
        first = cuda.blockIdx.x * SAMPLES
        for s in range(SAMPLES):
            if first + s < x.shape[0]:
                for i in range(neuron, shapes[0][0], cuda.blockDim.x):
                    held[0, s, i] = x[first + s, i] if i < x.shape[1] else 0
        cuda.syncthreads()
        for layer in range(layers):
            side = layer & 1
            if neuron < shapes[layer][1]:
                for s in range(SAMPLES):
                    total = int64(0)
                    for i in range(shapes[layer][0]):
                        weight = weights[starts[layer] + i * shapes[layer][1] + neuron]
                        total += int64(held[side, s, i]) * int64(weight)
                    if (layer < layers - 1 or relu_out) and total < 0:
                        total = int64(0)
                    if shifts[layer] > 0:
                        total += int64(1) << int64(shifts[layer] - 1)
                        total >>= int64(shifts[layer])
                    held[1 - side, s, neuron] = int32(
                        min(max(total, int64(-high - 1)), int64(high))
                    )
            cuda.syncthreads()
        for s in range(SAMPLES):
            if first + s < x.shape[0] and neuron < shapes[layers - 1][1]:
                out[first + s, neuron] = held[layers & 1, s, neuron]

    return mlp_fixed


def perceptron_fixed(
    mlp: MlpParams,
    formats: NfpFormats,
    x: np.ndarray[Any, Any],
    weights: Sequence[np.ndarray[Any, Any]],
    shifts: Sequence[int],
) -> np.ndarray[Any, Any]:
    """Return int16 outputs ``[n, padded outputs]`` of int16 ``x`` and raw ``weights``."""
    flat = np.concatenate([w.astype(np.int16).ravel() for w in weights])
    out = cuda.to_device(np.zeros((len(x), mlp.shapes[-1][1]), np.int16))
    launch_fixed(mlp, formats, shifts, len(x))(
        cuda.to_device(x.astype(np.int16)), cuda.to_device(flat), out
    )
    return np.asarray(out.copy_to_host())


def launch_fixed(
    mlp: MlpParams, formats: NfpFormats, shifts: Sequence[int], count: int
) -> Callable[[Any, Any, Any], None]:
    """Return the launch for ``count`` samples: int16 x, flat int16 weights, int16 out."""
    relu_out = mlp.output_activation == "relu"
    kernel = cuda.jit(fixed_kernel(mlp.shapes, tuple(shifts), relu_out, formats.activation_bits))
    threads = max(max(shape) for shape in mlp.shapes)

    def launch(x: Any, weights: Any, out: Any) -> None:
        kernel[-(-count // SAMPLES), threads](x, weights, out)

    return launch
