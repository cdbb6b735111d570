"""Fixed latencies of the matrix engine in cycles, as its RTL has them (cosim compares)."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams

FIRST_BEAT = 6
"""Cycle after the start (cycle 0) in which a word of one beat can be in its buffer."""

REUSE = 4
"""From a word's last read until the word that takes its place can be in the buffer."""

LOAD = 3
"""From a beat on the memory port to its word in the buffer."""

OPERAND = 3
"""From a word's read request to the array's input."""

CAPTURE = 2
"""From a processing element's last product to its drain register (output-stationary)."""

SUM = 1
"""From a processing element's product to its sum (weight-stationary)."""

ACCUMULATE = 1
"""From a row of a block's sums to the row of finished sums (weight-stationary)."""

ROOM = 2
"""From a row's exit until its room in the output buffer counts."""

FIFO = 3
"""From the push of a word to its appearance at a FIFO's output."""

PARAM_WORDS = 16
"""Column tiles whose parameters fit."""

POP = 1
"""From the request of the next column tile's parameters to the last row that uses these."""


def array(params: MatrixParams) -> int:
    """Return the cycles from a tile's last operands at the array to its first row of sums.

    Weight-stationary: from a word of A to its row.
    """
    product = params.rows + params.columns - 2 + params.product_cycles
    return product + (SUM + ACCUMULATE if params.weights_stay else CAPTURE)


def post(params: MatrixParams) -> int:
    """Return the cycles of bias, requantisation and activation."""
    return 2 + 6 * params.requantise + (params.activation == "gelu")


def first_row(params: MatrixParams) -> int:
    """Return the cycles from a tile's last read request to its first row at the output."""
    return OPERAND + array(params) + post(params) + FIFO


def last_row(params: MatrixParams) -> int:
    """Return the cycles from a tile's last read request to its last row of sums."""
    return OPERAND + array(params) + (0 if params.weights_stay else params.rows - 1)
