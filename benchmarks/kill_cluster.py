"""Kill Dask workers and schedulers at random: ``python benchmarks/kill_cluster.py [--kills 100]``.

A sweep of 90 points runs on a scheduler and two workers, processes of their own. Workers are killed
and replaced while it runs; a scheduler is killed and started anew, and the same sweep run again
until it ends. Every result file must have the bytes of a local run, and every point that a driver
had stored must be reused. Exits 1 where that is not so.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parents[1] / "tests" / "sweep"
sys.path.insert(0, str(HERE))
paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # workers find the synthetic points

from dask_processes import Cluster  # noqa: E402
from distributed import Client  # noqa: E402

from archsim.errors import ConfigError  # noqa: E402
from archsim.sweep import Space, run_sweep  # noqa: E402
from archsim.sweep.cluster import cluster  # noqa: E402
from archsim.sweep.executor import local_executor  # noqa: E402

SPACE = Space("grid", {"x": list(range(30)), "y": [1, 2, 4]})
FILES = ("results.csv", "results.json", "results.parquet", "pareto.csv")


def sweep(folder, context, executor=local_executor, workers=1):
    folder.mkdir(exist_ok=True)
    return run_sweep(
        SPACE, context, evaluate="sweep_points:evaluate", identify="sweep_points:identify",
        store_path=folder / "store.sqlite", workers=workers, executor=executor,
        minimize=("latency_us", "energy_j"), output=folder,
    )  # fmt: skip


def kill_workers(tmp, kills, chance):
    """Return how many workers were killed, in how many sweeps, and how many files differ."""
    context = {"seconds": 0.02, "bad": [3]}
    sweep(tmp / "local", context)
    dask = Cluster(tmp)
    address = dask.start()
    factory, workers = cluster(address)
    seen = Client(address)
    killed = sweeps = different = 0
    try:
        while killed < kills:
            done = threading.Event()
            gone = []

            def killer(done=done, gone=gone):
                while not done.wait(chance.uniform(0.1, 1.0)):
                    seen.wait_for_workers(2)  # else none would live on a busy machine
                    dask.workers.append(dask.worker(address))
                    victim = dask.workers.pop(chance.randrange(2))
                    victim.kill()
                    victim.wait()
                    gone.append(victim.pid)

            thread = threading.Thread(target=killer)
            thread.start()
            sweep(tmp / f"w{sweeps}", context, factory, workers)
            done.set()
            thread.join()
            killed += len(gone)
            different += differs(tmp / f"w{sweeps}", tmp / "local")
            sweeps += 1
    finally:
        seen.close()
        dask.stop()
    return killed, sweeps, different


def kill_schedulers(tmp, kills, chance):
    """The same for schedulers; each kill ends the driver with one sentence, which runs again."""
    log = tmp / "log"
    context = {"seconds": 0.02, "log": str(log)}
    sweep(tmp / "local", context)
    killed = sweeps = different = 0
    while killed < kills:
        folder, stored = tmp / f"s{sweeps}", 0
        ended = False
        while not ended:
            log.unlink(missing_ok=True)
            dask = Cluster(tmp)
            factory, workers = cluster(dask.start())
            after = chance.randrange(1, 60)

            def killer(dask=dask, after=after):
                until = time.monotonic() + 60
                while time.monotonic() < until and dask.scheduler.poll() is None:
                    if log.exists() and len(log.read_text().splitlines()) >= after:
                        dask.scheduler.kill()
                    time.sleep(0.01)

            threading.Thread(target=killer, daemon=True).start()
            try:
                summary = sweep(folder, context, factory, workers)
                ended = True
                different += summary.reused < stored
            except ConfigError as error:
                assert "a scheduler must answer" in str(error), error
                killed += 1
            finally:
                dask.stop()
            stored = rows(folder)
        different += differs(folder, tmp / "local")
        sweeps += 1
    return killed, sweeps, different


def rows(folder):
    import sqlite3

    db = sqlite3.connect(folder / "store.sqlite")
    (count,) = db.execute("SELECT count(*) FROM points WHERE status <> 'lost'").fetchone()
    db.close()
    return count


def differs(folder, expected):
    return sum((folder / n).read_bytes() != (expected / n).read_bytes() for n in FILES)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=9)
    options = parser.parse_args()
    print("| killed | kills | sweeps | files that differ, sweeps that lost points |")
    print("|---|---|---|---|")
    clean = True
    for name, campaign in (("Dask worker", kill_workers), ("scheduler", kill_schedulers)):
        with tempfile.TemporaryDirectory() as tmp:
            killed, sweeps, bad = campaign(Path(tmp), options.kills, random.Random(options.seed))
        print(f"| {name} | {killed} | {sweeps} | {bad} |", flush=True)
        clean = clean and not bad
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
