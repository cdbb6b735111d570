"""What the solver's numbers say of each operator, as columns: no object for any kernel.

``fold`` adds kernels up to operators and ``doubtful`` is ``metrics.checks.check_operator`` on
columns: an answer that it points at is put together whole, for the check that words the fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from archsim.engine.jit import lean
from archsim.metrics import OperatorResult
from archsim.metrics.checks import TOLERANCE
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    ENERGY_J,
    HBM,
    HBM_BYTES,
    L2_BYTES,
    TERMS_US,
    Plan,
)

SENSITIVE = 1e-3
"""Smallest relative change of time for which an estimated constant is named."""

US, LOW_US, HIGH_US, OP_ENERGY_J, BOUND_US, OP_HBM_BYTES, OP_HBM_US = range(7)
COLUMNS = 7

_TOLERANCE, _SENSITIVE = TOLERANCE, SENSITIVE


@dataclass(frozen=True, slots=True)
class Columns:
    """Distinct operators in order of first occurrence, one number each, as in their results.

    ``kernels`` are the names of each operator's kernels.
    """

    counts: Sequence[int]
    us: Sequence[float]
    low_us: Sequence[float]
    high_us: Sequence[float]
    energy_j: Sequence[float]
    hbm_bytes: Sequence[float]
    hbm_us: Sequence[float]
    kernels: Sequence[tuple[str, ...]]

    @classmethod
    def of_results(cls, priced: Sequence[OperatorResult]) -> Columns:
        """Return the columns of operators that were put together whole."""
        return cls(
            counts=[op.count for op in priced],
            us=[op.us for op in priced],
            low_us=[op.low_us for op in priced],
            high_us=[op.high_us for op in priced],
            energy_j=[op.energy_j for op in priced],
            hbm_bytes=[sum(k.hbm_bytes for k in op.kernels) for op in priced],
            hbm_us=[sum(k.terms_us[HBM] for k in op.kernels) for op in priced],
            kernels=[tuple(k.name for k in op.kernels) for op in priced],
        )

    @classmethod
    def of_table(
        cls, table: Any, counts: Sequence[int], kernels: Sequence[tuple[str, ...]]
    ) -> Columns:
        """Return the columns that ``fold`` wrote."""
        us, low_us, high_us, energy_j, _, hbm_bytes, hbm_us = table.T.tolist()
        return cls(counts, us, low_us, high_us, energy_j, hbm_bytes, hbm_us, kernels)


@dataclass(frozen=True, slots=True)
class Folded:
    """Operators of one device: a row of ``table`` each (columns as named above), ``times`` by
    variant, and by how much each estimated constant's edge changes them (``edges``)."""

    table: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]
    edges: np.ndarray[Any, Any]

    @classmethod
    def of(cls, out: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], static_w: float) -> Folded:
        """Add up ``out[variant, plan, column]``; operator k has plans ``starts[k]`` and on.

        ``static_w`` is the power that is drawn whatever a kernel does.
        """
        variants, operators = len(out), len(starts) - 1
        found = cls(
            np.empty((operators, COLUMNS)), np.empty((variants, operators)),
            np.empty(((variants - 3) // 2, operators)),
        )  # fmt: skip
        fold(out, starts, static_w, found.times, found.edges, found.table)
        return found


def starts_of(lowered: Sequence[Sequence[Plan]]) -> np.ndarray[Any, Any]:
    """Return where each operator's plans start, and where the last one's end."""
    return np.cumsum([0] + [len(kernels) for kernels in lowered])


@lean
def fold(out: Any, starts: Any, static_w: float, times: Any, edges: Any, table: Any) -> None:
    """Fill ``times[variant, operator]``, ``edges[constant, operator]`` and ``table``."""
    for k in range(table.shape[0]):
        for v in range(out.shape[0]):
            us = 0.0
            for i in range(starts[k], starts[k + 1]):
                kernel_us = 0.0
                for term in range(TERMS_US):
                    kernel_us += out[v, i, term]
                us += kernel_us
            times[v, k] = us
        us, spread = times[0, k], 0.0
        for c in range(edges.shape[0]):
            lower, upper = abs(times[2 * c + 1, k] - us) / us, abs(times[2 * c + 2, k] - us) / us
            edge = max(lower, upper)
            edges[c, k] = edge if edge >= _SENSITIVE else 0.0
            spread += edges[c, k] * edges[c, k]
        spread = spread**0.5
        energy = bound = moved = memory_us = 0.0
        for i in range(starts[k], starts[k + 1]):
            row = out[0, i]
            kernel_us = 0.0
            for term in range(TERMS_US):
                kernel_us += row[term]
            energy += row[ENERGY_J] + static_w * kernel_us * 1e-6
            bound += max(row[BOUND_COMPUTE_US], row[BOUND_L2_US], row[BOUND_HBM_US])
            moved += row[HBM_BYTES]
            memory_us += row[HBM]
        table[k, US], table[k, OP_ENERGY_J], table[k, BOUND_US] = us, energy, bound
        table[k, LOW_US], table[k, HIGH_US] = us * max(1.0 - spread, 0.0), us * (1.0 + spread)
        table[k, OP_HBM_BYTES], table[k, OP_HBM_US] = moved, memory_us


@lean
def doubtful(
    out: Any, starts: Any, times: Any, table: Any, done: Any, flops: Any, compulsory: Any
) -> bool:
    """Return whether an operator breaks a rule of ``check_operator`` or of ``check_resources``.

    ``done`` are the operations of each plan and ``flops`` those of each operator; ``compulsory``
    are the bytes that it moves at least, 0 where caches are warm.
    """
    down, up = 1.0 - _TOLERANCE, 1.0 + _TOLERANCE
    for k in range(table.shape[0]):
        us, worked = table[k, US], 0.0
        if not (0.0 <= table[k, OP_ENERGY_J] < inf and starts[k] < starts[k + 1]):
            return True
        if not (table[k, LOW_US] <= us * up and us <= table[k, HIGH_US] * up):
            return True
        if not table[k, OP_HBM_BYTES] >= compulsory[k] * down:
            return True
        if times[-1, k] > us * up or times[-2, k] > us * up:
            return True
        for i in range(starts[k], starts[k + 1]):
            row = out[0, i]
            kernel_us = 0.0
            for term in range(TERMS_US):
                if not 0.0 <= row[term] < inf:
                    return True
                kernel_us += row[term]
            if not kernel_us > 0.0:
                return True
            for bound in (BOUND_COMPUTE_US, BOUND_L2_US, BOUND_HBM_US):
                if not kernel_us >= row[bound] * down:
                    return True
            if not (row[HBM_BYTES] >= 0.0 and row[L2_BYTES] >= 0.0):
                return True
            worked += done[i]
        if not worked >= flops[k] * down:
            return True
    return False
