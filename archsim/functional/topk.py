"""The largest numbers of a sequence with their positions."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from archsim.functional.arrays import Ints, checked
from archsim.numeric.operators import TopKParams


class Top(NamedTuple):
    """The largest numbers, largest first, and where they stood; int64, at most ``count`` each."""

    values: Ints
    indices: Ints


class TopK:
    """A stable descending sort, cut to its first ``count``."""

    def __init__(self, params: TopKParams) -> None:
        self.params = params

    def __call__(self, x: Any) -> Top:
        """Return the top of a vector of signed numbers; ValueError out of range."""
        p = self.params
        x = checked("x", x, p.value_bits, signed=True)
        order = np.argsort(-x, kind="stable")[: p.count]
        return Top(x[order], order & ((1 << p.index_bits) - 1))
