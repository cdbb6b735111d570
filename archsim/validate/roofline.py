"""The roofline baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archsim.graph.ops import OpSpec


@dataclass(frozen=True, slots=True)
class Roofline:
    """The baseline every model has to beat: the larger bound plus a fixed launch time.

    ``peaks`` are dense operations per second by data type, ``bandwidth`` bytes per second of
    device memory, ``sparse_factor`` the gain of 2:4 sparsity.
    """

    peaks: Mapping[str, float]
    bandwidth: float
    sparse_factor: float = 2.0
    launch_us: float = 2.5

    def us(self, spec: OpSpec) -> float | None:
        """Return the baseline's time; ``None`` where the device has no peak for the dtype."""
        peak = self.peaks.get(str(getattr(spec, "dtype", "")), 0.0)
        peak *= self.sparse_factor if spec.kind == "gemm_sparse24" else 1.0
        if spec.flops and peak <= 0:
            return None
        compute = spec.flops / peak if spec.flops else 0.0
        return max(compute, spec.bytes / self.bandwidth) * 1e6 + self.launch_us
