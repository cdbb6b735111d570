"""How tensor kernels' errors depend on which shapes the constants were fitted to.

    python scripts/fold_tensor.py [nvjet mma attention ...]

Every group's constants are fitted anew, recorded kernels given, (a) with every fifth of the shapes
left out in turn and judged on it, (b) without the smallest and the largest tenth of each class, by
operations and bytes, and judged on those. Prints a Markdown table; the device file stays as it is.
"""

from __future__ import annotations

import sys

import numpy as np
from calibrate_tensor import BOUNDS, DEVICE, GROUPS
from tensor_fit import FOLDS, Fit, collect


def cold(fit: Fit) -> np.ndarray:
    """Return which samples are cold runs."""
    return np.array([s.resident == 0.0 for s in fit.samples])


def errors(fit: Fit) -> np.ndarray:
    """Return the absolute errors of all samples in per cent."""
    return np.asarray(np.abs(fit.predict() / fit.us - 1) * 100)


def refit(name: str, held_out: np.ndarray, everything: Fit) -> np.ndarray:
    """Return the errors after a fit that did not see ``held_out``."""
    group, _, _, fields = GROUPS[name]
    fit = Fit(DEVICE, everything.samples)
    fit.check = held_out
    fit.run([f"{group}_{field}" for field in fields], BOUNDS)
    return errors(fit)


def extremes(fit: Fit) -> np.ndarray:
    """Return which samples are in the smallest or the largest tenth of their class."""
    labels = np.array([s.label for s in fit.samples])
    work = np.array([s.work for s in fit.samples])
    out = np.zeros(len(work), dtype=np.bool_)
    for label in set(labels):
        low, high = np.quantile(work[labels == label], [0.1, 0.9])
        out |= (labels == label) & ((work < low) | (work > high))
    return out


def main() -> None:
    """Fit and print."""
    head = ("class", "n", "shipped", f"{FOLDS}-fold", "ends n", "shipped", "ends left out")
    print("| " + " | ".join(head) + " |\n|---" + "|---:" * (len(head) - 1) + "|")
    for name in sys.argv[1:] or ("nvjet", "mma", "attention"):
        _, ops, lowering, _ = GROUPS[name]
        fit = Fit(DEVICE, collect(ops, lowering, DEVICE))
        shipped, folded = errors(fit), np.zeros(len(fit.us))
        parts = np.array([s.fold for s in fit.samples])
        for part in range(FOLDS):
            folded[parts == part] = refit(name, parts == part, fit)[parts == part]
        ends = extremes(fit)
        without = refit(name, ends, fit)
        labels = np.array([s.label for s in fit.samples])
        for label in sorted(set(labels[cold(fit)])):
            mine = labels == label
            row = (shipped[mine], folded[mine], shipped[mine & ends], without[mine & ends])
            mean = [f"{r.mean():.1f}" for r in row]
            print(f"| {label} | {mine.sum()} | {mean[0]} | {mean[1]} | {(mine & ends).sum()} | "
                  f"{mean[2]} | {mean[3]} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
