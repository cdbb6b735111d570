"""The multi-resolution grid encoding: in float as tiny-cuda-nn, and as the RTL computes it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_grid import GridLevel, GridParams
from archsim.config.ngpc_params import NfpParams
from archsim.functional.arrays import checked
from archsim.functional.ngpc.cells import corner_indices
from archsim.numeric.curves import interpolate, smoothstep

Floats = NDArray[Any]
Ints = NDArray[Any]

CHUNK = 1 << 15
"""Positions encoded at once: bounds the memory for any number of them."""


class FloatGrid:
    """tiny-cuda-nn's ``GridEncoding``: positions in single precision, features in ``dtype``.

    With ``dtype`` float16 every step rounds as there: the weight is a product in single precision
    cast to half, and corners are accumulated in order with a fused multiply-add in half.
    """

    def __init__(self, params: GridParams, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.params = params
        self.dtype = dtype

    def __call__(self, positions: Floats, table: Floats) -> Floats:
        """Return features ``[n, levels * features]`` of float32 ``positions`` ``[n, dims]``.

        ``table``: ``[entries, features]``, all levels in order.
        """
        p = self.params
        positions = np.asarray(positions, np.float32)
        _check_shapes(p, positions, table)
        table = table.astype(self.dtype)
        out = np.empty((len(positions), p.outputs), self.dtype)
        for first in range(0, len(positions), CHUNK):
            part = positions[first : first + CHUNK]
            for level in p.tables:
                columns = slice(level.number * p.features, (level.number + 1) * p.features)
                out[first : first + CHUNK, columns] = self._level(level, part, table)
        return out

    def cells(self, level: GridLevel, positions: Floats) -> tuple[Ints, Floats]:
        """Return the cell of each position, uint32 ``[n, dims]``, and the position within it."""
        # float64 holds the product exactly, so that adding 0.5 and one rounding are the fma
        scaled = (np.float64(level.scale) * positions + 0.5).astype(np.float32)
        whole = np.floor(scaled)
        return whole.astype(np.int64).astype(np.uint32), scaled - whole

    def _level(self, level: GridLevel, positions: Floats, table: Floats) -> Floats:
        p = self.params
        cells, within = self.cells(level, positions)
        if p.interpolation == "smoothstep":
            within = within * within * (np.float32(3) - np.float32(2) * within)
        indices = corner_indices(level, cells) + level.offset
        total = np.zeros((len(positions), p.features), self.dtype)
        for corner in range(p.corners):
            weight = np.ones(len(positions), np.float32)
            for axis in range(p.dims):
                part = within[:, axis]
                weight = weight * (part if corner >> axis & 1 else np.float32(1) - part)
            cast = weight.astype(self.dtype).astype(np.float64)
            # exact in float64, so that the cast is the one rounding of a fused multiply-add
            values = table[indices[:, corner]].astype(np.float64)
            total = (cast[:, None] * values + total).astype(self.dtype)
        return total


class FixedGrid:
    """The encoding engine in integers: every bit as the RTL computes it.

    Cell and position within it come from ``scale * position + 0.5`` rounded half up to
    ``fraction_bits``; corners are interpolated along x, then y, then z, each step rounded half
    up in the features' own format.
    """

    def __init__(self, params: NfpParams) -> None:
        self.params = params

    def __call__(self, positions: Ints, table: Ints) -> Ints:
        """Return features int64 ``[n, levels * features]`` of raw ``positions`` ``[n, dims]``.

        ``table``: raw features ``[entries, features]``. ``ValueError`` for numbers out of range.
        """
        grid, formats = self.params.grid, self.params.formats
        positions = checked("positions", positions, formats.position_bits, signed=False)
        table = checked("table", table, formats.feature_bits, signed=True)
        _check_shapes(grid, positions, table)
        out = np.empty((len(positions), grid.outputs), np.int64)
        for first in range(0, len(positions), CHUNK):
            part = positions[first : first + CHUNK]
            for level in grid.tables:
                columns = slice(level.number * grid.features, (level.number + 1) * grid.features)
                out[first : first + CHUNK, columns] = self._level(level, part, table)
        return out

    def cells(self, level: GridLevel, positions: Ints) -> tuple[Ints, Ints]:
        """Return cells uint32 ``[n, dims]`` and raw positions within them (``fraction_bits``)."""
        f = self.params.formats
        point = f.position_bits + f.scale_fraction_bits
        drop = point - f.fraction_bits
        half = (1 << (point - 1)) + ((1 << drop) >> 1)
        scaled = (self.params.scale_raw(level.number) * positions + half) >> drop
        cells = (scaled >> f.fraction_bits).astype(np.uint32)
        return cells, scaled & ((1 << f.fraction_bits) - 1)

    def _level(self, level: GridLevel, positions: Ints, table: Ints) -> Ints:
        grid, bits = self.params.grid, self.params.formats.fraction_bits
        cells, within = self.cells(level, positions)
        if grid.interpolation == "smoothstep":
            within = smoothstep(within, bits)
        values = table[corner_indices(level, cells) + level.offset]
        for axis in range(grid.dims):
            weight = within[:, axis, None, None]
            values = interpolate(values[:, 0::2], values[:, 1::2], weight, bits)
        return np.asarray(values[:, 0])


def _check_shapes(grid: GridParams, positions: Floats, table: Floats) -> None:
    if positions.ndim != 2 or positions.shape[1] != grid.dims:
        raise ValueError(f"positions must have shape [n, {grid.dims}], not {positions.shape}")
    if table.shape != (grid.entries, grid.features):
        raise ValueError(
            f"table must have shape [{grid.entries}, {grid.features}], not {table.shape}"
        )
