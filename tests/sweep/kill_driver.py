"""A sweep as a process of its own, to be killed: ``kill_driver.py FOLDER WORKERS [SECONDS]``.

Each committed point's key is appended to ``FOLDER/acknowledged`` after its commit.
"""

import os
import signal
import sys
from pathlib import Path

from archsim.sweep import Space, Store, SweepInterrupted, run_sweep


class WithoutPandas:
    """Hides pandas, which pyarrow would import where it is installed: a third of a run's time."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, WithoutPandas)

SPACE = Space("grid", {"x": list(range(20)), "y": list(range(1, 16))})
SECONDS = 0.0015
"""What a point takes, unless the command says otherwise."""


def main(folder, workers, seconds=SECONDS):
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    commit = Store.commit

    def acknowledged(store, records):
        new = commit(store, records)
        os.write(log, "".join(f"{r.key} {r.status}\n" for r in records).encode())
        return new

    Store.commit = acknowledged
    run_sweep(
        SPACE,
        {"bad": [3], "seconds": seconds},
        evaluate="sweep_points:evaluate",
        identify="sweep_points:identify",
        store_path=folder / "store.sqlite",
        workers=workers,
        minimize=("latency_us", "energy_j"),
        output=folder,
    )


if __name__ == "__main__":
    # a process started in the background ignores SIGINT unless it says otherwise
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]), *map(float, sys.argv[3:]))
    except SweepInterrupted:
        sys.exit(130)
