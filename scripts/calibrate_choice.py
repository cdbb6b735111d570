"""Fit cuBLAS' preferences among nvjet kernels to recorded kernel names (fit half only).

Usage: python scripts/calibrate_choice.py [--write]. Prints top-1 and top-3 hit rates of the tile
and the error of the predicted time on both halves; ``--write`` rewrites
``archsim/mapping/gpu/nvjet_weights.py``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit
from scipy.optimize import minimize

from archsim.config.load import load_device
from archsim.mapping.gpu import nvjet_choice as choice
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.names import GemmKernel, parse_gemm
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_choice import fill, reduction_us, total
from archsim.models.gpu.gemm_lower import template
from archsim.models.gpu.vector import variants
from archsim.validate.split import is_check

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
FILES = ("h200_kernels.json", "h200_operators.json", "h200_structured.json")
KEEP = 1.35  # candidates slower than this times the fastest are not alternatives


@dataclass
class Choice:
    """One recorded choice: the alternatives' features, times and tiles, and which was taken."""

    features: np.ndarray
    times: np.ndarray
    tiles: np.ndarray
    taken: int
    us: float
    check: bool
    fp8: bool


def recorded() -> Iterator[tuple[dict[str, Any], GemmKernel, dict[str, Any]]]:
    """Yield measured products that ran one nvjet kernel, with that kernel."""
    for name in FILES:
        for case in json.loads((MEASURED / name).read_text())["cases"]:
            shape = product(case)
            kernels = [k for k in case.get("kernels", ()) if "nvjet" in k["name"]]
            if shape is None or len(kernels) != 1 or case.get("fill", "random") != "random":
                continue
            kernel = parse_gemm(kernels[0]["name"])
            if kernel is not None:
                yield shape, kernel, kernels[0]


def product(case: dict[str, Any]) -> dict[str, Any] | None:
    """Return ``case`` with m, n, k, b where it is a matrix product or a pointwise convolution."""
    check = is_check(case)
    if case["op"] in ("gemm", "bmm") and case["dtype"] in ("fp16", "bf16", "fp8"):
        return {**case, "b": case.get("b", 1), "check": check}
    if case["op"] == "conv2d" and (case["r"], case["stride"], case["groups"]) == (1, 1, 1):
        m = case["n"] * case["hw"] ** 2
        return {**case, "m": m, "n": case["cout"], "k": case["cin"], "b": 1, "check": check}
    return None


@njit
def alternatives(dev, p, table, out, scratch):  # type: ignore[no-untyped-def]
    """Fill rows (candidate, split, time, dynamic features); return how many."""
    count = 0
    out_bytes = p[g.OUT_BYTES]
    for i in range(table.shape[0]):
        split = 1.0
        while count < out.shape[0]:
            fill(table[i], p, split, dev.sm_count, out_bytes)
            scratch[:] = 0.0
            time_gemm(dev, p, scratch)
            us = total(scratch)
            if split > 1.0:
                us += reduction_us(dev, p, split, out_bytes)
            down, across = np.ceil(p[g.M] / p[g.TM]), np.ceil(p[g.N] / p[g.TN])
            tiles = down * across * p[g.BATCH] * split
            waves = np.ceil(tiles / p[g.CTAS])
            rows = np.ceil(down / p[g.CM]) * p[g.CM]
            columns = np.ceil(across / p[g.CN]) * p[g.CN]
            out[count, 0], out[count, 1], out[count, 2] = i, split, us
            out[count, 3] = -np.log(us)
            out[count, 4], out[count, 5] = split > 1.0, np.log(split)
            out[count, 6] = np.log(down * p[g.TM] * across * p[g.TN] / (p[g.M] * p[g.N]))
            out[count, 7] = np.log(rows * columns / (down * across))
            out[count, 8], out[count, 9] = np.log(waves * p[g.CTAS] / tiles), np.log(waves)
            out[count, 10] = waves == 1.0
            out[count, 11] = p[g.BATCH] > 1.0 and p[g.CM] * p[g.CN] == 1.0
            count += 1
            grown = p[g.CTAS] / split * (split + 1.0)
            split += 1.0
            room = dev.sm_count * table[i, t.ROOM]
            few = p[g.K] / p[g.TK] < 4.0 * split or split > 32.0
            if p[g.BATCH] > 1.0 or table[i, t.COOP] > 0.0 or grown > room or few:
                break
    p[g.OUT_BYTES] = out_bytes
    return count


def collect(dev: Any) -> list[Choice]:
    """Return every recorded choice with its alternatives."""
    tables = {kind: np.array(t.nvjet_rows(kind)) for kind in ("16", "8")}
    buffer = np.zeros((40 * len(tables["16"]), 3 + len(choice.DYNAMIC)))
    found = []
    for case, kernel, launch in recorded():
        kind = "8" if case["dtype"] == "fp8" else "16"
        table, static = tables[kind], choice.feature_matrix(kind)
        p = template(case["m"], case["n"], case["k"], case["b"], case["dtype"], 2.0)
        rows = buffer[: alternatives(dev, p, table, buffer, np.zeros(12))]
        which = table[rows[:, 0].astype(int)]
        split = 1
        if kernel.splits:
            down = ceil(ceil(case["m"] / kernel.tile_m) / kernel.cluster_m) * kernel.cluster_m
            across = ceil(ceil(case["n"] / kernel.tile_n) / kernel.cluster_n) * kernel.cluster_n
            split = max(1, round(prod(launch["grid"]) / (down * across)))
        same = (
            (which[:, t.TM] == kernel.tile_m) & (which[:, t.TN] == kernel.tile_n)
            & (which[:, t.CM] == kernel.cluster_m) & (which[:, t.CN] == kernel.cluster_n)
            & (which[:, t.COOP] == kernel.coop) & (which[:, t.M_SIDE] == kernel.m_side)
            & (rows[:, 1] == split)
        )  # fmt: skip
        taken = np.flatnonzero(same)
        if not len(taken):
            continue
        limit = max(KEEP * rows[:, 2].min(), rows[taken[0], 2])
        kept = np.flatnonzero(rows[:, 2] <= limit)
        features = np.hstack([static[rows[kept, 0].astype(int)], rows[kept, 3:]])
        features[:, len(choice.STATIC)] -= features[:, len(choice.STATIC)].max()
        found.append(Choice(
            features.astype(np.float32), rows[kept, 2].copy(),
            which[kept][:, t.TM] * 1000 + which[kept][:, t.TN],
            int(np.searchsorted(kept, taken[0])), case["us"], case["check"],
            case["dtype"] == "fp8",
        ))  # fmt: skip
    return found


def fit(choices: list[Choice], prior: np.ndarray, penalty: float) -> np.ndarray:
    """Return the weights of the highest penalised likelihood."""
    stacked = np.vstack([c.features for c in choices]).astype(np.float64)
    starts = np.concatenate([[0], np.cumsum([len(c.features) for c in choices])[:-1]])
    taken = starts + [c.taken for c in choices]
    segment = np.repeat(np.arange(len(choices)), [len(c.features) for c in choices])
    scale = stacked.std(0) + 1e-6
    scaled = stacked / scale

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        u = scaled @ w
        top = np.maximum.reduceat(u, starts)
        e = np.exp(u - top[segment])
        s = np.add.reduceat(e, starts)
        away = w - prior * scale
        value = -(u[taken] - top - np.log(s)).sum() + 0.5 * penalty * (away**2).sum()
        slope = -(scaled[taken].sum(0) - scaled.T @ (e / s[segment])) + penalty * away
        return float(value), slope

    return minimize(loss, prior * scale, jac=True, method="L-BFGS-B").x / scale


def report(choices: list[Choice], w: np.ndarray, label: str) -> None:
    """Print hit rates, the regret and the error of the predicted time, on both halves."""
    for name, side in (("fit", False), ("check", True)):
        some = [c for c in choices if c.check == side]
        top1 = top3 = 0
        regret, errors = [], []
        for c in some:
            order = np.argsort(-(c.features @ w), kind="stable")
            tiles = list(dict.fromkeys(c.tiles[order].tolist()))
            top1 += tiles[0] == c.tiles[c.taken]
            top3 += c.tiles[c.taken] in tiles[:3]
            regret.append(c.times[order[0]] - c.times[c.taken])
            errors.append(abs(c.times[order[0]] / c.us - 1))
        print(
            f"{label} {name}: n {len(some)} top-1 {top1 / len(some):.2f} top-3 "
            f"{top3 / len(some):.2f} regret {np.mean(np.abs(regret)):.2f} us "
            f"error {100 * np.mean(errors):.2f} % median {100 * np.median(errors):.2f} %"
        )


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--penalty", type=float, default=0.1)
    arguments = parser.parse_args()
    choices = collect(variants(load_device("h200")).rows[0])
    names = choice.STATIC + choice.DYNAMIC
    start = np.zeros(len(names))
    start[names.index("time")] = 20.0
    wide = fit([c for c in choices if not c.check and not c.fp8], start, arguments.penalty)
    narrow = fit([c for c in choices if not c.check and c.fp8], wide, arguments.penalty)
    report([c for c in choices if not c.fp8], wide, "16-bit")
    report([c for c in choices if c.fp8], narrow, "fp8")
    weights = {
        "16": dict(zip(names, wide, strict=True)),
        "8": dict(zip(names, narrow, strict=True)),
    }
    if arguments.write:
        write(weights)


def write(weights: dict[str, dict[str, float]]) -> None:
    """Rewrite the weights' module."""
    lines = [
        '"""Weights of ``nvjet_choice``; written by scripts/calibrate_choice.py."""', "",
        "from __future__ import annotations", "", "WEIGHTS: dict[str, dict[str, float]] = {",
    ]  # fmt: skip
    for kind, values in weights.items():
        lines.append(f'    "{kind}": {{')
        lines.extend(f'        "{name}": {value:.4f},' for name, value in values.items())
        lines.append("    },")
    lines.append("}")
    target = Path(__file__).parents[1] / "archsim" / "mapping" / "gpu" / "nvjet_weights.py"
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
