"""Fit the costs in ``archsim.models.ngpc.gpu_kernels`` to neural-graphics kernels on two GPUs.

`HALF` and `PERCEPTRON` on an H200. The H100's L2 rate is what makes its runs of our kernel those of
these costs; `RELEASE` is then fitted on the H100. Prints the costs, the errors on the sample counts
that were fitted and on the others, and the errors on each grid or perceptron where the costs were
fitted on all others.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from scipy.optimize import least_squares

from archsim.config import load_device
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams
from archsim.models.ngpc.gpu_kernels import (
    FITTED_COUNTS,
    HALF,
    PERCEPTRON,
    RELEASE,
    grid_us,
    perceptron_us,
)
from archsim.validate import load_dataset

FIELDS = {
    "half": ("line_clk", "modulo_clk", "sector_factor", "spill_factor", "launch_us"),
    "tcnn": ("corner_clk", "feature_clk", "sector_factor", "launch_us"),
    "mlp": ("tensor_fraction", "stream_fraction", "launch_us"),
}


def cases_of(name, kind):
    """Return the cases of a set: ``mlp``, or encodings of a number."""
    every = load_dataset(f"workloads/measured/{name}_neural.json").cases
    if kind == "mlp":
        return [c for c in every if c["class"] == kind]
    return [c for c in every if c["class"] == "hashgrid" and c["number"] == kind]


def predicted(device, case, costs):
    if case["class"] == "mlp":
        return perceptron_us(device, MlpParams(**case["mlp"]), case["n"], costs)
    rays = case["order"] == "rays"
    return grid_us(device, GridParams(**case["grid"]), case["n"], along_rays=rays, costs=costs)


def errors(device, group, costs):
    return np.array([predicted(device, c, costs) / c["us_warm"] - 1 for c in group])


def fitted(device, group, fields, base):
    """Return ``base`` with ``fields`` fitted to the cases of ``group``."""
    start = np.log([getattr(base, f) for f in fields])
    found = least_squares(
        lambda logs: np.log1p(errors(device, group, with_fields(base, fields, logs))),
        start, bounds=(start - 2, start + 2),
    )  # fmt: skip
    return with_fields(base, fields, found.x)


def with_fields(base, fields, logs):
    return replace(base, **dict(zip(fields, np.exp(logs).tolist(), strict=True)))


def with_l2(device, sectors_per_clk):
    """Return ``device`` with another L2 rate."""
    rate = device.l2.sectors_per_clk.model_copy(update={"value": sectors_per_clk})
    return device.model_copy(update={"l2": device.l2.model_copy(update={"sectors_per_clk": rate})})


def h100_device(costs):
    """Return the H100 with the L2 rate at which our kernel takes as long as ``costs`` say."""
    device = load_device("h100_sxm")
    train = [c for c in cases_of("h100", "half") if c["n"] in FITTED_COUNTS]
    found = least_squares(
        lambda log: np.log1p(errors(with_l2(device, float(np.exp(log[0]))), train, costs)),
        np.log([float(device.l2.sectors_per_clk)]),
    )
    return with_l2(device, float(np.exp(found.x[0])))


def report(name, off) -> None:
    off = np.abs(off)
    print(f"{name}: {len(off)} cases, MAPE {100 * off.mean():.1f} %, worst {100 * off.max():.0f} %")


def calibrate(device, chosen, kind, base):
    """Fit and report a kind of kernel; return its costs and the errors of shapes left out."""
    fields = FIELDS[kind]
    train = [c for c in chosen if c["n"] in FITTED_COUNTS]
    costs = fitted(device, train, fields, base)
    report(f"{kind:5s} fitted", errors(device, train, costs))
    rest = [c for c in chosen if c["n"] not in FITTED_COUNTS]
    report(f"{kind:5s} judged", errors(device, rest, costs))
    left_out = []
    for shape in sorted({shape_of(c) for c in chosen}):
        others = fitted(device, [c for c in chosen if shape_of(c) != shape], fields, base)
        mine = [c for c in chosen if shape_of(c) == shape]
        left_out += errors(device, mine, others).tolist()
    report(f"{kind:5s} each shape left out of its fit", left_out)
    print({f: float(f"{getattr(costs, f):.4g}") for f in fields})
    return costs, left_out


def shape_of(case) -> str:
    return json.dumps(case.get("grid") or case.get("mlp"), sort_keys=True)


def main() -> None:
    h200 = load_device("h200")
    half, encodings = calibrate(h200, cases_of("h200", "half"), "half", HALF)
    perceptron, products = calibrate(h200, cases_of("h200", "mlp"), "mlp", PERCEPTRON)
    report("H200, each shape left out of its fit", encodings + products)
    h100 = h100_device(half)
    print(f"the H100's L2: {float(h100.l2.sectors_per_clk):.2f} sectors a clock")
    report(
        "our encodings on the H100, fitted on the H200",
        errors(h100, cases_of("h100", "half"), half),
    )
    report(
        "perceptrons on the H100, fitted on the H200",
        errors(h100, cases_of("h100", "mlp"), perceptron),
    )
    same_lines = replace(RELEASE, line_clk=half.line_clk)
    calibrate(h100, cases_of("h100", "tcnn"), "tcnn", same_lines)


if __name__ == "__main__":
    main()
