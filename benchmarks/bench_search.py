"""Search against random search and the whole grid: ``python benchmarks/bench_search.py``.

Each space of ``benchmarks/spaces`` (over 20,000 designs, three objectives, constraints) is
evaluated whole; then NSGA-II, TPE and random search answer from that table with a tenth of the
evaluations, for ten seeds. A hypervolume counts designs that keep the constraints, over the whole
grid's. Objectives are logarithms, scaled from the best to the worst value on the grid's own front;
the reference lies a tenth beyond its worst, so that designs far from the front add nothing.
``--write`` puts the table into ``docs/benchmarks/search.md``; ``--keep FOLDER`` keeps the evaluated
grids for another run.
"""

import argparse
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import moocore
import numpy as np

from archsim.app.running import Request, load, run, space_of
from archsim.sweep.proposer import Answer, Proposer
from archsim.sweep.space import canonical

ROOT = Path(__file__).parents[1]
SHARE = 0.1
CHECKPOINTS = (0.01, 0.02, 0.05, 0.1)
BEYOND = 1.1


@dataclass
class Grid:
    """A whole space: scaled objectives by index (NaN: failed), and how each breaks the limits."""

    space: object
    values: np.ndarray
    excess: np.ndarray
    front: int

    @property
    def kept(self):
        return ~np.isnan(self.values).any(axis=1) & (self.excess == 0).all(axis=1)

    def volume(self, indices):
        chosen = self.values[indices][self.kept[indices]]
        reference = np.full(self.values.shape[1], BEYOND)
        return moocore.hypervolume(chosen, ref=reference) if len(chosen) else 0.0


def grid(file, folder, workers):
    """Evaluate the whole space."""
    run(Request(file=file, output=folder, yes=True, workers=workers))
    loaded = load(Request(file=file))
    space = space_of(loaded)
    found = json.loads((folder / "results.json").read_text())["points"]
    answers = {canonical(p["overrides"]): p["metrics"] for p in found if p["status"] == "ok"}
    values = np.full((space.size, len(loaded.minimize)), np.nan)
    excess = np.zeros((space.size, len(loaded.constraints)))
    for index in range(space.size):
        if metrics := answers.get(canonical(space[index])):
            values[index] = [metrics[name] for name in loaded.minimize]
            excess[index] = [
                0 if c.kept(metrics) else c.excess(metrics) for c in loaded.constraints
            ]
    values = np.log(values)
    kept = values[~np.isnan(values).any(axis=1) & (excess == 0).all(axis=1)]
    front = moocore.filter_dominated(kept)
    low, high = front.min(axis=0), front.max(axis=0)
    return Grid(space, (values - low) / (high - low), excess, len(front))


def search(table, method, seed):
    """Return the order in which the points were seen, and the sampler's CPU seconds."""
    budget = int(SHARE * table.space.size)
    began = time.process_time()
    proposer = Proposer(table.space, method, seed, table.values.shape[1])
    seen = []
    while len(seen) < budget:
        indices = proposer.ask(min(proposer.generation, budget - len(seen)))
        proposer.tell({i: answer(table, i) for i in indices})
        seen += indices
    return np.array(seen), time.process_time() - began


def answer(table, index):
    if np.isnan(table.values[index]).any():
        return Answer(None)
    return Answer(tuple(table.values[index]), tuple(table.excess[index]))


HEAD = [
    "| space | designs | keep the limits | on the front | method | "
    + " | ".join(f"{100 * c:g} % seen" for c in CHECKPOINTS)
    + " | worst seed at 10 % | sampler, CPU ms a point |",
    "|---|---:|---:|---:|---|" + "---:|" * (len(CHECKPOINTS) + 2),
]


def rows(name, table, methods, seeds):
    """Yield a line of the table for each method."""
    whole = table.volume(np.arange(table.space.size))
    marks = [int(c * table.space.size) for c in CHECKPOINTS]
    for method in methods:
        shares, seconds = [], 0.0
        for seed in range(seeds):
            seen, spent = search(table, method, seed)
            seconds += spent
            shares.append([table.volume(seen[:n]) / whole for n in marks])
        middle = [100 * statistics.median(column) for column in zip(*shares, strict=True)]
        worst = 100 * min(share[-1] for share in shares)
        cost = 1e3 * seconds / (seeds * int(SHARE * table.space.size))
        cells = " | ".join(f"{value:.2f} %" for value in (*middle, worst))
        what = f"{name} | {table.space.size:,} | {table.kept.sum():,} | {table.front} | {method}"
        yield f"| {what} | {cells} | {cost:.1f} |"


def text(lines, seeds):
    date = datetime.date.today().isoformat()
    load = os.getloadavg()[1]
    return (
        "# Search: NSGA-II and TPE against random search and the whole grid\n\n"
        f"`python benchmarks/bench_search.py --write`, {date}, {platform.machine()}, "
        f"load {load:.0f}, Python {platform.python_version()}.\n\n"
        "Share of the whole grid's hypervolume that the designs seen so far hold, median of "
        f"{seeds} seeds. Only designs that keep the constraints count. Objectives are logarithms, "
        "scaled from the best to the worst value on the grid's own front; the reference lies a "
        "tenth beyond its worst. The spaces lie in `benchmarks/spaces`.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--spaces", nargs="*", default=["gpu", "array", "ngpc"])
    parser.add_argument("--methods", nargs="*", default=["nsga2", "tpe", "random"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    lines = list(HEAD)
    print("\n".join(HEAD))
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen.spaces:
            folder = (chosen.keep or Path(scratch)) / name
            table = grid(ROOT / "benchmarks" / "spaces" / f"{name}.yaml", folder, chosen.workers)
            for line in rows(name, table, chosen.methods, chosen.seeds):
                lines.append(line)
                print(line, flush=True)
    if chosen.write:
        target = ROOT / "docs" / "benchmarks" / "search.md"
        target.write_text(text(lines, chosen.seeds))


if __name__ == "__main__":
    main()
