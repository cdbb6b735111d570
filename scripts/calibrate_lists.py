"""Fit how readily libraries take the tiles of the short lists (tf32, int8, fp32, fp64).

Usage: python scripts/calibrate_lists.py [--write]. A multinomial model of recorded kernel names
on the fit half: the utility of a tile is its readiness minus the logarithm of its predicted time.
Prints hit rates and errors on both halves; ``--write`` rewrites
``archsim/mapping/gpu/list_weights.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import minimize
from tensor_fit import cases

from archsim.config.load import load_device
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_choice import MOST_SPLITS, fill, reduction_us, total
from archsim.models.gpu.gemm_lower import UNSPLIT, template
from archsim.models.gpu.recorded import price_recorded
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

TARGET = Path(__file__).parents[1] / "archsim" / "mapping" / "gpu" / "list_weights.py"
SPREAD = 0.15  # prior width of a readiness
SHARPNESS = np.log(8.0)  # prior of the weight of time
OUT_BYTES = {"fp64": 8.0}


@njit
def price(dev, p, table, most, out, scratch):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the time of every row of ``table`` at its best split of K."""
    out_bytes = p[g.OUT_BYTES]
    for i in range(table.shape[0]):
        out[i] = 1e300
        split = 1.0
        while True:
            fill(table[i], p, split, dev.sm_count, out_bytes)
            scratch[:] = 0.0
            time_gemm(dev, p, scratch)
            us = total(scratch)
            if split > 1.0:
                us += reduction_us(dev, p, split, out_bytes)
            out[i] = min(out[i], us)
            tiles = p[g.CTAS] / split
            split += 1.0
            full = tiles * split > dev.sm_count * p[g.SLOTS]
            if split > most or full or g.k_steps(p) < 4.0 * split:
                break
    p[g.OUT_BYTES] = out_bytes


def recorded_row(table: np.ndarray, kernels: list[Any]) -> int:
    """Return the row of ``table`` that a recorded tile kernel is; -1 where it is none."""
    numbers = kernels[-1].params if kernels[-1].params[g.ENGINE] != 5 else kernels[-2].params
    wanted = [numbers[i] for i in (g.ENGINE, g.TM, g.TN, g.TK)]
    rows = np.flatnonzero((table[:, [t.ENGINE, t.TM, t.TN, t.TK]] == wanted).all(1))
    exact = [i for i in rows if table[i, t.STAGES] == numbers[g.STAGES]]
    return int(exact[0]) if exact else int(rows[0]) if len(rows) else -1


def choices(name: str, dev: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return per case the times of all tiles, the tile taken, the half and the measured time."""
    table = t.short_table(name)
    times, taken, check, seen = [], [], [], []
    for case in cases("gemm"):
        spec = spec_from_case(case)
        kernels = price_recorded(spec, case["kernels"]) if case["dtype"] == name else None
        if not kernels or any("nvjet" in k["name"] for k in case["kernels"]):
            continue
        p = template(spec.m, spec.n, spec.k, 1, name, OUT_BYTES.get(name, 4.0))
        row = np.empty(len(table))
        most = 1.0 if name in UNSPLIT else float(MOST_SPLITS)
        price(dev, p, table, most, row, np.zeros(12))
        times.append(row)
        taken.append(recorded_row(table, kernels))
        check.append(is_check(case))
        seen.append(case["us"])
    return np.array(times), np.array(taken), np.array(check), np.array(seen)


def fit(logs: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return the readiness of every tile."""

    def loss(z: np.ndarray) -> float:
        utility = np.exp(z[-1]) * (z[:-1] - logs)
        utility -= utility.max(1, keepdims=True)
        likely = utility - np.log(np.exp(utility).sum(1, keepdims=True))
        prior = (z[:-1] ** 2).sum() / SPREAD**2 + (z[-1] - SHARPNESS) ** 2
        return float(-likely[np.arange(len(taken)), taken].sum() + 0.5 * prior)

    start = np.append(np.zeros(logs.shape[1]), SHARPNESS)
    return np.asarray(minimize(loss, start, method="L-BFGS-B").x[:-1])


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    dev = variants(load_device("h200")).rows[0]
    found: dict[str, dict[str, float]] = {}
    for name in ("tf32", "fp32", "fp64", "int8"):
        times, taken, check, seen = choices(name, dev)
        some = ~check & (taken >= 0)
        ready = fit(np.log(times[some]), taken[some])
        pick = np.argmin(np.log(times) - ready, axis=1)
        error = np.abs(times[np.arange(len(pick)), pick] / seen - 1) * 100
        for half, side in (("fit", ~check), ("check", check)):
            hit = np.mean(pick[side] == taken[side])
            print(f"{name:5s} {half:5s} n {side.sum()} top-1 {hit:.2f} {error[side].mean():.1f} %")
        table = t.short_table(name)
        keys = ["{:.0f}_{:.0f}x{:.0f}x{:.0f}_{:.0f}".format(*row[:5]) for row in table]
        found[name] = dict(zip(keys, ready, strict=True))
    if arguments.write:
        write(found)


def write(found: dict[str, dict[str, float]]) -> None:
    """Rewrite the module of readiness values."""
    head = TARGET.read_text().split("BIASES")[0]
    lines = ["BIASES: dict[str, dict[str, float]] = {"]
    for name, values in found.items():
        lines.append(f'    "{name}": {{')
        lines += [f'        "{key}": {value:.3f},' for key, value in values.items()]
        lines.append("    },")
    TARGET.write_text(head + "\n".join([*lines, "}"]) + "\n")


if __name__ == "__main__":
    main()
