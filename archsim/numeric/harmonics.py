"""Real spherical harmonics of degree 4: their constants, for hardware and references alike.

Term ``i`` is ``CONSTANTS[i] * polynomial i`` of the unit vector (x, y, z); the polynomials stand in
``archsim.functional.ngpc.harmonics``. Constants in closed form (Condon-Shortley phase included).
"""

from __future__ import annotations

import math
from functools import cache

_PI = math.pi

CONSTANTS = (
    0.5 / math.sqrt(_PI),
    -math.sqrt(3 / (4 * _PI)),
    math.sqrt(3 / (4 * _PI)),
    -math.sqrt(3 / (4 * _PI)),
    math.sqrt(15 / (4 * _PI)),
    -math.sqrt(15 / (4 * _PI)),
    math.sqrt(5 / (16 * _PI)),
    -math.sqrt(15 / (4 * _PI)),
    math.sqrt(15 / (16 * _PI)),
    math.sqrt(35 / (32 * _PI)),
    math.sqrt(105 / (4 * _PI)),
    math.sqrt(21 / (32 * _PI)),
    math.sqrt(7 / (16 * _PI)),
    math.sqrt(21 / (32 * _PI)),
    math.sqrt(105 / (16 * _PI)),
    math.sqrt(35 / (32 * _PI)),
)


@cache
def raw_constants(fraction_bits: int) -> tuple[int, ...]:
    """Return ``CONSTANTS`` at ``fraction_bits``, rounded to the nearest."""
    return tuple(round(c * (1 << fraction_bits)) for c in CONSTANTS)
