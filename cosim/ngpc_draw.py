"""Random numbers for a neural field processor: a network in integers, and samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpParams
from archsim.functional.ngpc.network import FixedData

Array = NDArray[Any]


def draw_data(params: NfpParams, seed: int) -> FixedData:
    """Return a table, weights and shifts over their whole range, so that some sums saturate."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    f = params.formats
    table = _signed(rng, f.feature_bits, (params.grid.entries, params.grid.features))
    weights = tuple(
        tuple(_signed(rng, f.weight_bits, shape) for shape in mlp.shapes) for mlp in params.mlps
    )
    middle = f.weight_bits + 2  # about the root mean square of a sum of 64
    shifts = tuple(
        tuple(int(x) for x in rng.integers(middle - 2, middle + 2, len(mlp.shapes)))
        for mlp in params.mlps
    )
    fraction = f.activation_bits - 3
    return FixedData(table, weights, shifts, ((fraction, fraction),) * len(params.mlps))


def draw_samples(params: NfpParams, count: int, seed: int) -> tuple[Array, Array | None]:
    """Return raw positions ``[count, dims]`` and, where there are any, raw directions."""
    rng = np.random.Generator(np.random.PCG64([seed, 2]))
    f = params.formats
    positions = rng.integers(0, 1 << f.position_bits, (count, params.grid.dims))
    if not params.directions:
        return positions, None
    return positions, _signed(rng, f.direction_bits, (count, 3))


def _signed(rng: np.random.Generator, bits: int, shape: tuple[int, ...]) -> Array:
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
