"""Least squares of a device's constants over measured kernels, robust and bounded.

The plans of every case are lowered once; only the constants of the device's record vary. The
residual is log(predicted / measured); warm times count half as much as cold ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import least_squares

from archsim.config.load import load_device
from archsim.models.gpu import plan as plans
from archsim.models.gpu.attention import time_attention
from archsim.models.gpu.conv import time_conv
from archsim.models.gpu.fixed import time_fixed
from archsim.models.gpu.fprop import time_fprop
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import fold, is_check

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
FILES = tuple(
    f"h200_{name}.json"
    for name in ("kernels", "operators", "structured", "names", "choice", "linear")
)
FOLDS = 5
PREFIX = "tensor_kernels_"
WARM_BYTES = 40e6  # warm times count only where everything stays in L2
GEMM, SPARSE, ATTENTION, CONV = plans.GEMM, plans.SPARSE, plans.ATTENTION, plans.CONV
FPROP = plans.FPROP

Lowering = Callable[[Any, Mapping[str, Any], Any], "Sequence[plans.Plan] | None"]


def cases(*ops: str) -> Iterator[dict[str, Any]]:
    """Yield the measured cases of ``ops`` on random operands."""
    for name in FILES:
        for case in json.loads((MEASURED / name).read_text())["cases"]:
            if case["op"] in ops and case.get("fill", "random") == "random":
                if "hkv" in case:
                    case["h_kv"] = case["hkv"]
                yield case


@njit
def price_all(device, families, params, out):  # type: ignore[no-untyped-def]
    """Price plans of the tensor families on one device."""
    for i in range(len(families)):
        if families[i] == GEMM or families[i] == SPARSE:
            time_gemm(device[0], params[i], out[i])
        elif families[i] == ATTENTION:
            time_attention(device[0], params[i], out[i])
        elif families[i] == CONV:
            time_conv(device[0], params[i], out[i])
        elif families[i] == FPROP:
            time_fprop(device[0], params[i], out[i])
        else:
            time_fixed(device[0], params[i], out[i])


@dataclass
class Sample:
    """One time to explain: the plans behind it, their residency in L2, and what was measured."""

    plans: Sequence[plans.Plan]
    resident: float
    us: float
    check: bool
    label: str
    fold: int = 0
    work: float = 0.0


def samples(case: Mapping[str, Any], kernels: Sequence[plans.Plan], label: str) -> list[Sample]:
    """Return a case's samples: an attention's kernels each, other cases' sums; and warm times."""
    check, part = is_check(case), fold(case, FOLDS)
    work = float(case["flops"] + case["bytes"])
    found = []
    recorded = case["kernels"]
    if case["op"] == "attention" and 1 < len(kernels) == len(recorded):
        for kernel, seen in zip(kernels, recorded, strict=True):
            found.append(Sample([kernel], 0.0, seen["dur_us"], check, label, part, work))
    else:
        found.append(Sample(kernels, 0.0, case["us"], check, label, part, work))
    if case.get("us_warm") and case["bytes"] < WARM_BYTES:
        found.append(Sample(kernels, 1.0, case["us_warm"], check, label + " warm", part, work))
    return found


class Fit:
    """Constants of one device's record, fitted to samples."""

    def __init__(self, device: str, todo: Sequence[Sample]) -> None:
        self.row = variants(load_device(device)).rows[:1].copy()
        self.samples = list(todo)
        flat = [(i, s, p) for i, s in enumerate(todo) for p in s.plans]
        self._owner = np.array([i for i, _, _ in flat])
        self._families = np.array([p.family for _, _, p in flat], dtype=np.int64)
        self._params = np.zeros((len(flat), plans.PARAMS))
        for j, (_, sample, p) in enumerate(flat):
            self._params[j, : len(p.params)] = p.params
            self._params[j, plans.RESIDENT] = sample.resident
        self.us = np.array([s.us for s in todo])
        self.check = np.array([s.check for s in todo])
        self.uncertainty: dict[str, float] = {}

    def predict(self) -> np.ndarray[Any, Any]:
        """Return the predicted time of every sample."""
        out = np.zeros((len(self._params), plans.OUTPUTS))
        price_all(self.row, self._families, self._params, out)
        times = out[:, : plans.TERMS_US].sum(1)
        return np.bincount(self._owner, times, minlength=len(self.us))

    def run(self, names: Sequence[str], bounds: Mapping[str, tuple[float, float]]) -> None:
        """Fit the constants ``names`` on the fit half, each within a tenth to ten times itself.

        ``bounds`` narrow that by the end of the name. Uncertainties are those of the linearised
        problem at the optimum.
        """
        fields = [PREFIX + name for name in names]
        start = np.array([float(self.row[f][0]) for f in fields])
        low, high = np.log(0.1) * np.ones(len(fields)), np.log(10.0) * np.ones(len(fields))
        for i, name in enumerate(names):
            least, most = bounds.get(name.split("_", 1)[1], (0.0, np.inf))
            low[i] = max(low[i], np.log(least / start[i]) if least else -np.inf)
            high[i] = min(high[i], np.log(most / start[i]))
        weight = np.where([s.resident > 0 for s in self.samples], 0.5, 1.0)[~self.check]

        def residual(z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            for field, value in zip(fields, start * np.exp(z), strict=True):
                self.row[field] = value
            error = np.log(self.predict() / self.us)[~self.check]
            return np.concatenate([weight * error, 0.02 * z])

        origin = np.clip(np.zeros(len(fields)), low + 1e-6, high - 1e-6)
        best = least_squares(
            residual, origin, bounds=(low - 1e-9, high + 1e-9), loss="soft_l1", f_scale=0.05,
            x_scale=0.2, diff_step=1e-3,
        )  # fmt: skip
        residual(best.x)
        spread = np.linalg.pinv(best.jac.T @ best.jac) * np.mean(best.fun**2)
        self.uncertainty = dict(zip(names, np.sqrt(np.diag(spread)), strict=True))

    def report(self) -> None:
        """Print the error of every label on both halves."""
        error = np.abs(self.predict() / self.us - 1) * 100
        labels = np.array([s.label for s in self.samples])
        for label in sorted(set(labels)):
            parts = []
            for half, side in (("fit", ~self.check), ("check", self.check)):
                some = error[(labels == label) & side]
                if len(some):
                    parts.append(f"{half} n {len(some)} {some.mean():.1f} % max {some.max():.0f} %")
            print(f"{label:28s} " + "; ".join(parts))

    def values(self) -> dict[str, tuple[float, float]]:
        """Return value and uncertainty of every fitted constant."""
        return {
            name: (float(self.row[PREFIX + name][0]), float(spread))
            for name, spread in self.uncertainty.items()
        }


def collect(ops: Sequence[str], lowering: Lowering, device: str) -> list[Sample]:
    """Return the samples of all measured cases of ``ops`` that ``lowering`` has plans for."""
    dev = variants(load_device(device)).rows[0]
    found: list[Sample] = []
    for case in cases(*ops):
        kernels = lowering(spec_from_case(case), case, dev)
        if kernels:
            found += samples(case, kernels, f"{case['op']} {case['dtype']}")
    return found
