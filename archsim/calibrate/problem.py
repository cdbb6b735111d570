"""Predictions of many observations on many trial devices in one compiled call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.calibrate.observation import Observation
from archsim.config.gpu import GpuDevice
from archsim.errors import ConfigError, MissingConstantError, UnsupportedOperatorError
from archsim.models.gpu.lower import lower
from archsim.models.gpu.plan import FAMILIES, TENSOR_FAMILIES, TERMS_US, Plan
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import leaf_paths, variants

Array = NDArray[np.float64]
STEP = 1e-3
"""Relative step of the difference quotients."""


class Problem:
    """Observations lowered to kernels for one device; kernels stay while constants vary.

    ``kept`` are the observations that the device can price, ``skipped`` the sentences of others.
    """

    def __init__(self, device: GpuDevice, observations: Sequence[Observation]) -> None:
        self.device = device
        self.row = variants(device).rows[:1].copy()
        self.kept: list[Observation] = []
        self.skipped: dict[str, int] = {}
        self._observations = tuple(observations)
        self.lower()
        if not self.kept:
            reasons = "; ".join(self.skipped)
            raise ConfigError(
                f"data must hold a case that the device can price, not only: {reasons}"
            )

    def lower(self) -> None:
        """Choose kernels anew with the constants in ``row``."""
        self.kept, self.skipped = [], {}
        self._plans: list[Plan] = []
        self._resident: list[float] = []
        owner: list[int] = []
        for observation in self._observations:
            try:
                plans = lower(observation.spec, self.row[0])
            except (UnsupportedOperatorError, MissingConstantError, ConfigError) as error:
                self.skipped[str(error)] = self.skipped.get(str(error), 0) + 1
                continue
            owner += [len(self.kept)] * len(plans)
            self._resident += [self._held(observation)] * len(plans)
            self._plans += plans
            self.kept.append(observation)
        self._owner = np.array(owner, dtype=np.int64)
        self.measured = np.array([o.us for o in self.kept])
        self.check = np.array([o.check for o in self.kept], dtype=np.bool_)
        self.weight = np.array([o.weight for o in self.kept])

    def _held(self, observation: Observation) -> float:
        if not observation.warm:
            return 0.0
        dev = self.row[0]
        full = dev["l2_full_hit_fraction"] * dev["l2_capacity_bytes"]
        none = dev["l2_no_hit_fraction"] * dev["l2_capacity_bytes"]
        return float(np.clip((none - observation.spec.bytes) / (none - full), 0.0, 1.0))

    def values(self, paths: Sequence[str]) -> Array:
        """Return the values of the constants ``paths`` in ``row``."""
        return np.array([self.row[path.replace(".", "_")][0] for path in paths])

    def set(self, paths: Sequence[str], values: Array) -> None:
        """Write ``values`` into ``row``."""
        for path, value in zip(paths, values, strict=True):
            self.row[path.replace(".", "_")] = value

    def log_ratio(self) -> Array:
        """Return log(predicted / measured) of every kept observation."""
        return np.asarray(self._log_us(self.row, None)[0] - np.log(self.measured))

    def jacobian(self, paths: Sequence[str], step: float = STEP) -> Array:
        """Return d log(time) / d log(constant), observations by ``paths``."""
        rows = np.repeat(self.row, 1 + len(paths))
        relevant = np.ones((len(rows), FAMILIES), dtype=np.bool_)
        for i, path in enumerate(paths):
            rows[path.replace(".", "_")][1 + i] *= 1.0 + step
            relevant[1 + i] = [_touches(path, family) for family in range(FAMILIES)]
        logs = self._log_us(rows, relevant)
        return np.asarray((logs[1:] - logs[0]).T / np.log1p(step))

    def _log_us(self, rows: Any, relevant: Any) -> Array:
        if relevant is None:
            relevant = np.ones((len(rows), FAMILIES), dtype=np.bool_)
        out = solve(rows, relevant, self._plans, self._resident)
        us = out[:, :, :TERMS_US].sum(axis=2)
        count = len(self.kept)
        return np.log(np.stack([np.bincount(self._owner, row, count) for row in us]))


def _touches(path: str, family: int) -> bool:
    """Return whether the constant at ``path`` can change kernels of ``family``."""
    if path.startswith("tensor_kernels."):
        return family in TENSOR_FAMILIES
    return not (path.startswith("memory_kernels.") and family in TENSOR_FAMILIES)


def all_paths() -> tuple[str, ...]:
    """Return the dotted paths of a GPU's constants, in schema order.

    The instruction-level SM's own (``sm_timing``) are left out: no operator depends on them.
    """
    return tuple(path for path in leaf_paths() if not path.startswith("sm_timing."))
