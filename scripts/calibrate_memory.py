"""Fit the constants of the memory-bound kernels of a device to measured cases.

    python scripts/calibrate_memory.py [--write] [GROUP ...]

Each group of constants is fitted to its operator classes: robust least squares on the logarithm
of predicted over measured time, cold and warm, on the half of the cases that ``split`` leaves for
fitting. The other half is only reported.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from set_constants import read, write

from archsim.config import load_device
from archsim.errors import ConfigError
from archsim.graph import OpSpec, ops
from archsim.models.gpu.lower import lower
from archsim.models.gpu.plan import TERMS_US
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import Variants, variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

ROOT = Path(__file__).resolve().parent.parent
DATA = [
    ROOT / "workloads" / "measured" / name
    for name in ("h200_operators.json", "h200_structured.json", "h200_kernels.json")
]
DEVICE = ROOT / "configs" / "devices" / "h200.yaml"
SOURCE = "workloads/measured/h200_operators.json, h200_structured.json and h200_kernels.json"

M = "memory_kernels."
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "stream": (
        ("add", "copy", "gelu", "relu", "scale", "exp", "neg", "mul", "square", "silu", "rsqrt"),
        (
            "launch.kernel_us", "memory.tail_us", "memory.read_fraction", "memory.write_fraction",
            "l2.dirty_fraction", "l2.dirty_bytes", M + "overlap_power", M + "l2_bytes_per_clk",
            M + "stream.fixed_us", M + "stream.operand_us", M + "stream.math_us",
            M + "stream.copy_us", M + "stream.copy_tail_us", M + "stream.copy_tail_held_us",
            M + "stream.copy_small_bytes_per_s",
        ),
    ),
    "cast": (("cast",), (M + "stream.cast_us",)),
    "batchnorm": (("batchnorm",), (M + "stream.batchnorm_us",)),
    "strided": (("row_scale", "row_add", "permute", "slice_copy"), (M + "stream.strided_us",)),
    "layernorm": (("layernorm",), (M + "layernorm.*", M + "moments.*", "sm.l1_bytes")),
    "softmax": (
        ("softmax",),
        tuple(f"{M}softmax_{name}.*" for name in ("warp", "registers", "staged", "block")),
    ),
    "reduce": (
        ("reduce_sum", "reduce_mean"),
        (M + "reduce.*", M + "reduce_shared.*"),
    ),
    "pool": (("maxpool",), (M + "pool.*",)),
    "transpose": (
        ("transpose",),
        (M + "transpose.*", "l2.sectors_per_clk", "sm.l1_lines_per_clk"),
    ),
    "gather": (
        ("gather",),
        (
            M + "gather_rows.start_clk", M + "gather_rows.start_slots",
            M + "gather_rows.overlap", M + "gather_elements.*",
            "launch.ctas_per_clk", M + "scattered_fraction",
        ),
    ),
    "scatter": (
        ("scatter_add",),
        (
            M + "scatter.*", "l2.atomics_per_clk", "l2.atomic_slice_per_clk",
            "l2.atomic_address_clk", "l2.slice_bytes",
        ),
    ),
}  # fmt: skip
WARM_WEIGHT = 0.6
Judge = Callable[[dict[str, Any]], bool]


def extra_spec(case: dict[str, Any]) -> OpSpec | None:
    """Return the operator of a case of a sweep class that ``validate`` does not know."""
    op, n, dtype = case["op"], case.get("n"), case.get("dtype", "fp16")
    functions = {"scale": "mul", "square": "pow", "relu_": "relu"}
    if op in ("relu", "exp", "neg", "silu", "rsqrt", "scale", "square", "relu_"):
        return ops.Elementwise(function=functions.get(op, op), n=n, dtype=dtype)
    if op == "mul":
        return ops.Elementwise(function="mul", n=n, dtype=dtype, arity=2)
    if op == "cast":
        return ops.Elementwise(function="cast", n=n, dtype=dtype, out_dtype=case["to"])
    if op == "reduce_mean":
        return ops.Reduce(rows=case["rows"], cols=case["cols"], dtype=dtype, function="mean")
    if op in ("row_scale", "row_add"):
        rows, cols = case["rows"], case["cols"]
        return ops.Elementwise(function="mul", n=rows * cols, arity=2, broadcast=rows, dtype=dtype)
    if op == "batchnorm" and case.get("layout") != "nchw":
        count = case["n"] * case["cin"] * case["hw"] ** 2
        return ops.Elementwise(
            function="scale_shift", n=count, arity=2, broadcast=4 * case["cin"], dtype=dtype
        )
    if op == "maxpool":
        return ops.Pool2d(
            function="max", n=case["n"], c=case["cin"], h=case["hw"], w=case["hw"], r=case["r"],
            stride=case["stride"], padding=1, dtype=dtype, layout=case.get("layout", "nhwc"),
        )  # fmt: skip
    if op == "permute":
        count = case["b"] * case["s"] * case["h"] * case["d"]
        return ops.Copy(n=count, pattern="strided", dtype=dtype)
    if op == "slice_copy":
        return ops.Copy(n=case["rows"] * case["cols"], pattern="strided", dtype=dtype)
    return None


def spec_of(case: dict[str, Any]) -> OpSpec | None:
    """Return what ``case`` computes, or None where the model has no operator for it."""
    if case.get("locality", "uniform") not in ("uniform", "random"):
        return None
    if case.get("layout") == "nchw" and case["op"] != "maxpool":
        return None
    found = extra_spec(case)
    if found is not None:
        return found
    try:
        return spec_from_case(case)
    except ConfigError:
        return None


class Cases:
    """Measured cases as plans, priced together."""

    def __init__(self, classes: Sequence[str], device: Variants, judges: Judge = is_check) -> None:
        self.cases: list[tuple[dict[str, Any], bool, float, float]] = []
        plans, owner, resident = [], [], []
        dev = device.rows[0]
        for case, spec in load(tuple(classes)):
            warm = _held(dev, float(spec.bytes))
            for share, key in ((0.0, "us"), (warm, "us_warm")):
                if key not in case or (case["op"] == "batchnorm" and share):
                    continue
                measured = case[key]
                if case["op"] == "batchnorm":  # the cast and rsqrt are operators of their own
                    measured = case["kernels"][2]["dur_us"]
                kernels = lower(spec, dev)
                index = len(self.cases)
                self.cases.append((case, judges(case), measured, share))
                plans += kernels
                owner += [index] * len(kernels)
                resident += [share] * len(kernels)
        self.plans, self.resident = plans, resident
        self.owner = np.array(owner)
        self.check = np.array([c[1] for c in self.cases])
        self.measured = np.array([c[2] for c in self.cases])
        self.cold = np.array([c[3] == 0.0 for c in self.cases])
        self.relevant = np.ones((1, device.relevant.shape[1]), dtype=np.bool_)

    def log_ratio(self, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return log(predicted / measured) of every case."""
        out = solve(rows, self.relevant, self.plans, self.resident)
        us = np.bincount(self.owner, out[0, :, :TERMS_US].sum(axis=1), len(self.cases))
        return np.log(us / self.measured)


def load(classes: tuple[str, ...]) -> list[tuple[dict[str, Any], OpSpec]]:
    found = []
    for path in DATA:
        if not path.exists():
            continue
        for case in json.loads(path.read_text())["cases"]:
            if case["op"] in classes and (spec := spec_of(case)) is not None:
                found.append((case, spec))
    return found


def _held(dev: Any, footprint: float) -> float:
    full = dev["l2_full_hit_fraction"] * dev["l2_capacity_bytes"]
    none = dev["l2_no_hit_fraction"] * dev["l2_capacity_bytes"]
    return float(np.clip((none - footprint) / (none - full), 0.0, 1.0))


def _expand(paths: Sequence[str], names: Sequence[str]) -> list[str]:
    fields: list[str] = []
    for path in paths:
        name = path.replace(".", "_")
        if path.endswith(".*"):
            fields += [n for n in names if n.startswith(name[:-1])]
        else:
            fields.append(name)
    return fields


def fit(group: str, device: Variants, judges: Judge = is_check) -> dict[str, tuple[float, float]]:
    """Return the fitted value and relative uncertainty of the group's constants by field.

    Cases for which ``judges`` is true are only reported.
    """
    classes, paths = GROUPS[group]
    data = Cases(classes, device, judges)
    rows = device.rows[:1].copy()
    fields = _expand(paths, rows.dtype.names)
    fields = [f for f in fields if rows[f][0] > 0]
    begin = np.array([rows[f][0] for f in fields])
    use = ~data.check
    weight = np.where(data.cold, 1.0, WARM_WEIGHT)[use]

    def residual(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        for name, value in zip(fields, begin * np.exp(x), strict=True):
            rows[name] = value
        pull = 0.02 * x
        return np.concatenate([weight * data.log_ratio(rows)[use], pull])

    limit = np.full(len(fields), 2.0)
    lower_limit = np.full(len(fields), -2.0)
    for i, name in enumerate(fields):
        if name.endswith("_lockstep"):
            lower_limit[i], limit[i] = np.log(0.01 / begin[i]), np.log(1.0 / begin[i]) + 1e-9
        if name.endswith("_overlap"):
            lower_limit[i], limit[i] = np.log(1.0 / begin[i]) - 1e-9, np.log(10.0 / begin[i])
        if name.endswith(("read_fraction", "write_fraction")):
            limit[i] = np.log(0.999 / begin[i])
    lower_limit, limit = np.minimum(lower_limit, -1e-6), np.maximum(limit, 1e-6)
    found = least_squares(
        residual, np.zeros(len(fields)), loss="soft_l1", f_scale=0.05, bounds=(lower_limit, limit),
        diff_step=1e-3, max_nfev=60,
    )  # fmt: skip
    residual(found.x)
    report(group, data, data.log_ratio(rows))
    device.rows[0] = rows[0]
    spread = _uncertainty(found)
    return {f: (float(rows[f][0]), u) for f, u in zip(fields, spread, strict=True)}


def _uncertainty(found: Any) -> list[float]:
    """Relative standard errors from the curvature at the optimum."""
    jacobian = found.jac
    variance = 2 * found.cost / max(len(found.fun) - len(found.x), 1)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * variance
    return [float(min(u, 1.0)) for u in np.sqrt(np.diag(covariance))]


def report(group: str, data: Cases, ratio: np.ndarray[Any, Any]) -> None:
    """Print the errors of each class and half."""
    error = np.abs(np.expm1(ratio)) * 100
    names = np.array([c[0]["op"] for c in data.cases])
    for op in dict.fromkeys(names):
        parts = []
        for label, half in (("fit", ~data.check), ("check", data.check)):
            for heat, cold in (("cold", data.cold), ("warm", ~data.cold)):
                pick = (names == op) & half & cold
                if pick.any():
                    parts.append(f"{label}/{heat} {error[pick].mean():5.2f} (n {pick.sum()})")
        print(f"{group:10s} {op:12s} " + "  ".join(parts))


def main() -> None:
    """Fit the named groups (all by default)."""
    parser = argparse.ArgumentParser()
    parser.add_argument("groups", nargs="*", default=list(GROUPS))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    device = variants(load_device(str(DEVICE)))
    found: dict[str, tuple[float, float]] = {}
    for group in arguments.groups:
        found |= fit(group, device)
    for name, (value, spread) in found.items():
        print(f"  {name:45s} {value:12.5g} +-{spread:.3f}")
    if arguments.write:
        write_constants(found, SOURCE)


def write_constants(found: dict[str, tuple[float, float]], source: str) -> None:
    """Write fitted values and their relative uncertainties into the device file."""
    data = read(DEVICE)

    def visit(node: dict[str, Any], prefix: str) -> None:
        for name, value in node.items():
            field = prefix + name
            if isinstance(value, dict) and "basis" in value:
                if field in found:
                    fitted, spread = found[field]
                    value.update(
                        value=float(f"{fitted:.4g}"), basis="calibrated", source=source,
                        uncertainty=float(f"{max(spread, 0.01):.2g}"),
                    )  # fmt: skip
            elif isinstance(value, dict):
                visit(value, f"{field}_")

    visit(data, "")
    write(DEVICE, data)


if __name__ == "__main__":
    main()
