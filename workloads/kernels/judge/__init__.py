"""Ordinary kernels that no constant or law of the SM timing was chosen on: the blind set.

They were written and predicted before an H200 measured them (docs/sm_timing.md, accuracy).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workloads.kernels.examples.case import Case
from workloads.kernels.judge import blocks, fields, graphs, numeric, products, words

MODULES = (numeric, fields, blocks, products, graphs, words)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every case of the set; names are unique and end in the size."""
    for module in MODULES:
        yield from module.cases(rng)
