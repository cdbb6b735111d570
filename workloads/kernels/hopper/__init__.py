"""The experiments of the Hopper dissection (Luo et al.) that are whole kernels.

``archsim kernel workloads/kernels/hopper/histogram.py`` and ``…/async_copy.py`` predict them; the
suite ``hopper`` of ``archsim measure`` runs both on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from workloads.kernels.examples.case import Case
from workloads.kernels.hopper import async_copy, grid_barrier, histogram

MODULES = (histogram, async_copy, grid_barrier)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every case of the experiments."""
    for module in MODULES:
        yield from module.cases(rng)
