# amaranth: UnusedElaboratable=no
"""The layer norm unit against the reference, bits and cycles."""

from __future__ import annotations

import numpy as np
import pytest
from streams import run

from archsim.config.edgemoe_params import SMALL
from archsim.functional.edgemoe.layers import LayerNorm as Exact
from cosim.edgemoe_words import packed
from hdl.edgemoe.norm import LayerNorm
from hdl.edgemoe.norm import cycles as norm_cycles

ONE = 1 << 22


def drawn(tokens, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-3 * ONE, 3 * ONE, (tokens, SMALL.dim)) * rng.integers(1, 90, (tokens, 1))
    x = np.clip(x, -(1 << 31), (1 << 31) - 1)
    x[0] = 7
    x[1] = np.where(np.arange(SMALL.dim) % 2, (1 << 31) - 1, -(1 << 31))
    scale, offset = rng.integers(-(1 << 15), 1 << 15, (2, SMALL.dim))
    return x, scale, offset


@pytest.mark.parametrize("lanes", [1, 2, 8, 32])
@pytest.mark.parametrize("seed", [None, 1])
def test_tokens_are_those_of_the_reference(lanes, seed):
    tokens = 9
    x, scale, offset = drawn(tokens, 2)
    words = SMALL.dim // lanes
    weights = [
        packed([v for n in range(lanes) for v in (scale[w * lanes + n], offset[w * lanes + n])], 16)
        for w in range(words)
    ]
    unit = LayerNorm(SMALL, lanes=lanes)
    given = [packed(row[w * lanes : (w + 1) * lanes]) for row in x for w in range(words)]
    # weights are there before the first token is read again
    found, cycle = run(unit, {"w": weights, "i": given}, {"o": tokens * words}, seed)
    exact = Exact(SMALL)(x, scale, offset)
    expected = [packed(row[w * lanes : (w + 1) * lanes]) for row in exact for w in range(words)]
    if seed is None or words <= 4:
        assert found["o"] == expected
    else:  # weights arrive as slowly as tokens: the first token may meet old ones
        assert found["o"][words:] == expected[words:]
    if seed is None:
        assert cycle == norm_cycles(SMALL, lanes, tokens)


def test_lanes_must_divide():
    with pytest.raises(ValueError, match=r"lanes must divide dim \(32\), not 5"):
        LayerNorm(SMALL, lanes=5)
