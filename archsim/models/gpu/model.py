"""The GPU model: prices operators as kernels and adds them up to a workload's answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph, OpSpec
from archsim.metrics import KernelResult, OperatorResult, PointResult
from archsim.models.gpu import plan as plans
from archsim.models.gpu.lower import lower
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import Variants, variants


class GpuModel:
    """Prices operators on one device. Equal operators are priced once."""

    def __init__(self, device: GpuDevice) -> None:
        self.device = device
        self._variants: Variants = variants(device)
        self._priced: dict[OpSpec, OperatorResult] = {}

    def price(self, spec: OpSpec) -> OperatorResult:
        """Return the cost of one operator from cold caches."""
        self._price_all([spec])
        return self._priced[spec]

    def evaluate(self, graph: Graph) -> PointResult:
        """Return the cost of a whole workload, its operators in order of first occurrence."""
        raise NotImplementedError

    def _price_all(self, specs: Sequence[OpSpec]) -> None:
        new = [s for s in dict.fromkeys(specs) if s not in self._priced]
        if not new:
            return
        lowered = [lower(spec, self._variants.rows[0]) for spec in new]
        flat = [p for kernels in lowered for p in kernels]
        out = solve(self._variants.rows, flat)
        at = 0
        for spec, kernels in zip(new, lowered, strict=True):
            columns = out[:, at : at + len(kernels)]
            self._priced[spec] = _operator(spec, kernels, columns, self._variants.paths)
            at += len(kernels)


def _operator(
    spec: OpSpec, kernels: list[plans.Plan], out: np.ndarray[Any, Any], paths: tuple[str, ...]
) -> OperatorResult:
    """Assemble one operator's answer from the solver's columns (variants, kernels, outputs)."""
    times = out[:, :, : plans.TERMS_US].sum(axis=(1, 2))
    us = float(times[0])
    edges = {
        path: float(max(abs(times[2 * i + 1] - us), abs(times[2 * i + 2] - us))) / us
        for i, path in enumerate(paths)
    }
    sensitive = {path: edge for path, edge in edges.items() if edge > 1e-3}
    spread = float(np.sqrt(sum(edge**2 for edge in sensitive.values())))
    results = tuple(_kernel(p, row) for p, row in zip(kernels, out[0], strict=True))
    return OperatorResult(
        name=spec.kind, kind=spec.kind, count=1, us=us,
        low_us=us * max(1 - spread, 0.0), high_us=us * (1 + spread),
        energy_j=sum(k.energy_j for k in results), flops=spec.flops, bytes=spec.bytes,
        bound_us=max(max(k.bound_us.values()) for k in results), kernels=results,
        sensitive=sensitive,
    )  # fmt: skip


def _kernel(p: plans.Plan, row: np.ndarray[Any, Any]) -> KernelResult:
    terms = tuple(float(t) for t in row[: plans.TERMS_US])
    return KernelResult(
        name=p.name, us=sum(terms), terms_us=terms,
        bound_us={
            "compute": float(row[plans.BOUND_COMPUTE_US]),
            "l2": float(row[plans.BOUND_L2_US]),
            "hbm": float(row[plans.BOUND_HBM_US]),
        },
        flops=p.flops, hbm_bytes=float(row[plans.HBM_BYTES]), l2_bytes=float(row[plans.L2_BYTES]),
        energy_j=float(row[plans.ENERGY_J]), config=p.config,
    )  # fmt: skip
