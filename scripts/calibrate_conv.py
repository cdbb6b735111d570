"""Grow the decision trees of cuDNN's choice on recorded launches (fit half only).

Usage: python scripts/calibrate_conv.py [--write] [--curve]. Prints how often the kernel, and how
often its tile, is the recorded one on both halves and on the sets set aside; ``--curve`` repeats
that for growing parts of the fit half; ``--write`` rewrites ``archsim/mapping/gpu/conv_trees.json``.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from conv_cases import ASIDE, LAUNCHES, SETS, cases, label

from archsim.mapping.gpu.conv_choice import FEATURES, Tree, features, kind, walk

TARGET = Path(__file__).parents[1] / "archsim" / "mapping" / "gpu" / "conv_trees.json"
RARE = 3  # labels seen less often are not learnt
LEAST = 4  # fewer cases are not split further
COSTLY = ("precomputed",)
SURE = 12
"""A leaf of fewer cases does not get a costly label: named in vain it is wrong by 10 to 50x, left
out by 0.97. Leaves of 12 or more would name 150 of 173 check cases and 7 others in vain."""


@dataclass
class Sample:
    """Recorded choices of one kind: features, labels and where they belong."""

    values: list[tuple[int, ...]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)


def collect() -> dict[str, Sample]:
    """Return the recorded choices by tree."""
    found: dict[str, Sample] = defaultdict(Sample)
    for case, spec in cases((*SETS, *LAUNCHES, *ASIDE)):
        text = label(case, spec)
        if not text:
            continue
        sample = found[kind(spec)]
        sample.values.append(features(spec))
        sample.labels.append(text)
        half = "check" if case["check"] else "fit"
        sample.halves.append(case["set"] if case["set"] in ASIDE else half)
    return dict(sorted(found.items()))


def impurity(counts: np.ndarray) -> np.ndarray:
    """Return size times entropy of each row of class counts."""
    total = counts.sum(1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, counts * np.log(counts / total), 0.0)
    return -terms.sum(1)


def best_split(x: np.ndarray, y: np.ndarray, classes: int) -> tuple[float, int, int]:
    """Return the least impurity of a split of ``x`` (n, features), its feature and threshold."""
    best = (np.inf, -1, 0)
    for place in range(x.shape[1]):
        values, which = np.unique(x[:, place], return_inverse=True)
        if len(values) < 2:
            continue
        counts = np.bincount(which * classes + y, minlength=len(values) * classes)
        left = np.cumsum(counts.reshape(len(values), classes), 0).astype(float)
        cost = impurity(left[:-1]) + impurity(left[-1] - left[:-1])
        at = int(np.argmin(cost))
        if cost[at] < best[0] - 1e-9:
            middle = (int(values[at]) + int(values[at + 1])) // 2
            best = (float(cost[at]), place, middle)
    return best


def grow(x: np.ndarray, y: np.ndarray, labels: list[str]) -> Tree:
    """Return the tree that separates the classes ``y`` (places of ``labels``) by entropy."""
    feature: list[int] = []
    threshold: list[int] = []
    right: list[int] = []

    cheap = np.array([label not in COSTLY for label in labels])

    def add(rows: np.ndarray, above: np.ndarray) -> None:
        node = len(feature)
        counts = np.bincount(y[rows], minlength=len(labels))
        sure = cheap[counts.argmax()] or len(rows) >= SURE
        told = counts if sure else np.where(cheap, counts + 1e-3 * above, 0)
        feature.append(-1)
        threshold.append(int(told.argmax()))
        right.append(0)
        if counts.max() == len(rows) or len(rows) < LEAST:
            return
        used = np.flatnonzero(counts)
        _, place, limit = best_split(x[rows], np.searchsorted(used, y[rows]), len(used))
        if place < 0:
            return
        feature[node], threshold[node] = place, limit
        goes_left = x[rows, place] <= limit
        add(rows[goes_left], counts)
        right[node] = len(feature)
        add(rows[~goes_left], counts)

    add(np.arange(len(y)), np.zeros(len(labels)))
    return feature, threshold, right, labels


def learn(sample: Sample, share: float = 1.0, seed: int = 0) -> Tree:
    """Return the tree grown on ``share`` of the fit half."""
    seen = Counter(sample.labels)
    rows = [
        i for i, half in enumerate(sample.halves) if half == "fit" and seen[sample.labels[i]] > RARE
    ]
    if share < 1.0:
        rows = list(np.random.default_rng(seed).choice(rows, int(share * len(rows)), replace=False))
    labels = sorted({sample.labels[i] for i in rows})
    x = np.array([sample.values[i] for i in rows])
    y = np.array([labels.index(sample.labels[i]) for i in rows])
    return grow(x, y, labels)


def tile(text: str) -> str:
    """Return a label without cluster and parts of K."""
    return " ".join(
        text.split()[: 3 if text.startswith(("slice", "pack", "padded", "each")) else 2]
    )


def report(name: str, sample: Sample, tree: Tree) -> str:
    """Return hit rates of kernel and tile on every part, as one line."""
    text = f"{name:15s} {len(tree[0]) // 2 + 1} leaves"
    for part in ("fit", "check", *ASIDE):
        rows = [i for i, half in enumerate(sample.halves) if half == part]
        told = [(walk(tree, sample.values[i]), sample.labels[i]) for i in rows]
        hits = sum(a == b for a, b in told) / max(len(rows), 1)
        tiles = sum(tile(a) == tile(b) for a, b in told) / max(len(rows), 1)
        text += f"; {part} n {len(rows)} kernel {100 * hits:.1f} % tile {100 * tiles:.1f} %"
    return text


def main() -> None:
    """Grow, report, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--curve", action="store_true")
    arguments = parser.parse_args()
    samples = collect()
    trees = {}
    for name, sample in samples.items():
        trees[name] = learn(sample)
        print(report(name, sample, trees[name]))
        for share in (1 / 16, 1 / 8, 1 / 4, 1 / 2) if arguments.curve else ():
            print(f"  1/{round(1 / share)} {report(name, sample, learn(sample, share))}")
    if arguments.write:
        write(trees)


def write(trees: dict[str, Tree]) -> None:
    """Rewrite the trees' file."""
    parts = []
    for name, (feature, threshold, right, labels) in trees.items():
        lists = {"feature": feature, "threshold": threshold, "right": right, "labels": labels}
        lines = [f'  "{key}": {json.dumps(v, separators=(",", ":"))}' for key, v in lists.items()]
        parts.append(f' "{name}": {{\n' + ",\n".join(lines) + "\n }")
    TARGET.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    print(f"{TARGET.name}: features {', '.join(FEATURES)}")


if __name__ == "__main__":
    main()
