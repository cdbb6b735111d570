"""What an engine's LUTs and registers grow with, and its blocks, which follow in closed form."""

from __future__ import annotations

from archsim.config.matrix import MULTIPLIER_BITS, MatrixParams

LIMB_BITS = 17
"""Bits of the pieces in which a sum is multiplied by its scale (``hdl.arith.requant``)."""

PARAM_DEPTH = 16
"""Column tiles whose parameters can wait: distributed memory."""

MIN_BLOCK_DEPTH = 65
"""Shallower memories become distributed memory."""

BLOCK_SHAPES = ((72, 512), (36, 1024), (18, 2048), (9, 4096), (4, 8192), (2, 16384), (1, 32768))
"""Width and depth of a 36 Kbit block with one write and one read port (UG573)."""

URAM_SHAPE = (72, 4096)
"""Width and depth of a 288 Kbit UltraRAM block (UG573)."""

NAMES = ("one", "array", "lanes", "words")


def features(params: MatrixParams) -> tuple[float, ...]:
    """Return the features ``NAMES`` of an engine.

    ``array``: bits of operands and sums held in processing elements and, weight-stationary, behind
    them; ``lanes``: bits of all columns' post-processing and its parameters; ``words``: bits of a
    word of every operand and output buffer.
    """
    held = params.a_bits + params.b_bits + 2 * params.acc_bits
    if params.weights_stay:  # a second weight instead of a second sum
        held = params.a_bits + 2 * params.b_bits + params.acc_bits
    array = params.rows * params.columns * held
    if params.weights_stay:  # a row of sums from memory, and one of new ones
        array += 2 * params.columns * params.acc_bits
    lanes = params.columns * (params.acc_bits + MULTIPLIER_BITS) * params.requantise
    words = params.a_word_bits + params.b_word_bits + params.out_word_bits
    return 1.0, float(array), float(lanes), float(words)


def dsp(params: MatrixParams) -> int:
    """Return the DSP blocks: a product for each element, and for each 17 bits of each lane."""
    pieces = -(-max(params.a_bits, params.b_bits) // 27) * -(
        -min(params.a_bits, params.b_bits) // 18
    )
    limbs = -(-(params.acc_bits + 1) // LIMB_BITS) if params.requantise else 0
    return params.rows * params.columns * pieces + params.columns * limbs


def memories(params: MatrixParams) -> tuple[tuple[int, int], ...]:
    """Return width and depth of the buffers."""
    sums = ((params.columns * params.acc_bits, params.acc_depth),) * params.weights_stay
    return (
        (params.a_word_bits, params.a_depth),
        (params.b_word_bits, params.b_depth),
        (params.out_word_bits, params.out_depth),
        *sums,
    )


def bram(params: MatrixParams) -> float:
    """Return 36 Kbit blocks, with halves, each buffer in its cheapest shape."""
    return sum(block_rams(width, depth) for width, depth in memories(params))


def uram(params: MatrixParams) -> int:
    """Return the 288 Kbit blocks that the buffers of at least 4096 words would take."""
    width, depth = URAM_SHAPE
    return sum(-(-w // width) * -(-d // depth) for w, d in memories(params) if d >= depth)


def block_rams(width: int, depth: int) -> float:
    """Return 36 Kbit blocks, with halves, of a memory in its cheapest shape; none if shallow."""
    if depth < MIN_BLOCK_DEPTH:
        return 0.0
    best = float("inf")
    for block_width, block_depth in BLOCK_SHAPES:
        deep = -(-depth // block_depth)
        halves = -(-2 * width // block_width) if block_width > 1 else 2 * width
        best = min(best, deep * halves / 2)
    return best
