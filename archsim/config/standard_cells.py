"""What a memory takes in 180 nm: the one figure of a standard-cell design that no tool gives."""

from __future__ import annotations

BITCELL_UM2 = 4.65
"""A six-transistor cell of a 180 nm logic process. Estimated; uncertainty 20 %."""

MEMORY_FACTOR = 2.5
"""A second port and the periphery of small memories. Estimated; uncertainty 50 %."""


def memory_um2(bits: float) -> float:
    """Return the estimated area of ``bits`` of buffer at 180 nm."""
    return bits * BITCELL_UM2 * MEMORY_FACTOR
