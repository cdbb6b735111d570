"""Search against random search and the whole grid: ``python benchmarks/bench_search.py``.

Each space of ``benchmarks/spaces`` (over 20,000 designs) is evaluated whole; then NSGA-II and
random search answer from that table with a tenth of the evaluations, for ten seeds. Hypervolumes
are those of the designs seen, over the whole grid's; objectives are scaled from the best to the
worst value of the grid, by logarithms, with the worst as reference. ``--write`` puts the table into
``docs/benchmarks/search.md``; ``--keep FOLDER`` keeps the evaluated grids for another run.
"""

import argparse
import datetime
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import moocore
import numpy as np

from archsim.app.running import Request, load, run, space_of
from archsim.sweep.proposer import Answer, Proposer
from archsim.sweep.space import canonical

ROOT = Path(__file__).parents[1]
SEEDS = 10
SHARE = 0.1
CHECKPOINTS = (0.01, 0.02, 0.05, 0.1)


def grid(file, folder):
    """Evaluate the whole space; return it and the scaled objectives by index (NaN if failed)."""
    run(Request(file=file, output=folder, yes=True, workers=2))
    loaded = load(Request(file=file))
    space = space_of(loaded)
    found = json.loads((folder / "results.json").read_text())["points"]
    answers = {canonical(p["overrides"]): p["metrics"] for p in found if p["status"] == "ok"}
    values = np.full((space.size, len(loaded.minimize)), np.nan)
    for index in range(space.size):
        metrics = answers.get(canonical(space[index]))
        if metrics:
            values[index] = [metrics[name] for name in loaded.minimize]
    values = np.log(values)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    return space, (values - low) / (high - low)


def volume(values):
    values = values[~np.isnan(values).any(axis=1)]
    return moocore.hypervolume(values, ref=np.ones(values.shape[1])) if len(values) else 0.0


def search(space, values, method, seed):
    """Return the order in which the points were seen, and the sampler's CPU seconds."""
    budget = int(SHARE * space.size)
    began = time.process_time()
    proposer = Proposer(space, method, seed, values.shape[1])
    seen = []
    while len(seen) < budget:
        indices = proposer.ask(min(proposer.generation, budget - len(seen)))
        failed = {i: bool(np.isnan(values[i]).any()) for i in indices}
        proposer.tell({i: Answer(None if failed[i] else tuple(values[i])) for i in indices})
        seen += indices
    return seen, time.process_time() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--spaces", nargs="*", default=["gpu", "array", "edgemoe"])
    chosen = parser.parse_args()
    lines = [
        "| space | designs | on the front | method | "
        + " | ".join(f"{100 * c:g} % seen" for c in CHECKPOINTS)
        + " | worst seed at 10 % | sampler, CPU ms a point |",
        "|---|---:|---:|---|" + "---:|" * (len(CHECKPOINTS) + 2),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen.spaces:
            folder = (chosen.keep or Path(scratch)) / name
            space, values = grid(ROOT / "benchmarks" / "spaces" / f"{name}.yaml", folder)
            whole = volume(values)
            finite = values[~np.isnan(values).any(axis=1)]
            front = len(moocore.filter_dominated(finite))
            for method in ("nsga2", "random"):
                shares, seconds = [], 0.0
                for seed in range(SEEDS):
                    seen, spent = search(space, values, method, seed)
                    seconds += spent
                    marks = [int(c * space.size) for c in CHECKPOINTS]
                    shares.append([volume(values[seen[:n]]) / whole for n in marks])
                middle = [100 * statistics.median(column) for column in zip(*shares, strict=True)]
                worst = 100 * min(share[-1] for share in shares)
                cost = 1e3 * seconds / (SEEDS * int(SHARE * space.size))
                cells = [f"{value:.2f} %" for value in (*middle, worst)]
                what = f"{name} | {space.size:,} | {front} | {method}"
                lines.append(f"| {what} | {' | '.join(cells)} | {cost:.1f} |")
                print(lines[-1], flush=True)
    if chosen.write:
        date = datetime.date.today().isoformat()
        text = (
            "# Search: NSGA-II against random search and the whole grid\n\n"
            f"`python benchmarks/bench_search.py --write`, {date}, {platform.machine()}, "
            f"Python {platform.python_version()}.\n\nShare of the whole grid's hypervolume that "
            f"the designs seen so far hold, median of {SEEDS} seeds. Objectives are scaled from "
            "the best to the worst value of the grid, by logarithms; the reference is the worst."
            "\n\n"
        )
        (ROOT / "docs" / "benchmarks" / "search.md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
