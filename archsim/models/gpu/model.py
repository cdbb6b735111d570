"""The GPU model: prices operators as kernels and adds them up to a workload's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph, OpSpec
from archsim.metrics import OperatorResult, PointResult
from archsim.models.gpu.assemble import operators
from archsim.models.gpu.lower import lower
from archsim.models.gpu.point import summarise
from archsim.models.gpu.residency import reuse
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import Variants, variants

Execution = Literal["graph", "eager", "kernels"]
"""How a workload runs: as a CUDA graph, launched kernel by kernel, or its kernels alone."""


class GpuModel:
    """Prices operators on one device. Equal operators are priced once."""

    def __init__(self, device: GpuDevice) -> None:
        self.device = device
        self._variants: Variants = variants(device)
        self._priced: dict[tuple[OpSpec, float], OperatorResult] = {}

    def price(self, spec: OpSpec, resident: float = 0.0) -> OperatorResult:
        """Return the cost of one operator.

        ``resident`` is the fraction of the bytes it reads that lie in L2 (0: cold caches).
        """
        if not 0.0 <= resident <= 1.0:
            raise ValueError(f"resident must be a fraction from 0 to 1, not {resident!r}")
        return self._price_all([(spec, resident)])[0]

    def evaluate(self, graph: Graph, execution: Execution = "graph") -> PointResult:
        """Return the cost of a whole workload, its operators in order of first occurrence.

        Each operator finds in L2 what the operators before it left there.
        """
        if execution not in ("graph", "eager", "kernels"):
            raise ValueError(f"execution must be graph, eager or kernels, not {execution!r}")
        uses = reuse(graph)
        resident = uses.resident(float(self._variants.rows[0]["l2_capacity_bytes"]))
        priced = self._price_all(list(zip(uses.specs, resident, strict=True)))
        counted = tuple(
            replace(result, count=n) for result, n in zip(priced, uses.counts, strict=True)
        )
        return summarise(graph, counted, self.device, execution)

    def _price_all(self, wanted: Sequence[tuple[OpSpec, float]]) -> list[OperatorResult]:
        new = [key for key in dict.fromkeys(wanted) if key not in self._priced]
        if new:
            devices = self._variants
            lowered = [lower(spec, devices.rows[0]) for spec, _ in new]
            flat = [p for kernels in lowered for p in kernels]
            resident = [
                share for (_, share), kernels in zip(new, lowered, strict=True) for _ in kernels
            ]
            out = solve(devices.rows, devices.relevant, flat, resident)
            static_w = float(self.device.power.idle_w)
            results = operators([s for s, _ in new], lowered, out, devices.paths, static_w)
            self._priced.update(zip(new, results, strict=True))
        return [self._priced[key] for key in wanted]
