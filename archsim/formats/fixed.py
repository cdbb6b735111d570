"""Fixed-point formats, as the accelerators' RTL and reference use them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FixedFormat:
    """A two's complement fixed-point number of ``bits`` with ``fraction_bits`` after the point.

    The value of the raw integer ``q`` is ``q * 2**-fraction_bits``. Vivado's ``ap_fixed<W, I>``
    is ``FixedFormat(W, W - I)``.
    """

    bits: int
    fraction_bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 64:
            raise ValueError(f"bits must be 1 to 64, not {self.bits!r}")

    @property
    def minimum(self) -> int:
        """The smallest raw integer."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """The largest raw integer."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def resolution(self) -> float:
        """The value of one unit in the last place."""
        return 2.0**-self.fraction_bits
