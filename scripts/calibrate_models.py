"""Fit constants that only kernels inside models determine (h200_models_full).

    python scripts/calibrate_models.py [--write] [GROUP ...]

Predicted and recorded kernels are paired in order, family by family, where both lists agree; each
pair is one time to explain, on the reads and writes that L2 holds there. ``h200_models_judge`` is
only reported.
"""

from __future__ import annotations

import argparse
import json
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from calibrate_memory import DEVICE, SOURCE, Cases, _expand, _uncertainty, write_constants
from scipy.optimize import least_squares

from archsim.app.measured_models import workload_of
from archsim.app.workload import build_graph
from archsim.config import load_device
from archsim.models.gpu.lower import lower
from archsim.models.gpu.model import windows
from archsim.models.gpu.plan import TERMS_US, Plan
from archsim.models.gpu.residency import reuse
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import Variants, variants
from archsim.validate.families import family

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
SETS = ("models_full", "models_judge")
M = "memory_kernels."
GROUPS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "code": ("vectorized_elementwise", (M + "stream.code_us", M + "stream.remainder_us"), ()),
    "spread": ("elementwise_kernel<", (M + "stream.code_spread_us",), ()),
    "batchnorm": ("batch_norm_transform", (M + "batchnorm.*",), ("batchnorm",)),
    "cast": ("unrolled_elementwise_kernel<cast>", (M + "stream.cast_us",), ("cast",)),
}
"""Kernels by the start of their names, the constants they determine, and classes of cases alone."""


class Launch:
    """A predicted kernel inside a model and its recorded time."""

    def __init__(self, plan: Plan, reads: float, writes: float, us: float, judge: bool) -> None:
        self.plan, self.reads, self.writes, self.us, self.judge = plan, reads, writes, us, judge


def launches(name: str, device: Any, dev: Any) -> list[Launch]:
    """Return all paired kernels of a set of models."""
    found: list[Launch] = []
    for case in json.loads((MEASURED / f"h200_{name}.json").read_text())["cases"]:
        graph = build_graph(workload_of(case))
        uses = reuse(graph)
        held = zip(uses.reads.found(*windows(device)), uses.writes.found(*windows(device)),
                   strict=True)  # fmt: skip
        plans = {spec: (lower(spec, dev), *share)
                 for spec, share in zip(uses.specs, held, strict=True)}  # fmt: skip
        ours = [(p, r, w) for op in graph.ops for ps, r, w in [plans[op.spec]] for p in ps]
        theirs = [(case["names"][row[0]], row[1]) for row in case["sequence"]]
        blocks = SequenceMatcher(
            None, [family(p.name) for p, _, _ in ours], [family(n) for n, _ in theirs],
            autojunk=False,
        ).get_matching_blocks()  # fmt: skip
        for i, j, size in blocks:
            for (plan, r, w), (_, us) in zip(ours[i : i + size], theirs[j : j + size], strict=True):
                found.append(Launch(plan, r, w, us, name.endswith("judge")))
    return found


class Fit:
    """One group's kernels, inside models and alone."""

    def __init__(self, group: str, every: list[Launch], device: Variants) -> None:
        prefix, paths, classes = GROUPS[group]
        self.some = [x for x in every if x.plan.name.startswith(prefix)]
        self.alone = Cases(classes, device) if classes else None
        self.rows = device.rows[:1].copy()
        self.fields = [f for f in _expand(paths, self.rows.dtype.names) if self.rows[f][0] > 0]
        self.judge = np.array([x.judge for x in self.some])
        self.us = np.array([x.us for x in self.some])
        self.relevant = np.ones((1, device.relevant.shape[1]), dtype=np.bool_)

    def inside(self) -> np.ndarray[Any, Any]:
        """Return log(predicted / recorded) of the kernels inside models."""
        out = solve(
            self.rows, self.relevant, [x.plan for x in self.some], [x.reads for x in self.some],
            True, overwrites=[x.writes for x in self.some],
        )  # fmt: skip
        return np.asarray(np.log(out[0, :, :TERMS_US].sum(axis=1) / self.us))

    def residual(self, x: np.ndarray[Any, Any], begin: np.ndarray[Any, Any]) -> Any:
        """Return what least squares makes small."""
        for name, value in zip(self.fields, begin * np.exp(x), strict=True):
            self.rows[name] = value
        parts = [self.inside()[~self.judge], 0.05 * x]
        if self.alone is not None:
            ratio = self.alone.log_ratio(self.rows)[~self.alone.check]
            parts.append(ratio * max(np.sqrt((~self.judge).sum() / len(ratio)) * 0.5, 1.0))
        return np.concatenate(parts)

    def run(self) -> dict[str, tuple[float, float]]:
        """Fit, print errors, return values and uncertainties."""
        begin = np.array([self.rows[f][0] for f in self.fields])
        low, high = np.full(len(begin), -3.0), np.full(len(begin), 3.0)
        for i, name in enumerate(self.fields):
            if name.endswith("_lockstep"):
                high[i] = np.log(1.0 / begin[i]) + 1e-9
            if name.endswith("_overlap"):
                low[i], high[i] = np.log(1.0 / begin[i]) - 1e-9, np.log(10.0 / begin[i])
        best = least_squares(
            lambda x: self.residual(x, begin), np.zeros(len(begin)), loss="soft_l1", f_scale=0.05,
            bounds=(np.minimum(low, -1e-6), np.maximum(high, 1e-6)), diff_step=1e-3,
        )  # fmt: skip
        self.residual(best.x, begin)
        self.report()
        spread = _uncertainty(best)
        return {f: (float(self.rows[f][0]), u) for f, u in zip(self.fields, spread, strict=True)}

    def report(self) -> None:
        """Print the errors."""
        ratio = self.inside()
        error = 100 * np.abs(np.expm1(ratio))
        for name, side in (("fitted", ~self.judge), ("judge", self.judge)):
            total = 100 * ((np.exp(ratio) * self.us)[side].sum() / self.us[side].sum() - 1)
            print(f"  {name}: n {side.sum()} MAPE {error[side].mean():.1f} % sum {total:+.1f} %")
        if self.alone is not None:
            error = 100 * np.abs(np.expm1(self.alone.log_ratio(self.rows)))
            for name, side in (("fit half", ~self.alone.check), ("check half", self.alone.check)):
                print(f"  alone, {name}: n {side.sum()} MAPE {error[side].mean():.1f} %")


def main() -> None:
    """Fit the named groups (all by default)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", default=list(GROUPS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    device = load_device(str(DEVICE))
    table = variants(device)
    every = [x for name in SETS for x in launches(name, device, table.rows[0])]
    found: dict[str, tuple[float, float]] = {}
    for group in arguments.groups:
        print(group)
        fit = Fit(group, every, table)
        fit.report()
        found |= fit.run()
        table.rows[0] = fit.rows[0]
    for name, (value, spread) in found.items():
        print(f"  {name:45s} {value:12.5g} +-{spread:.3f}")
    if arguments.write:
        write_constants(found, "workloads/measured/h200_models_full.json and " + SOURCE[19:])


if __name__ == "__main__":
    main()
