"""Spherical harmonics of degree 4 of a direction: 16 terms, in float and as the RTL computes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_params import NfpFormats
from archsim.functional.arrays import checked
from archsim.numeric.harmonics import CONSTANTS, raw_constants
from archsim.numeric.rounding import round_shift, saturate


def float_harmonics(directions: NDArray[Any]) -> NDArray[Any]:
    """Return float32 ``[n, 16]`` of unit vectors ``[n, 3]``, terms in tiny-cuda-nn's order."""
    x, y, z = np.asarray(directions, np.float32).T
    terms = _polynomials(x, y, z, np.float32(1), lambda a, b: a * b)
    return np.stack(terms, axis=1) * np.array(CONSTANTS, np.float32)


def fixed_harmonics(formats: NfpFormats, directions: NDArray[Any], out_fraction: int) -> Any:
    """Return raw terms int64 ``[n, 16]`` at ``out_fraction`` bits of raw ``directions``.

    Each product of two numbers is rounded half up to the directions' fraction bits, and each term
    after its constant (``direction_bits`` + 2 fraction bits); saturated to ``activation_bits``.
    """
    f = formats.direction_fraction_bits
    raw = checked("directions", directions, formats.direction_bits, signed=True)
    if raw.ndim != 2 or raw.shape[1] != 3:
        raise ValueError(f"directions must have shape [n, 3], not {raw.shape}")
    x, y, z = raw.T
    one = np.full_like(x, 1 << f)
    terms = _polynomials(x, y, z, one, lambda a, b: round_shift(a * b, f, "half_up"))
    constants = np.array(raw_constants(f + 2), np.int64)
    scaled = np.stack(terms, axis=1) * constants
    return saturate(
        round_shift(scaled, 2 * f + 2 - out_fraction, "half_up"), formats.activation_bits
    )


def _polynomials(x: Any, y: Any, z: Any, one: Any, times: Any) -> list[Any]:
    """The 16 polynomials; ``one`` is 1 in the numbers' format, ``times`` their product."""
    xy, yz, xz = times(x, y), times(y, z), times(x, z)
    xx, yy, zz = times(x, x), times(y, y), times(z, z)
    return [
        one + 0 * x, y, z, x, xy, yz, 3 * zz - one, xz, xx - yy,
        times(y, yy - 3 * xx), times(xy, z), times(y, one - 5 * zz), times(z, 5 * zz - 3 * one),
        times(x, one - 5 * zz), times(z, xx - yy), times(x, 3 * yy - xx),
    ]  # fmt: skip
