"""Fixed latencies of the matrix engine in cycles, as its RTL has them (cosim compares)."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams

FIRST_BEAT = 2
"""Cycle after the start (cycle 0) in which the loader takes the first beat."""

OPERAND = 2
"""From a word's read request to the array's input."""

CAPTURE = 4
"""From a processing element's last operands to its drain register (output-stationary)."""

SUM = 3
"""From a processing element's operand to its sum (weight-stationary)."""

ACCUMULATE = 1
"""From a row of a block's sums to the row of finished sums (weight-stationary)."""

ROOM = 1
"""From a row's exit until its room in the output buffer counts."""

FIFO = 3
"""From the push of a word to its appearance at a FIFO's output."""

PARAM_WORDS = 18
"""Column tiles whose parameters fit: 16 in memory and two in the FIFO's output registers."""

FIFO_REUSE = 2
"""From a pop at a full FIFO's output until a word fits again."""


def array(params: MatrixParams) -> int:
    """Return the cycles from a tile's last operands at the array to its first row of sums.

    Weight-stationary: from a word of A to its row.
    """
    skew = params.rows + params.columns - 2
    return skew + (SUM + ACCUMULATE if params.weights_stay else CAPTURE)


def post(params: MatrixParams) -> int:
    """Return the cycles of bias, requantisation and activation."""
    return 2 + 5 * params.requantise + (params.activation == "gelu")


def first_row(params: MatrixParams) -> int:
    """Return the cycles from a tile's last read request to its first row at the output."""
    return OPERAND + array(params) + post(params) + FIFO


def last_row(params: MatrixParams) -> int:
    """Return the cycles from a tile's last read request to its last row of sums."""
    return OPERAND + array(params) + (0 if params.weights_stay else params.rows - 1)
