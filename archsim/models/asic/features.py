"""What the standard cells of an engine grow with, and the bits of its memories."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams
from archsim.models.fpga.features import PARAM_DEPTH, memories
from archsim.models.fpga.features import features as registers

NAMES = ("one", "array", "lanes", "words", "products")


def features(params: MatrixParams) -> tuple[float, ...]:
    """Return the features ``NAMES``: those of the FPGA model and the bits of all partial products.

    A multiplier of ``a`` by ``b`` bits adds up ``a * b`` of them; an FPGA has blocks for that. A
    weight-stationary engine's row of sums counts as a buffer's word, which fits the cells better.
    """
    products = params.rows * params.columns * params.a_bits * params.b_bits
    one, array, lanes, words = registers(params)
    sums = params.columns * params.acc_bits * params.weights_stay
    return one, array - 2 * sums, lanes, words + sums, float(products)


def memory_bits(params: MatrixParams) -> int:
    """Return the bits of buffers and of the column parameters that wait."""
    waiting = PARAM_DEPTH * params.param_word_bits if params.has_params else 0
    return sum(width * depth for width, depth in memories(params)) + waiting
