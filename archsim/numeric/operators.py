"""Parameters of the arithmetic operators: the same object goes to ``functional`` and to ``hdl``.

Fixed-point numbers are integers ``q`` that stand for ``q / 2**fraction_bits``.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.numeric.check import integer, one_of
from archsim.numeric.curves import GELU_STEP_BITS
from archsim.numeric.rounding import ROUNDINGS

OVERFLOWS = ("wrap", "saturate")
REDUCTIONS = ("add", "max", "min")


@dataclass(frozen=True, kw_only=True)
class DotProductParams:
    """``out = saturate(round(sum of a * b / 2**shift))``; each partial sum wraps or saturates.

    All operands signed. ``acc_bits`` may be smaller than the sum needs: ``overflow`` then says
    what happens at every addition, in order.
    """

    a_bits: int = 8
    b_bits: int = 8
    acc_bits: int = 32
    out_bits: int = 8
    shift: int = 0
    rounding: str = "half_even"
    overflow: str = "wrap"

    def __post_init__(self) -> None:
        integer("a_bits", self.a_bits, 2, 32)
        integer("b_bits", self.b_bits, 2, 32)
        integer("acc_bits", self.acc_bits, 2, 64)
        integer("out_bits", self.out_bits, 2, 64)
        integer("shift", self.shift, 0, 62)
        one_of("rounding", self.rounding, ROUNDINGS)
        one_of("overflow", self.overflow, OVERFLOWS)


@dataclass(frozen=True, kw_only=True)
class ReduceParams:
    """``count`` numbers of ``width`` bits become their sum, largest or smallest."""

    count: int
    width: int
    operation: str = "add"
    signed: bool = True

    def __post_init__(self) -> None:
        integer("count", self.count, 1, 1024)
        integer("width", self.width, 1, 64)
        one_of("operation", self.operation, REDUCTIONS)

    @property
    def levels(self) -> int:
        """Levels of two-input operators."""
        return (self.count - 1).bit_length()

    @property
    def out_bits(self) -> int:
        """Bits of the result: a sum never overflows."""
        return self.width + (self.levels if self.operation == "add" else 0)


@dataclass(frozen=True, kw_only=True)
class TopKParams:
    """The ``count`` largest signed numbers of a sequence, largest first, with their positions.

    Of equal numbers the earlier comes first. Positions count modulo ``2**index_bits``.
    """

    count: int = 2
    value_bits: int = 16
    index_bits: int = 8

    def __post_init__(self) -> None:
        integer("count", self.count, 1, 64)
        integer("value_bits", self.value_bits, 2, 64)
        integer("index_bits", self.index_bits, 1, 32)


@dataclass(frozen=True, kw_only=True)
class ReciprocalParams:
    """``1 / x`` of an unsigned fixed-point number; 0 and overflow give the largest output."""

    in_bits: int = 16
    in_fraction_bits: int = 8
    out_bits: int = 16
    out_fraction_bits: int = 8
    index_bits: int = 6
    value_bits: int = 18

    def __post_init__(self) -> None:
        _curve(self.index_bits, self.value_bits)
        integer("in_bits", self.in_bits, self.index_bits + 1, 48)
        integer("in_fraction_bits", self.in_fraction_bits, 0, 32)
        integer("out_bits", self.out_bits, 1, 48)
        integer("out_fraction_bits", self.out_fraction_bits, 0, 32)

    @property
    def position_bits(self) -> int:
        """Bits that place the number within its segment."""
        return self.in_bits - 1 - self.index_bits

    @property
    def base_shift(self) -> int:
        """Right shift of the table's value for the lowest input bit; negative is to the left."""
        return self.value_bits - self.in_fraction_bits - self.out_fraction_bits

    @property
    def lift(self) -> int:
        """Left shift that goes first, so that the other is never negative."""
        return max(0, -self.base_shift)


@dataclass(frozen=True, kw_only=True)
class RsqrtParams(ReciprocalParams):
    """``1 / sqrt(x)`` of an unsigned fixed-point number; 0 and overflow give the largest output."""

    @property
    def base_shift(self) -> int:
        """Right shift for the lowest input bit, whose exponent is ``-in_fraction_bits``."""
        return self.value_bits - self.out_fraction_bits + (-self.in_fraction_bits >> 1)


@dataclass(frozen=True, kw_only=True)
class ExpParams:
    """``exp(-x)`` of an unsigned fixed-point number, from 0 to 1 inclusive."""

    in_bits: int = 16
    in_fraction_bits: int = 10
    out_fraction_bits: int = 16
    index_bits: int = 6
    value_bits: int = 18

    def __post_init__(self) -> None:
        _curve(self.index_bits, self.value_bits)
        integer("in_bits", self.in_bits, 2, 40)
        integer("in_fraction_bits", self.in_fraction_bits, 0, 32)
        integer("out_fraction_bits", self.out_fraction_bits, 1, self.value_bits)

    @property
    def out_bits(self) -> int:
        """Bits of the unsigned result: 1 fits."""
        return self.out_fraction_bits + 1

    @property
    def exponent_fraction_bits(self) -> int:
        """Fraction bits of ``x * log2(e)``."""
        return self.in_fraction_bits + self.value_bits

    @property
    def position_bits(self) -> int:
        """Bits that place the number within its segment; what lies below them is dropped."""
        return min(self.value_bits, self.exponent_fraction_bits - self.index_bits)


@dataclass(frozen=True, kw_only=True)
class GeluParams:
    """GELU as ``ReLU(x) - delta(|x|)``, delta interpolated at step 1/32 and 0 from 5.5 on.

    Input and output are signed, ``bits`` wide, with ``fraction_bits``.
    """

    bits: int = 16
    fraction_bits: int = 10
    value_bits: int = 16

    def __post_init__(self) -> None:
        integer("fraction_bits", self.fraction_bits, GELU_STEP_BITS, 32)
        integer("bits", self.bits, self.fraction_bits + 1, 48)
        integer("value_bits", self.value_bits, self.fraction_bits, 32)

    @property
    def position_bits(self) -> int:
        """Bits that place the number within its segment."""
        return self.fraction_bits - GELU_STEP_BITS


def _curve(index_bits: int, value_bits: int) -> None:
    integer("index_bits", index_bits, 1, 12)
    integer("value_bits", value_bits, 4, 30)
