"""Seeded operands for a product on an engine."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.config.matrix import FORMATS, MatrixParams
from archsim.functional import ColumnParams
from archsim.functional.matrix import Ints
from archsim.numeric.drawing import draw_product


@dataclass(frozen=True)
class Operands:
    """One product's inputs."""

    a: Ints
    b: Ints
    columns: ColumnParams


def draw(params: MatrixParams, m: int, k: int, n: int, seed: int) -> Operands:
    """Return operands of an engine's format; the golden vectors draw the same."""
    drawn = draw_product(m, k, n, seed, bits=FORMATS[params.format])
    return Operands(drawn.a, drawn.b, ColumnParams(drawn.bias, drawn.multiplier, drawn.shift))
