"""From the solver's columns to results: kernels, operators and their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.graph import OpSpec
from archsim.metrics import KernelResult, OperatorResult
from archsim.models.gpu import plan as plans
from archsim.models.gpu.columns import BOUND_US, HIGH_US, LOW_US, OP_ENERGY_J, US, Folded, starts_of
from archsim.models.gpu.monotone import check_resources
from archsim.models.gpu.vector import Variants


def operators(
    specs: Sequence[OpSpec],
    lowered: Sequence[Sequence[plans.Plan]],
    out: np.ndarray[Any, Any],
    devices: Variants,
    static_w: float,
) -> list[OperatorResult]:
    """Return one result per operator from ``out[variant, plan, column]``, plans in order.

    ``static_w`` is the power that is drawn whatever the kernel does.
    """
    starts = starts_of(lowered)
    folded = Folded.of(out, starts, static_w)
    rows, table = out[0].tolist(), folded.table.tolist()
    check_resources(specs, lowered, folded.times, devices.rows[0])
    named = [
        {path: edge for path, edge in zip(devices.paths, column, strict=True) if edge}
        for column in folded.edges.T.tolist()
    ]
    answers = []
    for k, (spec, kernels) in enumerate(zip(specs, lowered, strict=True)):
        at, numbers = int(starts[k]), table[k]
        results = tuple(_kernel(p, rows[at + j], static_w) for j, p in enumerate(kernels))
        answers.append(
            OperatorResult(
                name=str(spec), kind=spec.kind, count=1, us=numbers[US], low_us=numbers[LOW_US],
                high_us=numbers[HIGH_US], energy_j=numbers[OP_ENERGY_J], flops=spec.flops,
                bytes=spec.bytes, bound_us=numbers[BOUND_US], kernels=results, sensitive=named[k],
            )
        )  # fmt: skip
    return answers


def _kernel(p: plans.Plan, row: list[float], static_w: float) -> KernelResult:
    terms = tuple(row[: plans.TERMS_US])
    us = sum(terms)
    bounds = {
        "compute": row[plans.BOUND_COMPUTE_US],
        "l2": row[plans.BOUND_L2_US],
        "hbm": row[plans.BOUND_HBM_US],
    }
    return KernelResult(
        p.name, us, terms, bounds, p.flops, row[plans.HBM_BYTES], row[plans.L2_BYTES],
        row[plans.ENERGY_J] + static_w * us * 1e-6, p.config,
    )  # fmt: skip
