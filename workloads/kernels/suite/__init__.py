"""Ordinary kernels in many sizes: what the timing of the instruction-level SM is judged on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workloads.kernels.examples.case import Case
from workloads.kernels.suite import dense, irregular, rows, streaming

MODULES = (streaming, rows, dense, irregular)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every case of the suite; names are unique and end in the size."""
    for module in MODULES:
        yield from module.cases(rng)
