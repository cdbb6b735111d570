"""Fit ``archsim.models.ngpc.gpu_kernels.COSTS`` to the H200's neural-graphics kernels.

Prints the fitted costs, and the errors on the sample counts that were fitted and on the others.
"""

from __future__ import annotations

import math
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


def main() -> None:
    device = load_device("h200")
    cases = [c for c in load_dataset("workloads/measured/h200_neural.json").cases
             if c["number"] == "half"]  # fmt: skip
    costs = COSTS
    for kind, fields in FIELDS.items():
        chosen = [c for c in cases if c["class"] == kind]
        fitted = [c for c in chosen if c["n"] in FITTED_COUNTS]

        def errors(logs, group=fitted, fields=fields, base=costs):
            tried = replace(base, **dict(zip(fields, np.exp(logs).tolist(), strict=True)))
            return [math.log(predicted(device, c, tried) / c["us_warm"]) for c in group]

        start = np.log([getattr(costs, f) for f in fields])
        found = least_squares(errors, start, bounds=(start - 2, start + 2))
        costs = replace(costs, **dict(zip(fields, np.exp(found.x).tolist(), strict=True)))
        rest = [c for c in chosen if c["n"] not in FITTED_COUNTS]
        for name, group in (("fitted", fitted), ("judged", rest)):
            off = np.abs(np.expm1(errors(found.x, group)))
            print(f"{kind:9s} {name}: {len(group)} cases, MAPE {100 * off.mean():.1f} %, "
                  f"worst {100 * off.max():.0f} %")  # fmt: skip
    print({f: float(f"{getattr(costs, f):.4g}") for g in FIELDS.values() for f in g})


if __name__ == "__main__":
    main()
