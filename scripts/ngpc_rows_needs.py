"""By how much the NGPC model's inputs must change for the paper's hash-grid rows to hold together.

Free are, for each application, the remaining kernels' time, the networks' time on the GPU, and a
sample's time on a processor; the clock and the number of batches cost nothing. Printed is the least
factor f such that inputs within 1/f to f of the model's meet the rows of
``configs/published/ngpc.yaml``, and which inputs reach it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from archsim.app.workload import build_graph
from archsim.config import load_device
from archsim.models.ngpc.cluster import closed_us
from archsim.models.ngpc.host import host_times, work_of
from archsim.models.ngpc.model import NgpcModel

APPLICATIONS = ("nerf", "nsdf", "nvr", "gia")
INPUTS = ("rest", "networks", "sample")
BATCHES = (2, 4, 64)
SCALE = {"nerf": 4, "nsdf": 16, "nvr": 16, "gia": 16}
"""Pixels of the frame-rate rows over those of full HD."""
RATE = {"nerf": 30, "nsdf": 120, "nvr": 120, "gia": 120}
_WIDEST = 1.5
"""Logarithm that no factor goes beyond."""
GROUPS = ("average 16", "averages", "largest", "share", "plateaus", "rates")


class Rows:
    """The rows as margins that are positive where a row holds."""

    def __init__(self) -> None:
        device = load_device("paper_64")
        model = NgpcModel(device)
        self.fusion = float(device.cluster.rest_fusion)
        self.frames, self.host = {}, {}
        for name in APPLICATIONS:
            graph = build_graph({"model": f"{name}_frame", "encoding": "hashgrid"})
            self.frames[name] = model.frame(graph)
            self.host[name] = host_times(device.host, graph, work_of(graph))

    def margins(self, logs, batches: int, groups) -> np.ndarray:
        """Return the margins; ``logs``: of the clock's factor, then of each input's."""
        clock = np.exp(logs[0])
        factor = np.exp(np.reshape(logs[1:], (len(APPLICATIONS), len(INPUTS))))
        speed, share = {}, []
        for name, (rest, networks, sample) in zip(APPLICATIONS, factor, strict=True):
            host = self.host[name]
            unfused = host.rest_us * rest
            replaced = (host.encoding_us + host.perceptron_us) * networks
            share.append(replaced / (replaced + unfused))
            for count in (8, 16, 32, 64, 128):
                us = self._us(name, count, batches, unfused, sample / clock)
                speed[name, count] = (replaced + unfused) / us
        mean = {n: np.mean([speed[a, n] for a in APPLICATIONS]) for n in (8, 16, 32, 64)}
        found = {
            "average 16": between(mean[16], 20.5, 0.075),
            "averages": [*between(mean[8], 12.5, 0.04), *between(mean[32], 33.5, 0.065),
                         *between(mean[64], 39.5, 0.013)],
            "largest": between(max(speed.values()), 58, 0.15),
            "share": between(np.mean(share), 0.7237, 0.0415),
            "plateaus": [1.05 - speed[a, 2 * n] / speed[a, n]
                         for a, n in (("nsdf", 32), ("nvr", 16), ("nerf", 64))],
            "rates": [
                1e6 / self._us(a, 64, batches, self.host[a].rest_us * rest, sample / clock,
                               SCALE[a]) / RATE[a] - 1
                for a, (rest, _, sample) in zip(APPLICATIONS, factor, strict=True)
            ],
        }  # fmt: skip
        return np.array([margin for group in groups for margin in found[group]])

    def _us(self, name, count, batches, unfused, slower, pixels=1) -> float:
        frame = self.frames[name]
        return closed_us(replace(
            frame, processors=count, batches=batches, samples=frame.samples * pixels,
            host_us=unfused * pixels / self.fusion, sample_us=frame.sample_us * slower,
        ))  # fmt: skip


def between(value: float, paper: float, tolerance: float) -> list[float]:
    return [value / paper - 1 + tolerance, 1 + tolerance - value / paper]


def least(rows: Rows, groups, known=None, starts: int = 10) -> tuple[float, int, np.ndarray]:
    """Return the least factor found, its number of batches, and the logs."""
    rng = np.random.default_rng(1)
    best = (np.inf, 0, np.zeros(0))
    size = 1 + len(APPLICATIONS) * len(INPUTS)
    for batches in BATCHES:
        for start in range(starts):
            x = np.zeros(size + 1)  # the clock, the inputs, and log f
            if start == 1 and known is not None:
                x[:-1] = known
            elif start:
                x[:-1] = rng.normal(scale=0.4, size=size)
            x[-1] = max(0.05, np.abs(x[1:-1]).max())
            found = minimize(
                lambda x: x[-1], x, method="SLSQP", options={"maxiter": 200},
                bounds=[(-_WIDEST, _WIDEST)] * (size + 1),
                constraints=(
                    {"type": "ineq",
                     "fun": lambda x, b=batches: rows.margins(x[:-1], b, groups) - 1e-4},
                    {"type": "ineq", "fun": lambda x: x[-1] - x[1:-1]},
                    {"type": "ineq", "fun": lambda x: x[-1] + x[1:-1]},
                ),
            )  # fmt: skip
            met = rows.margins(found.x[:-1], batches, groups).min() >= -1e-6
            size_of = float(np.abs(found.x[1:-1]).max())
            if met and size_of < best[0]:
                best = (size_of, batches, found.x[:-1])
    return best


def main() -> None:
    rows = Rows()
    known = None
    for left_out in ((), ("rates",), ("plateaus",), ("plateaus", "rates")):
        groups = [group for group in GROUPS if group not in left_out]
        size, batches, logs = least(rows, groups, known)
        known = logs if known is None and len(logs) else known
        print(f"without {', '.join(left_out) or 'nothing'}: factor {np.exp(size):.2f}, "
              f"{batches} batches", flush=True)  # fmt: skip
        if len(logs):
            factor = np.exp(logs[1:]).reshape(len(APPLICATIONS), len(INPUTS))
            print(f"  clock x {np.exp(logs[0]):.2f}; " + "; ".join(
                f"{name} " + ", ".join(f"{i} {f:.2f}" for i, f in zip(INPUTS, row, strict=True))
                for name, row in zip(APPLICATIONS, factor, strict=True)
            ))  # fmt: skip


if __name__ == "__main__":
    main()
