"""A second blind set: 60 and more cases of kernels unlike those of `suite` and `judge`.

They were written and predicted before an H200 measured them (docs/sm_timing.md, accuracy).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workloads.kernels.examples.case import Case
from workloads.kernels.fresh import chance, grids, groups, lists, matrices, texts

MODULES = (groups, grids, matrices, lists, texts, chance)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every case of the set; names are unique and end in the size."""
    for module in MODULES:
        yield from module.cases(rng)
