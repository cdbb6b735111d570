"""Kernel plans: what an operator launches, as numbers that compiled code can price.

A plan names its kernel family and gives up to ``FLOPS`` numbers whose meaning that family's
module defines. ``solve`` prices every plan on every variant of a device in one compiled call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PARAMS = 33
"""Numbers per plan."""

RESIDENT = 31
"""The same in every family: the fraction of the bytes read that lie in L2 when the kernel starts
(0: cold). The framework fills it from the graph; lowerings leave it out."""

OVERWRITES = 32
"""The fraction of the bytes written that overwrite lines which L2 still holds."""

FLOPS = 28
OPERAND = 29
"""Filled for the tensor families: operations, and the place of their energy in the record."""

NEW_CODE = 30
"""1 where other kernels ran in between, so that the instructions have to be fetched again."""

# Kernel families, dispatched in solve.py.
STREAM = 0  # elementwise, copy, cast: contiguous streams
GEMM = 1  # dense and batched matrix products, all tile kernels
ATTENTION = 2
CONV = 3
SPARSE = 4
QUEUE = 5  # CTAs with a chain of steps: norms, softmax, reductions, gathers, atomics
FIXED = 6  # memsets and other kernels of a named fixed time
FPROP = 7  # implicit-GEMM convolution
FAMILIES = 8

TENSOR_FAMILIES = frozenset({GEMM, ATTENTION, CONV, SPARSE, FPROP})
"""Families that the ``tensor_kernels`` constants can change; ``memory_kernels`` change the rest."""

# Columns of an output row: TERMS first (microseconds), then these.
TERMS_US = 6
LAUNCH, COMPUTE, SHARED, L2, HBM, EXPOSED = range(TERMS_US)
HBM_BYTES = 6
L2_BYTES = 7
ENERGY_J = 8
"""A family writes the switching energy of its arithmetic; ``solve`` adds L2's and HBM's."""
BOUND_COMPUTE_US = 9
BOUND_L2_US = 10
BOUND_HBM_US = 11
OUTPUTS = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """One kernel launch: ``name`` and ``config`` for people, ``params`` for the solver."""

    name: str
    family: int
    params: tuple[float, ...]
    flops: float
    config: dict[str, Any] = field(default_factory=dict)
