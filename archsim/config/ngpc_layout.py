"""Where the vertices of a level lie in the banked grid memory. No NumPy here.

A word holds two neighbours along x, the even one first; word ``w`` lies in bank ``w mod banks``.
A dense level keeps a copy of every vertex that a cell can touch, wrapped ones too, so that no
modulo is left to hardware; rows are 2 (mod 4) words apart and planes 4 (mod 8), so that the eight
words that a cell can need lie in eight banks. A hashed level is stored by entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archsim.config.ngpc_grid import GridLevel, GridParams
from archsim.config.ngpc_params import ENTRIES_PER_WORD


@dataclass(frozen=True, slots=True)
class LevelLayout:
    """Words between rows and between planes of a dense level (0 where hashed), and words in all."""

    row_words: int
    plane_words: int
    words: int


def level_layout(grid: GridParams, level: GridLevel) -> LevelLayout:
    """Return the storage of ``level``."""
    if level.hashed:
        return LevelLayout(0, 0, -(-level.entries // ENTRIES_PER_WORD))
    side = level.resolution + 1
    row = _next(-(-side // ENTRIES_PER_WORD), 2, 4)
    if grid.dims == 2:
        return LevelLayout(row, 0, row * side)
    plane = _next(row * side, 4, 8)
    return LevelLayout(row, plane, plane * side)


def level_offsets(grid: GridParams, levels: Sequence[int]) -> tuple[int, ...]:
    """Return the first word of each of ``levels`` that share a memory, and their words in all."""
    offsets = [0]
    for number in levels:
        offsets.append(offsets[-1] + level_layout(grid, grid.tables[number]).words)
    return tuple(offsets)


def _next(least: int, remainder: int, modulus: int) -> int:
    """The least number from ``least`` on with ``remainder`` after division by ``modulus``."""
    return least + (remainder - least) % modulus
