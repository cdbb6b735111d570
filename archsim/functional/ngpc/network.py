"""A whole network of a neural field processor: encoding, perceptrons, and its quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import SHIFT_BITS, NfpParams
from archsim.functional.ngpc.grid import FixedGrid, FloatGrid
from archsim.functional.ngpc.harmonics import fixed_harmonics, float_harmonics
from archsim.functional.ngpc.perceptron import fixed_perceptron, float_perceptron
from archsim.numeric.rounding import saturate

Array = NDArray[Any]


@dataclass(frozen=True)
class Network:
    """Trained numbers: ``table`` ``[entries, features]`` and each perceptron's weights."""

    table: Array
    weights: tuple[tuple[Array, ...], ...]


@dataclass(frozen=True)
class FixedData:
    """A network in raw integers, and where its binary points lie.

    ``shifts``: right shift after each layer of each perceptron. ``fractions``: fraction bits of
    the features, and of the activations that enter and leave each perceptron:
    ``fractions[m][0]`` enters perceptron m, ``fractions[m][1]`` leaves it.
    """

    table: Array
    weights: tuple[tuple[Array, ...], ...]
    shifts: tuple[tuple[int, ...], ...]
    fractions: tuple[tuple[int, int], ...]


class FloatNetwork:
    """The network in float; with ``dtype`` float16 as tiny-cuda-nn stores it."""

    def __init__(self, params: NfpParams, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.params = params
        self.dtype = dtype

    def __call__(self, network: Network, positions: Array, directions: Array | None) -> Array:
        """Return ``[n, params.outputs]`` float32; see ``NfpParams.outputs`` for their order."""
        p = self.params
        x = FloatGrid(p.grid, self.dtype)(positions, network.table)
        x = float_perceptron(p.mlps[0], x, network.weights[0], self.dtype)
        if not p.directions:
            return x[:, : p.outputs].astype(np.float32)
        terms = float_harmonics(_given(directions)).astype(self.dtype)
        both = np.concatenate((x, terms), axis=1)
        color = float_perceptron(p.mlps[1], both, network.weights[1], self.dtype)
        return np.concatenate((x[:, :1], color[:, : p.mlps[1].outputs]), axis=1).astype(np.float32)


class FixedNetwork:
    """The network in the RTL's integers."""

    def __init__(self, params: NfpParams) -> None:
        self.params = params

    def raw(self, data: FixedData, positions: Array, directions: Array | None = None) -> Array:
        """Return raw outputs int64 ``[n, params.outputs]`` of raw positions and directions."""
        p = self.params
        x = FixedGrid(p)(positions, data.table)
        x = fixed_perceptron(p.mlps[0], p.formats, x, data.weights[0], data.shifts[0])
        if not p.directions:
            return np.asarray(x[:, : p.outputs])
        terms = fixed_harmonics(p.formats, _given(directions), data.fractions[1][0])
        both = np.concatenate((x, terms), axis=1)
        color = fixed_perceptron(p.mlps[1], p.formats, both, data.weights[1], data.shifts[1])
        return np.concatenate((x[:, :1], color[:, : p.mlps[1].outputs]), axis=1)

    def __call__(self, data: FixedData, positions: Array, directions: Array | None) -> Array:
        """Return float32 ``[n, params.outputs]`` of float positions and directions."""
        raw = self.raw(
            data,
            self.raw_positions(positions),
            None if directions is None else self.raw_directions(directions),
        )
        scale = np.full(self.params.outputs, 2.0 ** -data.fractions[-1][1])
        scale[: self.params.directions] = 2.0 ** -data.fractions[0][1]
        return np.asarray(raw * scale, np.float32)

    def raw_positions(self, positions: Array) -> Array:
        """Return positions in [0, 1] rounded down to ``position_bits``; 1 is the last below it."""
        bits = self.params.formats.position_bits
        raw = np.floor(np.asarray(positions, np.float64) * (1 << bits)).astype(np.int64)
        return np.asarray(saturate(raw, bits, signed=False))

    def raw_directions(self, directions: Array) -> Array:
        """Return unit vectors rounded to the nearest in ``direction_fraction_bits``."""
        f = self.params.formats.direction_fraction_bits
        return np.rint(np.asarray(directions, np.float64) * (1 << f)).astype(np.int64)


def quantise(
    params: NfpParams, network: Network, positions: Array, directions: Array | None
) -> FixedData:
    """Return ``network`` in integers, binary points set by a calibration run on ``positions``.

    Features and each weight matrix use their whole width for their largest magnitude.
    Activations get the most fraction bits that hold the largest of the run with a quarter spare.
    """
    formats = params.formats
    table_fraction = _fraction(np.abs(network.table).max(), formats.feature_bits)
    x = FloatGrid(params.grid)(positions, network.table)
    entering = table_fraction
    weights, shifts, fractions = [], [], []
    for number, mlp in enumerate(params.mlps):
        if number:
            x = np.concatenate((x, float_harmonics(_given(directions))), axis=1)
        first = entering
        raw_weights, raw_shifts = [], []
        x = np.pad(x, ((0, 0), (0, mlp.shapes[0][0] - mlp.inputs)))
        for layer, weight in enumerate(network.weights[number]):
            relu = layer < mlp.hidden or mlp.output_activation == "relu"
            x = np.maximum(x @ weight, 0) if relu else x @ weight
            # harmonics reach 1.5 and share the format of the outputs before them
            peak = max(float(np.abs(x).max()), 1.5 * (params.directions and number == 0))
            leaving = _fraction(1.25 * peak, formats.activation_bits)
            weight_fraction = _fraction(np.abs(weight).max(), formats.weight_bits)
            shift = entering + weight_fraction - leaving
            if shift < 0 or shift >= 1 << SHIFT_BITS:
                weight_fraction -= min(shift, 0)
                leaving = min(leaving, entering + weight_fraction)
                shift = entering + weight_fraction - leaving
            raw_weights.append(_raw(weight, weight_fraction, formats.weight_bits))
            raw_shifts.append(shift)
            entering = leaving
        weights.append(tuple(raw_weights))
        shifts.append(tuple(raw_shifts))
        fractions.append((first, entering))
    table = _raw(network.table, table_fraction, formats.feature_bits)
    return FixedData(table, tuple(weights), tuple(shifts), tuple(fractions))


def keep_levels(params: NfpParams, network: Network, kept: int) -> Network:
    """Return ``network`` with the features of all but the ``kept`` coarsest levels at their mean.

    Nothing is trained again. Hardware need not store or read those levels.
    """
    if not 1 <= kept <= params.grid.levels:
        raise ValueError(f"kept must be 1 to {params.grid.levels}, not {kept!r}")
    table = network.table.copy()
    for level in params.grid.tables[kept:]:
        rows = slice(level.offset, level.offset + level.entries)
        table[rows] = table[rows].mean(axis=0)
    return Network(table, network.weights)


def _fraction(peak: float, bits: int) -> int:
    """The most fraction bits with which ``peak`` fits signed ``bits``."""
    if peak <= 0:
        return bits - 1
    return int(np.floor(np.log2(((1 << (bits - 1)) - 1) / peak)))


def _raw(values: Array, fraction: int, bits: int) -> Array:
    return np.asarray(saturate(np.rint(values * 2.0**fraction).astype(np.int64), bits))


def _given(directions: Array | None) -> Array:
    if directions is None:
        raise ValueError("directions must be given for this network, not None")
    return directions
