"""Latency of distributed shared memory by pair of SMs: what a card's floorplan predicts.

python benchmarks/bench_sm_dsmem.py

The pairs come from ``h200_sm_micro_laws.json`` (clusters of 2 to 16). A pair is the sum of a base,
what the reading SM adds and what the other one adds; both are fitted to half of the pairs (by hash)
and judged on the other half, per cluster size, where both SMs have other pairs. The last column
takes the committed floorplan, which is of another H200.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from importlib import resources
from typing import Any

import numpy as np

Pairs = dict[tuple[int, int], float]


def main() -> None:
    """Print mean, minimum and maximum of every cluster size, measured and predicted."""
    data = resources.files("workloads.measured")
    sizes: dict[int, Pairs] = defaultdict(dict)
    for case in json.loads((data / "h200_sm_micro_laws.json").read_text())["cases"]:
        for a, b, clocks in case.get("pairs", ()):
            sizes[case["cluster"]][a, b] = clocks
    every = {pair: clocks for pairs in sizes.values() for pair, clocks in pairs.items()}
    kept = {pair: clocks for pair, clocks in every.items() if not _check(pair)}
    own, readers, targets = fit(kept), {a for a, _ in kept}, {b for _, b in kept}
    plan = json.loads((data / "h200_floorplan.json").read_text())
    other = {row[0]: (row[3], row[4]) for row in plan["sms"]}
    base = float(plan["meta"]["base_cycles"])
    print("| cluster | pairs | measured mean (min to max) | predicted | worst pair | other card |")
    print("|---|---|---|---|---|---|")
    for size, pairs in sorted(sizes.items()):
        check = {(a, b): clocks for (a, b), clocks in pairs.items()
                 if _check((a, b)) and a in readers and b in targets}  # fmt: skip
        found = np.array([own[0] + own[1][a] + own[2][b] for a, b in check])
        measured = np.array(list(check.values()))
        far = np.array([base + other[a][0] + other[b][1] for a, b in pairs])
        print(f"| {size} | {len(check)} | {_range(measured)} | {_range(found)} "
              f"| {np.abs(found / measured - 1).max():.1%} | {_range(far)} |")  # fmt: skip


def _check(pair: tuple[int, int]) -> bool:
    return int(hashlib.sha256(repr(pair).encode()).hexdigest(), 16) % 2 == 1


def _range(values: Any) -> str:
    return f"{values.mean():.1f} ({values.min():.1f} to {values.max():.1f})"


def fit(pairs: Pairs) -> tuple[float, dict[int, float], dict[int, float]]:
    """(base, what each SM adds as reader, as target), least squares of smallest norm."""
    sms = sorted({sm for pair in pairs for sm in pair})
    index = {sm: i for i, sm in enumerate(sms)}
    rows = np.zeros((len(pairs), 1 + 2 * len(sms)))
    rows[:, 0] = 1.0
    for row, (a, b) in zip(rows, pairs, strict=True):
        row[1 + index[a]], row[1 + len(sms) + index[b]] = 1.0, 1.0
    values, *_ = np.linalg.lstsq(rows, np.array(list(pairs.values())), rcond=None)
    reads, gives = values[1 : 1 + len(sms)], values[1 + len(sms) :]
    return float(values[0]), dict(zip(sms, reads, strict=True)), dict(zip(sms, gives, strict=True))


if __name__ == "__main__":
    main()
