"""From the solver's columns to results: kernels, operators and their ranges."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.graph import OpSpec
from archsim.metrics import KernelResult, OperatorResult
from archsim.models.gpu import plan as plans
from archsim.models.gpu.monotone import check_resources
from archsim.models.gpu.vector import Variants

SENSITIVE = 1e-3
"""Smallest relative change of time for which an estimated constant is named."""


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
    starts = np.cumsum([0] + [len(kernels) for kernels in lowered])
    times = np.add.reduceat(out[:, :, : plans.TERMS_US].sum(axis=2), starts[:-1], axis=1)
    nominal = times[0]
    change = np.abs(times[1:-2] - nominal) / nominal
    edges = np.maximum(change[0::2], change[1::2])
    edges *= edges >= SENSITIVE
    spread = np.sqrt((edges * edges).sum(axis=0)).tolist()
    rows = out[0].tolist()
    check_resources(specs, lowered, times, devices.rows[0])
    named = [
        {path: edge for path, edge in zip(devices.paths, column, strict=True) if edge}
        for column in edges.T.tolist()
    ]
    answers = []
    for k, (spec, kernels) in enumerate(zip(specs, lowered, strict=True)):
        at = int(starts[k])
        results = tuple(_kernel(p, rows[at + j], static_w) for j, p in enumerate(kernels))
        us = sum(r.us for r in results)
        answers.append(
            OperatorResult(
                name=str(spec), kind=spec.kind, count=1, us=us,
                low_us=us * max(1.0 - spread[k], 0.0), high_us=us * (1.0 + spread[k]),
                energy_j=sum(r.energy_j for r in results), flops=spec.flops, bytes=spec.bytes,
                bound_us=sum(max(r.bound_us.values()) for r in results), kernels=results,
                sensitive=named[k],
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
