"""Fit ``archsim.models.ngpc.gpu_kernels.COSTS`` to the H200's neural-graphics kernels.

Prints the fitted costs, the errors on the sample counts that were fitted and on the others, and the
errors on each grid or perceptron where the costs were fitted on all others.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from archsim.config import load_device
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams
from archsim.models.ngpc.gpu_kernels import COSTS, FITTED_COUNTS, grid_us, perceptron_us
from archsim.validate import load_dataset

FIELDS = {
    "hashgrid": ("line_clk", "level_clk", "dense_corner_clk", "sector_factor", "spill_factor"),
    "mlp": ("tensor_fraction", "stream_fraction", "launch_us"),
}


def predicted(device, case, costs):
    if case["class"] == "mlp":
        return perceptron_us(device, MlpParams(**case["mlp"]), case["n"], costs)
    return grid_us(
        device, GridParams(**case["grid"]), case["n"], along_rays=case["order"] == "rays",
        by_sample=True, costs=costs,
    )  # fmt: skip


def fitted(device, group, fields, base):
    """Return ``base`` with ``fields`` fitted to the cases of ``group``."""
    start = np.log([getattr(COSTS, f) for f in fields])
    found = least_squares(
        lambda logs: np.log1p(errors(device, group, with_fields(base, fields, logs))),
        start, bounds=(start - 2, start + 2),
    )  # fmt: skip
    return with_fields(base, fields, found.x)


def with_fields(base, fields, logs):
    return replace(base, **dict(zip(fields, np.exp(logs).tolist(), strict=True)))


def errors(device, group, costs):
    return np.array([predicted(device, c, costs) / c["us_warm"] - 1 for c in group])


def report(name, off) -> None:
    off = np.abs(off)
    print(f"{name}: {len(off)} cases, MAPE {100 * off.mean():.1f} %, worst {100 * off.max():.0f} %")


def main() -> None:
    device = load_device("h200")
    cases = [c for c in load_dataset("workloads/measured/h200_neural.json").cases
             if c["number"] == "half"]  # fmt: skip
    costs = COSTS
    everywhere = []
    for kind, fields in FIELDS.items():
        chosen = [c for c in cases if c["class"] == kind]
        train = [c for c in chosen if c["n"] in FITTED_COUNTS]
        costs = fitted(device, train, fields, costs)
        report(f"{kind:9s} fitted", errors(device, train, costs))
        rest = [c for c in chosen if c["n"] not in FITTED_COUNTS]
        report(f"{kind:9s} judged", errors(device, rest, costs))
        left_out = []
        for shape in sorted({shape_of(c) for c in chosen}):
            others = fitted(device, [c for c in chosen if shape_of(c) != shape], fields, costs)
            mine = [c for c in chosen if shape_of(c) == shape]
            left_out += errors(device, mine, others).tolist()
        report(f"{kind:9s} each shape left out of its fit", left_out)
        everywhere += left_out
    report("all, each shape left out of its fit", everywhere)
    print({f: float(f"{getattr(costs, f):.4g}") for g in FIELDS.values() for f in g})


def shape_of(case) -> str:
    return json.dumps(case.get("grid") or case.get("mlp"), sort_keys=True)


if __name__ == "__main__":
    main()
