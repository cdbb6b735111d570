"""The fused perceptron: no biases, ReLU between layers, in float and as the RTL computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import MlpParams, NfpFormats
from archsim.functional.arrays import checked
from archsim.numeric.rounding import round_shift, saturate


def float_perceptron(
    params: MlpParams,
    x: NDArray[Any],
    weights: Sequence[NDArray[Any]],
    dtype: type[np.floating[Any]] = np.float32,
) -> NDArray[Any]:
    """Return ``[n, padded outputs]``: products summed in float32, layers stored in ``dtype``.

    ``x`` ``[n, inputs]`` is padded with zeros; ``weights`` have ``params.shapes``.
    """
    x = _padded(params, np.asarray(x).astype(dtype))
    _check_weights(params, weights)
    for number, weight in enumerate(weights):
        x = x.astype(np.float32) @ weight.astype(dtype).astype(np.float32)
        if _has_relu(params, number):
            x = np.maximum(x, np.float32(0))
        x = x.astype(dtype)
    return x


def fixed_perceptron(
    params: MlpParams,
    formats: NfpFormats,
    x: NDArray[Any],
    weights: Sequence[NDArray[Any]],
    shifts: Sequence[int],
) -> NDArray[Any]:
    """Return raw outputs int64 ``[n, padded outputs]``.

    Per layer: exact integer sums, ReLU where the layer has one, then ``shifts[layer]`` to the
    right rounded half up, saturated to ``activation_bits``. It is the matrix engine's product
    with a multiplier of one.
    """
    x = _padded(params, checked("x", x, formats.activation_bits, signed=True))
    _check_weights(params, weights)
    if len(shifts) != len(params.shapes):
        raise ValueError(f"shifts must be {len(params.shapes)} numbers, not {len(shifts)}")
    for number, (weight, shift) in enumerate(zip(weights, shifts, strict=True)):
        raw = checked("weights", weight, formats.weight_bits, signed=True)
        # float64 products are exact below 2**53 and use the BLAS
        total = (x.astype(np.float64) @ raw.astype(np.float64)).astype(np.int64)
        if _has_relu(params, number):
            total = np.maximum(total, 0)
        x = saturate(round_shift(total, shift, "half_up"), formats.activation_bits)
    return x


def _has_relu(params: MlpParams, number: int) -> bool:
    return number < params.hidden or params.output_activation == "relu"


def _padded(params: MlpParams, x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim != 2 or x.shape[1] != params.inputs:
        raise ValueError(f"x must have shape [n, {params.inputs}], not {x.shape}")
    return np.pad(x, ((0, 0), (0, params.shapes[0][0] - params.inputs)))


def _check_weights(params: MlpParams, weights: Sequence[NDArray[Any]]) -> None:
    shapes = tuple(weight.shape for weight in weights)
    if shapes != params.shapes:
        raise ValueError(f"weights must have shapes {params.shapes}, not {shapes}")
