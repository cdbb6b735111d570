"""Kill sweeps with SIGKILL and count what was lost: ``python benchmarks/kill9.py [--kills 100]``.

With ``--run FILE`` it is ``archsim run FILE`` that is killed, else a synthetic sweep of which
every committed point is acknowledged outside the store. Exits 1 where anything was lost,
evaluated twice or came out different.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "sweep"))

from kill_harness import kill_drivers, kill_workers, synthetic


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--only", help="campaigns whose name holds this text")
    parser.add_argument("--run", type=Path, help="a run file instead of the synthetic sweep")
    options = parser.parse_args()

    def archsim(folder, workers):
        words = ["-m", "archsim", "run", options.run, "--workers", workers, "--output", folder]
        return [sys.executable, *map(str, words)]

    command = archsim if options.run else synthetic
    campaigns = {
        "driver, 1 worker": lambda tmp: kill_drivers(tmp, options.kills, 1, options.seed, command),
        "driver and its 2 workers": lambda tmp: kill_drivers(
            tmp, options.kills, 2, options.seed + 1, command
        ),
        "one of 2 workers": lambda tmp: kill_workers(tmp, options.kills, options.seed + 2, command),
    }
    print("| killed | kills | sweeps | points | lost | evaluated twice | files that differ |")
    print("|---|---|---|---|---|---|---|")
    clean = True
    for name, campaign in campaigns.items():
        if options.only and options.only not in name:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            t = campaign(Path(tmp))
        points = t.acknowledged or "not counted"
        repeated = t.repeated if t.acknowledged else "not counted"
        lost = t.lost if t.acknowledged else "not counted"
        print(
            f"| {name} | {t.kills} | {t.sweeps} | {points} | {lost} | {repeated} | {t.different} |",
            flush=True,
        )
        clean = clean and t.clean
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
