"""Barriers of a whole grid: what a round of ``cuda.cg.this_grid().sync()`` costs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import cuda

from workloads.kernels.examples.case import Case, exact


@cuda.jit
def grid_rounds(x, y, rounds):
    """Neighbours' values are passed on ``rounds`` times, with a barrier before and after."""
    grid = cuda.cg.this_grid()
    i = cuda.grid(1)
    for _ in range(rounds):
        y[i] = x[i + 1 if i + 1 < x.size else 0]
        grid.sync()
        x[i] = y[i]
        grid.sync()


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """One and sixteen rounds on one CTA to eight an SM."""
    for ctas, block in ((1, 128), (33, 128), (132, 128), (132, 1024), (528, 256), (1056, 128)):
        for rounds in (1, 16):
            x = rng.integers(0, 1000, ctas * block).astype(np.int32)
            want = np.roll(x, -rounds)
            yield Case(
                f"grid_rounds_{ctas}_{block}_{rounds}", grid_rounds, (ctas,), (block,),
                (x.copy(), np.zeros_like(x), rounds), {"expect": exact(0, want)},
            )  # fmt: skip
