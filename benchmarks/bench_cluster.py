"""What a task costs on Dask, and a paper model of many workers from it.

Run ``python benchmarks/bench_cluster.py [--workers 1 2 4 8 12] [--write]``. A scheduler and one
worker as processes of their own answer tasks of 1 to 256 synthetic points; the CPU time of driver,
scheduler and worker is read from the system and a cost per task and per point is fitted to it. The
driver's part holds the commit into the store. The model then asks which of workers, driver and
scheduler limits a sweep of points of a given length. Then whole sweeps of points that wait a
millisecond, on several local workers (``--workers``): the share of the workers' time in which no
point runs. ``--write`` puts the tables into ``docs/cluster.md``.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil

HERE = Path(__file__).parents[1]
sys.path[:0] = [str(HERE / "tests" / "sweep"), str(HERE / "benchmarks")]
os.environ["PYTHONPATH"] = str(HERE / "tests" / "sweep")

import numpy as np  # noqa: E402
from bench_sweep import machine  # noqa: E402
from dask_processes import Cluster  # noqa: E402

from archsim.sweep import Space, Store, run_sweep, worker  # noqa: E402
from archsim.sweep.cluster import cluster  # noqa: E402
from archsim.sweep.dispatch import MAX_BATCH, cluster_seconds  # noqa: E402

BATCHES = (1, 8, 64, 256)
WORKERS = (1, 10, 100, 1000)
POINTS_S = (1e-3, 3e-3, 1e-2, 0.1, 1.0, 10.0)
SEVERAL = (1, 2, 4)
SWEEPS = (8_000, 24_000)
"""Points for each worker: the difference of two sweeps has no start in it."""
PARTS = ("driver", "scheduler", "worker")
TARGET = HERE / "docs" / "cluster.md"


def cpu_s(process):
    times = process.cpu_times()
    return times.user + times.system


def measure(tasks, folder):
    """Return rows, one a batch size: tasks, points, CPU seconds of driver, scheduler, worker."""
    dask = Cluster(folder)
    try:
        factory, _ = cluster(dask.start(workers=1))
        space = Space("grid", {"x": list(range(sum(tasks * b for b in BATCHES) + tasks)), "y": [1]})
        names = ("sweep_points:evaluate", "sweep_points:identify")
        setup = worker.WorkerSetup(uuid.uuid4().hex, {}, space, *names, True)
        executor = factory(setup, 1)
        watched = (None, dask.scheduler.pid, dask.workers[0].pid)
        seen = [psutil.Process(pid) for pid in watched]
        rows, first = [], 0
        with Store(folder / "store.sqlite") as store:
            for batch in (1, *BATCHES):  # the first one warms up
                before = [cpu_s(process) for process in seen]
                first = _run(executor, store, setup.token, first, tasks, batch)
                time.sleep(0.5)  # the scheduler still forgets tasks
                spent = [cpu_s(process) - b for process, b in zip(seen, before, strict=True)]
                rows.append((tasks, tasks * batch, *spent))
        executor.kill()
    finally:
        dask.stop()
    return rows[1:]


def _run(executor, store, token, first, tasks, batch):
    flying = []
    for number in range(tasks):
        start = first + number * batch
        items = [(i, None) for i in range(start, start + batch)]
        flying.append(executor.submit(worker.evaluate_batch, token, items))
        if len(flying) == 3:
            store.commit(flying.pop(0).result().results)
    for future in flying:
        store.commit(future.result().results)
    return first + tasks * batch


def idle(workers, folder, waiting_s=1e-3):
    """Return a point's seconds in a worker, and the share of the workers' time between points."""
    names = ("sweep_points:evaluate", "sweep_points:identify")
    context = {"seconds": waiting_s}
    alone = worker.WorkerSetup(
        uuid.uuid4().hex, context, Space("grid", {"x": list(range(2000)), "y": [1]}), *names, True
    )
    worker.start(alone)
    point_s = worker.evaluate_batch(alone.token, [(i, None) for i in range(2000)]).seconds / 2000
    worker.stop(alone.token)
    dask = Cluster(folder)
    took = []
    try:
        address = dask.start(workers=workers)
        for each in SWEEPS:
            space = Space("grid", {"x": list(range(each * workers)), "y": [1]})
            factory, _ = cluster(address)
            began = time.perf_counter()
            run_sweep(
                space, context, evaluate=names[0], identify=names[1],
                store_path=folder / f"{each}.sqlite", workers=workers, executor=factory,
            )  # fmt: skip
            took.append(time.perf_counter() - began)
    finally:
        dask.stop()
    return point_s, 1 - (SWEEPS[1] - SWEEPS[0]) * point_s / (took[1] - took[0])


def measured(several):
    """Return the table of ``idle`` for several numbers of workers."""
    lines = ["", "| local workers | a point in a worker, ms | between points |", "|---:|---:|---:|"]
    for workers in several:
        with tempfile.TemporaryDirectory() as tmp:
            point_s, share = idle(workers, Path(tmp))
        lines.append(f"| {workers} | {1e3 * point_s:.2f} | {100 * share:.1f} % |")
    return lines


def fitted(rows):
    """Return {part: (us a task, us a point)}, by least squares of the shares."""
    table = np.array(rows)
    found = {}
    for at, part in enumerate(PARTS):
        spent = table[:, 2 + at]
        scaled = table[:, :2] / spent[:, None]
        costs, *_ = np.linalg.lstsq(scaled, np.ones(len(rows)), rcond=None)
        found[part] = tuple(1e6 * max(float(cost), 0.0) for cost in costs)
    return found


def model(costs, workers, point_s):
    """Return points a second that workers, driver and scheduler allow, each by itself."""
    batch = max(1, min(MAX_BATCH, int(cluster_seconds(workers) / point_s)))
    each = {part: 1e-6 * (task / batch + point) for part, (task, point) in costs.items()}
    return {
        "workers": workers / (point_s + each["worker"]),
        "driver": 1 / each["driver"],
        "scheduler": 1 / each["scheduler"] if each["scheduler"] else float("inf"),
    }


def tables(costs):
    lines = ["| | a task, CPU µs | a point, CPU µs |", "|---|---:|---:|"]
    lines += [f"| {part} | {task:.0f} | {point:.0f} |" for part, (task, point) in costs.items()]
    heads = " | ".join(f"{w:,} worker{'s' if w > 1 else ''}" for w in WORKERS)
    lines += ["", f"| a point takes | {heads} |", "|---" * (len(WORKERS) + 1) + "|"]
    for point_s in POINTS_S:
        cells = []
        for workers in WORKERS:
            rates = model(costs, workers, point_s)
            rate, limit = min((rate, part) for part, rate in rates.items())
            share = 100 * rate * point_s / workers
            cells.append(f"{rate:,.4g} /s, {share:.1f} % ({limit})")
        lines.append(f"| {point_s * 1e3:g} ms | {' | '.join(cells)} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200, help="tasks of each size")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=SEVERAL, metavar="N", help="local workers"
    )
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--json", type=Path, help="write the measured rows")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        rows = measure(options.tasks, Path(tmp))
    if options.json:
        options.json.write_text(json.dumps(rows))
    for row in rows:
        print(*(f"{cell:.4g}" for cell in row))
    lines = [machine(), "", *tables(fitted(rows)), *measured(options.workers)]
    print("\n".join(lines))
    if options.write:
        before, _, rest = TARGET.read_text().partition("<!-- model -->")
        _, _, after = rest.partition("<!-- end -->")
        TARGET.write_text("\n".join([f"{before}<!-- model -->", *lines, f"<!-- end -->{after}"]))


if __name__ == "__main__":
    main()
