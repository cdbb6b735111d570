"""What grid and weight memories hold, word by word: the loader's data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_layout import level_layout
from archsim.config.ngpc_params import ENTRIES_PER_WORD, NfpParams
from archsim.config.ngpc_schedule import schedule
from archsim.functional.ngpc.cells import entry_index


def stored_words(params: NfpParams, number: int, table: NDArray[Any]) -> list[int]:
    """Return the words of level ``number`` of the raw ``table``, the lower entry lowest.

    A dense level holds a copy of each vertex that a cell can touch; unused places are 0.
    """
    grid, bits = params.grid, params.formats.feature_bits
    level = grid.tables[number]
    layout = level_layout(grid, level)
    if level.hashed:
        places = np.arange(level.entries)
        entries = places
    else:
        side = range(level.resolution + 1)
        vertices = np.array(list(product(side, repeat=grid.dims)), np.uint32)
        steps = (1, ENTRIES_PER_WORD * layout.row_words, ENTRIES_PER_WORD * layout.plane_words)
        places = vertices.astype(np.int64) @ np.array(steps[: grid.dims])
        entries = entry_index(level, vertices)
    raw = table[level.offset + entries].astype(np.int64) & ((1 << bits) - 1)
    words = [0] * layout.words
    for place, values in zip(places.tolist(), raw.tolist(), strict=True):
        half = place % ENTRIES_PER_WORD * grid.features
        for f, value in enumerate(values):
            words[place // ENTRIES_PER_WORD] |= value << (bits * (half + f))
    return words


def engine_words(params: NfpParams, levels: Sequence[int], table: NDArray[Any]) -> list[int]:
    """Return the words of the grid memory that ``levels`` share, in that order."""
    return [word for level in levels for word in stored_words(params, level, table)]


def weight_words(params: NfpParams, weights: Sequence[Sequence[NDArray[Any]]]) -> list[int]:
    """Return the words of the perceptron engine's weight memory, neuron 0 of a tile lowest.

    ``weights``: raw, each perceptron's matrices ``[inputs, outputs]``. A word holds the weights of
    one input; neurons that a layer lacks have weight 0.
    """
    bits, columns = params.formats.weight_bits, params.mlp_columns
    matrices = [matrix for perceptron in weights for matrix in perceptron]
    words = []
    for tile in schedule(params).tiles:
        part = matrices[tile.layer][:, tile.part * columns : (tile.part + 1) * columns]
        for row in part.tolist():
            words.append(sum((w & ((1 << bits) - 1)) << (bits * n) for n, w in enumerate(row)))
    return words
