"""Fit cuBLAS' preferences among nvjet kernels to recorded names and rankings (fit half only).

Usage: python scripts/calibrate_choice.py [--write] [--epochs N]. First a linear utility that lists
candidates, then the networks that rank the list (Plackett-Luce likelihood).
Prints top-1 and top-3 hit rates of the tile and the error of the predicted time on both halves;
``--write`` rewrites ``archsim/mapping/gpu/nvjet_network.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from choice_records import Record, records
from numba import njit
from scipy.optimize import minimize

from archsim.config.load import load_device
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_choice import nvjet_table, tile_key
from archsim.models.gpu import gemm_candidates as c
from archsim.models.gpu import gemm_features as features
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_cheapest import fill, reduction_us, total
from archsim.models.gpu.gemm_choice import MOST_SPLITS
from archsim.models.gpu.gemm_features import FEATURES, KERNEL, OPERATOR, RUN
from archsim.models.gpu.gemm_lower import template
from archsim.models.gpu.gemm_ranking import CLUSTERS
from archsim.models.gpu.plan import HBM, OUTPUTS
from archsim.models.gpu.vector import variants

TARGET = Path(__file__).parents[1] / "archsim" / "mapping" / "gpu" / "nvjet_network.json"
BATCH, RATE, DECAY = 64, 4e-3, 3e-4
LIST_RECORDS = 8000  # records that the linear utility is fitted to
PLACES = np.array([1.0, 0.4, 0.3, 0.2])  # weights of the first places of a ranking
KEEP, LISTED = 1.6, 96  # candidates slower than KEEP times the fastest are not alternatives
KEYS = [t.TM, t.TN, t.COOP, t.M_SIDE, t.CM, t.CN]


@njit
def price(dev, p, table, most, bias, x, times, splits, rows, scratch):  # type: ignore[no-untyped-def]
    """Price and describe all candidates at all splits; return how many."""
    features.describe_operator(p, bias, x[0, RUN + KERNEL :])
    count, out_bytes = 0, p[g.OUT_BYTES]
    busy = np.empty(table.shape[0])
    for i in range(table.shape[0]):
        busy[i] = c.busy_clk(dev, table[i], p, most)
    limit = c.LOOSE * busy.min() + c.LOOSE_CLK
    for i in range(table.shape[0]):
        split = 1.0
        while busy[i] <= limit and count < x.shape[0]:
            fill(table[i], p, split, dev.sm_count, out_bytes)
            p[g.BIAS] = bias
            scratch[:] = 0.0
            time_gemm(dev, p, scratch)
            us = total(scratch)
            if split > 1.0:
                us += reduction_us(dev, p, split, out_bytes)
            x[count, RUN + KERNEL :] = x[0, RUN + KERNEL :]
            features.describe_run(dev, p, us, split, scratch[HBM], x[count, :RUN])
            features.describe_cover(p, x[count, :RUN])
            features.describe_kernel(table[i], x[count, RUN : RUN + KERNEL])
            times[count], splits[count], rows[count] = us, split, i
            count += 1
            grown = p[g.CTAS] / split * (split + 1.0)
            split += 1.0
            few = g.k_steps(p) < c.LEAST_STEPS * split or split > min(most, c.MOST_PARTS)
            if p[g.BATCH] > 1.0 or grown > dev.sm_count * table[i, t.ROOM] or few:
                break
    p[g.OUT_BYTES] = out_bytes
    return count


@dataclass
class Choice:
    """One record with its alternatives: features, times, tiles; ``want`` are those preferred.

    ``rows`` are places of their tiles (``Pricer.sides``) and of their clusters.
    """

    record: Record
    x: np.ndarray
    us: np.ndarray
    tile: np.ndarray
    rows: tuple[np.ndarray, np.ndarray]
    want: list[int] = field(default_factory=list)


class Pricer:
    """Turns records into choices; the buffers are used over and over."""

    def __init__(self, most: int = 60000) -> None:
        self.dev = variants(load_device("h200")).rows[0]
        self.x = np.empty((most, FEATURES))
        self.us, self.split, self.row = np.empty(most), np.empty(most), np.empty(most)
        tables = [nvjet_table(kind) for kind in ("16", "8")]
        self.sides = list(dict.fromkeys(tile_key(row) for table in tables for row in table))
        place = {key: i for i, key in enumerate(self.sides)}
        self.places = {len(t): np.array([place[tile_key(row)] for row in t]) for t in tables}

    def __call__(self, r: Record, short: np.ndarray | None, some: int, rng: Any) -> Choice:
        """Return the ``some`` best alternatives by ``short`` (none: time), and the preferred."""
        table = nvjet_table("8" if r.dtype == "fp8" else "16")
        p = template(r.m, r.n, r.k, r.batch, r.dtype, 2.0)
        most = 1.0 if r.bias or r.batch > 1 else float(MOST_SPLITS)
        n = price(self.dev, p, table, most, float(r.bias), self.x, self.us, self.split, self.row,
                  np.zeros(OUTPUTS))  # fmt: skip
        keys = table[self.row[:n].astype(int)][:, KEYS]
        found = []
        for kernel in r.kernels:
            same = (keys == kernel[:6]).all(1) & (self.split[:n] == kernel[6]) if kernel else []
            found.append(int(np.argmax(same)) if np.any(same) else -1)
        liking = -20.0 * self.x[:n, 0] if short is None else self.x[:n] @ short
        liking[self.us[:n] > KEEP * self.us[:n].min()] -= 1e3
        best = np.argsort(-liking)[:some]
        if short is None:
            best = np.concatenate([best, rng.integers(0, n, some)])
        kept = np.unique(np.concatenate([best, [f for f in found if f >= 0]])).astype(int)
        place = {int(j): i for i, j in enumerate(kept)}
        want = [place[f] if f >= 0 else -1 for f in found]
        tile = keys[kept, 0] * 1000 + keys[kept, 1]
        row = self.row[:n].astype(int)[kept]
        rows = self.places[len(table)][row], row % CLUSTERS
        return Choice(r, self.x[kept].astype(np.float32), self.us[kept].copy(), tile, rows, want)


def fit_linear(choices: list[Choice]) -> np.ndarray:
    """Return the weights of the highest likelihood of the first preference."""
    x = np.vstack([k.x for k in choices])
    starts = np.cumsum([0] + [len(k.x) for k in choices])[:-1]
    taken = starts + [k.want[0] for k in choices]
    owner = np.repeat(np.arange(len(choices)), [len(k.x) for k in choices])
    scale = x.std(0) + 1e-3
    x = (x - x.mean(0)) / scale

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        u = x @ w.astype(np.float32)
        top = np.maximum.reduceat(u, starts)
        e = np.exp(u - top[owner])
        s = np.add.reduceat(e, starts)
        value = -(u[taken] - top - np.log(s)).sum() + 0.01 * (w**2).sum()
        slope = -(x[taken].sum(0) - x.T @ (e / s[owner])) + 0.02 * w
        return float(value), slope.astype(float)

    best = minimize(loss, np.zeros(FEATURES), jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(best.x / scale)


def slope_of(u: np.ndarray, starts: np.ndarray, owner: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Return the gradient of the negative Plackett-Luce log likelihood by the utilities ``u``.

    ``want`` (choices, places) are rows of ``u`` in order of preference, -1 where unknown.
    """
    e = np.exp(u - np.maximum.reduceat(u, starts)[owner])
    left, so_far = np.add.reduceat(e, starts), np.zeros(len(starts))
    slope, placed = np.zeros_like(u), np.zeros(len(u), dtype=np.bool_)
    for place, weight in enumerate(PLACES):
        known = want[:, place] >= 0
        so_far += np.where(known, weight / np.maximum(left, 1e-12), 0.0)
        row = want[known, place]
        slope[row], placed[row] = e[row] * so_far[known] - weight, True
        left[known] -= e[row]
    return np.where(placed, slope, e * so_far[owner])


class Sizes(NamedTuple):
    """Numbers of hidden inputs: of candidates, of operators; and of what an operator asks for."""

    hidden: int
    tower: int
    wish: int


class Trainer:
    """Adam over the weights of ``Network``, on normalised features."""

    def __init__(
        self, choices: list[Choice], short: np.ndarray, tiles: int, sizes: Sizes,
        decay: float = DECAY,
    ) -> None:  # fmt: skip
        self.decay = decay
        x = np.vstack([k.x for k in choices])
        self.mean, self.scale = x.mean(0), x.std(0) + 1e-2
        rng = self.rng = np.random.default_rng(0)
        self.w = {
            "linear": short * self.scale,
            "inner": rng.normal(size=(sizes.hidden, x.shape[1])) * 0.15,
            "offset": np.zeros(sizes.hidden),
            "outer": rng.normal(size=sizes.hidden) * 0.1,
            "tower_inner": rng.normal(size=(sizes.tower, OPERATOR)) * 0.3,
            "tower_offset": np.zeros(sizes.tower),
            "tower_outer": rng.normal(size=(sizes.wish, sizes.tower)) * 0.2,
            "tiles": rng.normal(size=(tiles, sizes.wish)) * 0.05,
            "clusters": rng.normal(size=(CLUSTERS, sizes.wish)) * 0.05,
            "likings": np.zeros(tiles),
        }
        self.w = {k: v.astype(np.float32) for k, v in self.w.items()}
        self.first = {k: np.zeros_like(v) for k, v in self.w.items()}
        self.second = {k: np.zeros_like(v) for k, v in self.w.items()}
        self.steps = 0
        for k in choices:  # in place: there are millions of candidates
            k.x = ((k.x - self.mean) / self.scale).astype(np.float32)

    def restore(self, choices: list[Choice]) -> None:
        """Give ``choices`` their features back as they were."""
        for k in choices:
            k.x = (k.x * self.scale + self.mean).astype(np.float32)

    def gradient(self, batch: list[Choice]) -> dict[str, np.ndarray]:
        """Return the gradient over ``batch``."""
        w, z = self.w, np.vstack([k.x for k in batch])
        starts = np.cumsum([0] + [len(k.x) for k in batch])[:-1]
        owner = np.repeat(np.arange(len(batch)), [len(k.x) for k in batch])
        tile, cluster = (np.concatenate([k.rows[i] for k in batch]) for i in (0, 1))
        want = np.full((len(batch), len(PLACES)), -1)
        for i, k in enumerate(batch):
            for j, place in enumerate(k.want[: len(PLACES)]):
                want[i, j] = starts[i] + place if place >= 0 else -1
        hidden = squash(z @ w["inner"].T + w["offset"])
        operator = z[starts, -OPERATOR:]
        tower = squash(operator @ w["tower_inner"].T + w["tower_offset"])
        wish, suits = tower @ w["tower_outer"].T, w["tiles"][tile] + w["clusters"][cluster]
        u = z @ w["linear"] + hidden @ w["outer"] + (suits * wish[owner]).sum(1)
        u = (u + w["likings"][tile]).astype(np.float64)
        slope = (slope_of(u, starts, owner, want) / len(batch)).astype(np.float32)
        back = np.outer(slope, w["outer"]) * (1 - np.abs(hidden)) ** 2
        found = {"linear": z.T @ slope, "outer": hidden.T @ slope, "inner": back.T @ z,
                 "offset": back.sum(0), "tiles": np.zeros_like(w["tiles"]),
                 "clusters": np.zeros_like(w["clusters"]),
                 "likings": np.bincount(tile, slope, len(w["likings"]))}  # fmt: skip
        np.add.at(found["tiles"], tile, slope[:, None] * wish[owner])
        np.add.at(found["clusters"], cluster, slope[:, None] * wish[owner])
        asked = np.add.reduceat(slope[:, None] * suits, starts, axis=0)
        inner = (asked @ w["tower_outer"]) * (1 - np.abs(tower)) ** 2
        return {**found, "tower_outer": asked.T @ tower, "tower_inner": inner.T @ operator,
                "tower_offset": inner.sum(0)}  # fmt: skip

    def epoch(self, choices: list[Choice], rate: float) -> None:
        """Go once through ``choices`` in random order."""
        order = self.rng.permutation(len(choices))
        for start in range(0, len(order), BATCH):
            self.steps += 1
            found = self.gradient([choices[i] for i in order[start : start + BATCH]])
            for name, value in found.items():
                value = value + self.decay * self.w[name]
                self.first[name] = 0.9 * self.first[name] + 0.1 * value
                self.second[name] = 0.999 * self.second[name] + 0.001 * value * value
                step = self.first[name] / (1 - 0.9**self.steps)
                size = np.sqrt(self.second[name] / (1 - 0.999**self.steps)) + 1e-8
                self.w[name] -= (rate * step / size).astype(np.float32)

    def network(self, short: np.ndarray, sides: np.ndarray) -> dict[str, np.ndarray]:
        """Return the weights for features as they are, not normalised."""
        w, operator = self.w, slice(-OPERATOR, None)
        inner, tower = w["inner"] / self.scale, w["tower_inner"] / self.scale[operator]
        return {
            "short": short, "linear": w["linear"] / self.scale, "inner": inner,
            "offset": w["offset"] - inner @ self.mean, "outer": w["outer"],
            "tower_inner": tower, "tower_offset": w["tower_offset"] - tower @ self.mean[operator],
            "tower_outer": w["tower_outer"], "sides": sides, "likings": w["likings"],
            "tiles": w["tiles"], "clusters": w["clusters"],
        }  # fmt: skip


SIZES = Sizes(128, 128, 64)


def squash(z: np.ndarray) -> np.ndarray:
    """Return ``z / (1 + |z|)``."""
    return np.asarray(z / (1 + np.abs(z)))


def liking(net: dict[str, np.ndarray], k: Choice) -> np.ndarray:
    """Return the utilities of candidates whose features are as they are."""
    x, (tile, cluster) = k.x.astype(np.float64), k.rows
    operator = x[0, -OPERATOR:]
    wish = net["tower_outer"] @ squash(net["tower_inner"] @ operator + net["tower_offset"])
    suits = net["tiles"][tile] + net["clusters"][cluster]
    hidden = squash(x @ net["inner"].T + net["offset"])
    return x @ net["linear"] + hidden @ net["outer"] + net["likings"][tile] + suits @ wish


def report(choices: list[Choice], net: dict[str, np.ndarray]) -> None:
    """Print hit rates and the error of the predicted time, by half and source."""
    rows = defaultdict(list)
    for k in choices:
        order = np.argsort(-liking(net, k), kind="stable")
        tiles = list(dict.fromkeys(k.tile[order].tolist()))
        hit = k.want[0] >= 0
        rank = tiles.index(k.tile[k.want[0]]) if hit else len(tiles)
        error = abs(k.us[order[0]] / k.record.us - 1) if k.record.us else np.nan
        r = k.record
        rows["check" if r.check else "fit", r.source, r.batch > 1].append((rank, error))
    for key in sorted(rows):
        a = np.array(rows[key])
        top = 100 * np.mean(a[:, 0] < 1), 100 * np.mean(a[:, 0] < 3)
        error = 100 * np.nanmean(a[:, 1]) if np.isfinite(a[:, 1]).any() else np.nan
        print(f"{key}: n {len(a)} top-1 {top[0]:.0f} top-3 {top[1]:.0f} error {error:.1f} %")


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--epochs", type=int, default=16)
    arguments = parser.parse_args()
    pricer, rng, found = Pricer(), np.random.default_rng(0), list(records())
    fitted = [r for r in found if not r.check]
    some_fitted = [fitted[i] for i in rng.permutation(len(fitted))[:LIST_RECORDS]]
    short = None
    for some in (50, 100):
        listed = [pricer(r, short, some, rng) for r in some_fitted]
        short = fit_linear([k for k in listed if k.want and k.want[0] >= 0])
    use = [pricer(r, short, LISTED, rng) for r in fitted]
    use = [k for k in use if max(k.want, default=-1) >= 0]
    trainer = Trainer(use, short, len(pricer.sides), SIZES)
    for epoch in range(arguments.epochs):
        trainer.epoch(use, RATE * 0.5 * (1 + np.cos(np.pi * epoch / arguments.epochs)) + 1e-5)
    net = trainer.network(short, np.array(pricer.sides))
    report([pricer(r, short, LISTED, rng) for r in found if r.check], net)
    if arguments.write:
        write(net)


def write(net: dict[str, np.ndarray]) -> None:
    """Write the weights, four digits each."""
    rounded = {k: [[float(f"{x:.4g}") for x in row] for row in np.atleast_2d(v)]
               for k, v in net.items()}  # fmt: skip
    plain = {k: v if net[k].ndim == 2 else v[0] for k, v in rounded.items()}
    lines = ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in plain.items())
    TARGET.write_text("{\n" + lines.replace("], [", "],\n[") + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
