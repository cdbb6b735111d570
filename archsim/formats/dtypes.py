"""Data types of tensors, from fp64 to int4 and fp8."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal


@dataclass(frozen=True, slots=True)
class DType:
    """A data type: its ``name``, width in bits and, for floats, exponent and mantissa widths."""

    name: str
    bits: int
    kind: Literal["float", "int"]
    exponent_bits: int = 0
    mantissa_bits: int = 0

    def bytes(self, elements: int) -> int:
        """Return the whole bytes that ``elements`` packed elements take."""
        return -(-elements * self.bits // 8)


DTYPES: dict[str, DType] = {
    t.name: t
    for t in (
        DType("fp64", 64, "float", 11, 52),
        DType("fp32", 32, "float", 8, 23),
        DType("tf32", 32, "float", 8, 10),  # stored in 32 bits, multiplied with 10 mantissa bits
        DType("bf16", 16, "float", 8, 7),
        DType("fp16", 16, "float", 5, 10),
        DType("fp8", 8, "float", 4, 3),  # e4m3
        DType("fp8_e5m2", 8, "float", 5, 2),
        DType("int64", 64, "int"),
        DType("int32", 32, "int"),
        DType("int16", 16, "int"),
        DType("int8", 8, "int"),
        DType("int4", 4, "int"),
    )
}


def dtype(name: str) -> DType:
    """Return the data type called ``name``; ``ValueError`` names the known ones."""
    try:
        return DTYPES[name]
    except KeyError:
        near = get_close_matches(name, DTYPES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, not {name!r}{hint}") from None
