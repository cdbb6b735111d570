"""Rounding, saturation and wrapping of integers, on Python ints and NumPy arrays alike.

Arrays may hold ``int64`` or, where products exceed 63 bits, Python integers (``object``). The
caller chooses a type wide enough; nothing here converts.
"""

from __future__ import annotations

from typing import Any

ROUNDINGS = ("floor", "half_up", "half_even", "half_away")
"""What happens to the bits shifted out.

``floor``: dropped. ``half_up``: ties toward plus infinity. ``half_even``: ties to the even
neighbour. ``half_away``: ties away from zero.
"""


def round_shift(value: Any, shift: Any, mode: str) -> Any:
    """Return ``value / 2**shift`` rounded to an integer by ``mode``; ``shift`` is 0 or more.

    ``value`` and ``shift`` are integers or integer arrays that broadcast. Exact: no float occurs.
    """
    if mode not in ROUNDINGS:
        raise ValueError(f"mode must be one of {', '.join(ROUNDINGS)}, not {mode!r}")
    if mode == "floor":
        return value >> shift
    half = (1 << shift) >> 1
    if mode == "half_up":
        return (value + half) >> shift
    nonzero = (shift > 0) * 1
    if mode == "half_away":
        return (value + half - nonzero * (value < 0)) >> shift
    odd = (value >> shift) & 1
    return (value + half - nonzero * (1 - odd)) >> shift


def saturate(value: Any, bits: int, signed: bool = True) -> Any:
    """Return ``value`` clamped to the range of a ``bits`` wide integer."""
    low = -(1 << (bits - 1)) if signed else 0
    high = (1 << (bits - signed)) - 1
    if isinstance(value, int):
        return min(max(value, low), high)
    return value.clip(low, high)


def wrap(value: Any, bits: int) -> Any:
    """Return ``value`` modulo ``2**bits`` as a signed integer, as an adder without carry out."""
    sign = 1 << (bits - 1)
    mask = (1 << bits) - 1
    if not isinstance(value, int) and value.dtype != object and bits > 63:
        return value
    return (
        ((value + sign) & mask) - sign if isinstance(value, int) else ((value & mask) ^ sign) - sign
    )
