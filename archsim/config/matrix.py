"""Parameters of the matrix engine: the choices that its RTL depends on, and what follows.

The same frozen object goes to ``hdl.MatrixEngine``, ``functional.MatrixEngine`` and the array
model. No NumPy here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import ClassVar

FORMATS = {"int8": (8, 8, 32, 8), "int16": (16, 16, 48, 16), "w16a32": (32, 16, 64, 32)}
"""Bits of activations (A), weights (B), accumulators, and requantised outputs, by format."""

DATAFLOWS = ("output_stationary", "weight_stationary")
ACTIVATIONS = ("none", "relu", "gelu")
MULTIPLIERS = ("generic", "ecp5")
COUNT_BITS = 16
"""Width of every dimension register: K, tiles in M and N, held tiles."""

MULTIPLIER_BITS = 15
"""Bits of the unsigned requantisation multiplier of a column."""

LEAST_WORDS = 8
"""Words of the smallest operand buffer: fewer cannot hide the way from a read to a new word."""

ACCUMULATE_CYCLES = 4
"""Cycles from a read of a row of sums until the next read of the same row may begin."""

SHIFT_BITS = 6
"""Bits of the right shift of a column."""


def _range(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, not {value!r}")


def _one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class MatrixParams:
    """A tiled matrix engine: ``out = act(requantise(A[m, k] x B[k, n] + bias[n]))``.

    ``a_depth`` and ``b_depth`` are the operand buffers in words (one word: one k for all rows
    or columns), ``out_depth`` the output buffer in rows of ``columns`` results, ``acc_depth`` the
    rows of sums of a weight-stationary engine (0 where sums stay in the array). ``port_bytes``
    is the width of the data streams, one beat a cycle. ``table_fraction_bits`` fixes the point
    of the GELU table's input and output.
    """

    MACHINE: ClassVar[str] = "array"

    rows: int
    columns: int
    dataflow: str = "output_stationary"
    format: str = "int8"
    bias: bool = True
    requantise: bool = True
    activation: str = "none"
    rounding: str = "half_up"
    table_fraction_bits: int = 4
    a_depth: int = 1024
    b_depth: int = 1024
    out_depth: int = 256
    acc_depth: int = 0
    port_bytes: int = 32
    multiplier: str = "generic"

    def __post_init__(self) -> None:
        _range("rows", self.rows, 1, 256)
        _range("columns", self.columns, 1, 256)
        _one_of("dataflow", self.dataflow, DATAFLOWS)
        _one_of("format", self.format, tuple(FORMATS))
        _one_of("activation", self.activation, ACTIVATIONS)
        _one_of("rounding", self.rounding, ("floor", "half_up", "half_even", "half_away"))
        _one_of("multiplier", self.multiplier, MULTIPLIERS)
        _range("table_fraction_bits", self.table_fraction_bits, 0, 7)
        for name in ("a_depth", "b_depth"):
            _range(name, getattr(self, name), LEAST_WORDS, 1 << 20)
        least = 2 if self.weights_stay else self.rows
        _range("out_depth", self.out_depth, least, 1 << 20)
        if self.weights_stay:
            _range("acc_depth", self.acc_depth, 2, 1 << 20)
            _range("b_depth", self.b_depth, self.rows, 1 << 20)
        else:
            _range("acc_depth", self.acc_depth, 0, 0)
        _range("port_bytes", self.port_bytes, 1, 256)
        if self.port_bytes & (self.port_bytes - 1):
            raise ValueError(f"port_bytes must be a power of two, not {self.port_bytes!r}")
        if self.activation == "gelu" and not (self.requantise and self.format == "int8"):
            raise ValueError(
                "activation must be none or relu unless the output is int8, not 'gelu'"
            )

    @property
    def weights_stay(self) -> bool:
        """Whether weights stay in the array and sums move, not the other way round."""
        return self.dataflow == "weight_stationary"

    @property
    def a_bits(self) -> int:
        """Bits of an activation."""
        return FORMATS[self.format][0]

    @property
    def b_bits(self) -> int:
        """Bits of a weight."""
        return FORMATS[self.format][1]

    @property
    def acc_bits(self) -> int:
        """Bits of an accumulator: no overflow for any K below 2**16."""
        return FORMATS[self.format][2]

    @property
    def out_bits(self) -> int:
        """Bits of a result: the format's when requantised, else whole bytes of the accumulator."""
        return FORMATS[self.format][3] if self.requantise else self.acc_bits

    @property
    def param_column_bits(self) -> int:
        """Bits of one column's parameters: accumulator-wide bias, 16 multiplier, 16 shift."""
        return self.acc_bits * self.bias + 32 * self.requantise

    @property
    def has_params(self) -> bool:
        """Whether each block of B carries column parameters."""
        return self.param_column_bits > 0

    @property
    def a_word_bits(self) -> int:
        """Bits of a word of A: one k for every row."""
        return self.rows * self.a_bits

    @property
    def b_word_bits(self) -> int:
        """Bits of a word of B: one k for every column."""
        return self.columns * self.b_bits

    @property
    def param_word_bits(self) -> int:
        """Bits of the parameters of all columns."""
        return self.columns * self.param_column_bits

    @property
    def out_word_bits(self) -> int:
        """Bits of one row of results."""
        return self.columns * self.out_bits

    def beats(self, bits: int) -> int:
        """Return the port beats that a word of ``bits`` takes."""
        return -(-bits // (8 * self.port_bytes))

    @property
    def product_cycles(self) -> int:
        """Cycles from operands to their product in a processing element.

        Two registers belong to the multiplier; behind an ECP5 one, which stands apart from the
        sums, a third shortens the way to them. Elsewhere the block adds up, too.
        """
        return 3 if self.multiplier == "ecp5" else 2

    @property
    def min_interval_cycles(self) -> int:
        """Fewest cycles between two tiles' ends, as rows leave, or two blocks, as weights come.

        A row of sums is read, added to and written in four cycles.
        """
        return max(self.rows, ACCUMULATE_CYCLES) if self.weights_stay else self.rows

    @property
    def most_group_rows(self) -> int:
        """Rows of A that can pass one block of weights: their sums, words and results must fit."""
        return min(self.acc_depth, self.a_depth, self.out_depth)

    @property
    def digest(self) -> str:
        """SHA-256 over all parameters."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
