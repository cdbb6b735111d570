"""The driver's cost per point, as whole processes: ``python benchmarks/bench_sweep.py [--write]``.

A synthetic point of a few microseconds, 10^2 to 10^5 points (``--most`` sets the exponent), with
one and two workers. CPU microseconds per point are those of all processes together, with the
start (measured with one point) subtracted: keys, transport, JSON, compression and store in the
sweep; CSV, JSON, Parquet and Pareto front in the export. ``--write`` puts the table into
``docs/benchmarks/sweep.md``.
"""

import argparse
import datetime
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHILD = """
import json, resource, sys, time
from pathlib import Path
from archsim.sweep import Space, run_sweep
points, workers, folder, export = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
width = min(points, 100)
space = Space("grid", {"x": list(range(width)), "y": list(range(points // width))})
context = {"version": 1, "operators": 3}
began = time.perf_counter()
summary = run_sweep(space, context, evaluate="bench_sweep_points:evaluate",
    identify="bench_sweep_points:identify", store_path=folder / "store.sqlite",
    workers=workers, minimize=("latency_us", "energy_j"),
    output=folder if export == "export" else None)
wall = time.perf_counter() - began
own = resource.getrusage(resource.RUSAGE_SELF)
children = resource.getrusage(resource.RUSAGE_CHILDREN)
assert summary.points == points
print(json.dumps({"wall": wall, "driver": own.ru_utime + own.ru_stime,
    "cpu": own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime,
    "rss": own.ru_maxrss / 1024, "worker_rss": children.ru_maxrss / 1024}))
"""


def measure(points, workers, folder, export):
    """Run one sweep as a process; return its wall and CPU seconds and peak MiB."""
    words = [sys.executable, "-c", CHILD, points, workers, folder, "export" if export else "no"]
    environment = {"PYTHONPATH": str(ROOT / "benchmarks"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        list(map(str, words)), env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def row(points, workers, base):
    """Return the table's cells for one size: sweep, resumed sweep, export."""
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        swept = measure(points, workers, folder, export=False)
        resumed = measure(points, workers, folder, export=False)
        shown = measure(points, workers, folder, export=True)

    def each(a, b, quantity="cpu"):
        return 1e6 * (a[quantity] - b[quantity]) / points

    return (
        points,
        workers,
        each(swept, base),
        each(swept, base, "driver"),
        each(resumed, base),
        each(shown, resumed),
        swept["rss"],
        shown["rss"],
    )


HEAD = (
    "| points | workers | sweep, µs | of it driver, µs | resume, µs | export, µs "
    "| sweep, MiB | with export, MiB |\n|---|---|---|---|---|---|---|---|"
)


def table(most):
    """Measure all sizes and return the lines of the table, printing each."""
    lines = [HEAD]
    print(HEAD)
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as tmp:
            base = measure(1, workers, Path(tmp), export=False)
        for exponent in range(2, most + 1):
            cells = row(10**exponent, workers, base)
            numbers = " | ".join(f"{cell:.0f}" for cell in cells[2:])
            lines.append(f"| 10^{exponent} | {workers} | {numbers} |")
            print(lines[-1], flush=True)
    return lines


def machine():
    """Return date, processor and versions, without names of hosts."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{today}, {len(models)} cores {models[0]}, Python {platform.python_version()}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=5, help="exponent of the largest sweep")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks/sweep.md")
    options = parser.parse_args()
    print(machine())
    lines = table(options.most)
    if options.write:
        target = ROOT / "docs" / "benchmarks" / "sweep.md"
        target.parent.mkdir(parents=True, exist_ok=True)
        text = target.read_text() if target.exists() else "<!-- table -->\n<!-- end -->\n"
        before, _, rest = text.partition("<!-- table -->")
        _, _, after = rest.partition("<!-- end -->")
        body = "\n".join(["<!-- table -->", machine(), "", *lines, "<!-- end -->"])
        target.write_text(before + body + after)


if __name__ == "__main__":
    main()
