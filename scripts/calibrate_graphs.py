"""Fit what a CUDA graph adds to its kernels: gaps, and the host that prepares it.

    python scripts/calibrate_graphs.py [--write]

Recorded kernel times inside the graph stand for the kernels, so that only the launch is fitted
(networks of up to 3.5 ms, whose clock has not begun to fall). The judges are only reported.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from calibrate_memory import write_constants
from scipy.optimize import least_squares

from archsim.models.gpu.graph_launch import MEMSET, waiting

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
FITTED, JUDGES = ("h200_models_full", "h200_models_tuned"), ("h200_models_judge",)
LONGEST_US = 3500.0
START_US = 13.0
NAMES = ("launch_graph_gap_us", "launch_graph_node_us", "launch_graph_memset_us")
HOST_COPY = "launch_graph_host_copy_us"


class Replay:
    """A recorded graph: kernel times inside it, which of them are memsets, and its replay."""

    def __init__(self, case: dict[str, Any]) -> None:
        names = [case["names"][row[0]] for row in case["sequence"]]
        us = np.array([row[4] or row[1] for row in case["sequence"]])
        self.us = us * (case["graph_sum_us"] / us.sum())
        self.clears = np.array([name.startswith(MEMSET) for name in names])
        self.copies = float(any("DtoH" in name for name in names))
        self.slower_us = case["graph_sum_us"] - case["kernel_sum_us"]
        self.graph_us = case["graph_us"]

    def ratio(self, x: np.ndarray[Any, Any]) -> float:
        """Return predicted over measured time."""
        gap, node, memset, copy = x
        gaps = gap + memset * self.clears
        wait = START_US + waiting(np.ones(len(self.us)), self.us + gaps, self.clears, node)
        return float((self.us.sum() + gaps.sum() + wait + copy * self.copies) / self.graph_us)


def replays(name: str) -> list[Replay]:
    """Return the graphs of a set."""
    cases = json.loads((MEASURED / f"{name}.json").read_text())["cases"]
    return [Replay(c) for c in cases if 0 < c.get("graph_us", 0) < LONGEST_US]


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    some = [r for name in FITTED for r in replays(name)]
    best = least_squares(
        lambda x: [r.ratio(x) - 1.0 for r in some], [0.3, 0.3, 0.5, 20.0], loss="soft_l1",
        f_scale=0.02, bounds=([0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 3.0, 80.0]),
    )  # fmt: skip
    for name in (*FITTED, *JUDGES):
        error = [100 * abs(r.ratio(best.x) - 1.0) for r in replays(name)]
        print(f"{name}: n {len(error)} MAPE {statistics.fmean(error):.2f} % max {max(error):.1f} %")
    inside = statistics.median(r.slower_us for r in some if r.copies and r.slower_us < 60.0)
    spread = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)) * 2 * best.cost / len(some))
    values = [*best.x[:3], best.x[3] + inside]
    found = {
        name: (float(value), min(float(s / value), 1.0))
        for name, value, s in zip((*NAMES, HOST_COPY), values, spread, strict=True)
    }
    for name, (value, part) in found.items():
        print(f"  {name} {value:.3g} +-{100 * part:.0f} %")
    if write:
        write_constants(found, ", ".join(f"workloads/measured/{n}.json" for n in FITTED))


if __name__ == "__main__":
    main()
