"""Speed of the GPU model, each figure from a whole process.

Run ``python benchmarks/bench_gpu_model.py``.
Prints a Markdown table: start-up, the first answer after an install, one new GEMM, points of a
large sweep in a worker, design points per second of whole runs, and the cost per point as sweeps
grow. A naive roofline of the same GEMMs, timed in the
same process, is the peer (published analytical tools take about 0.1 ms per operator).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUN = """workload: {{model: vit_base_patch16_224, batch: 8}}
device: h200
sweep:
  device.sm_count: {{start: 20, stop: 215, num: 40}}
  device.memory.bandwidth_bytes_per_s: {{start: 1.0e12, stop: 8.0e12, num: {count}}}
"""
GEMMS = """
import json, random, time
from archsim.config import load_device
from archsim.graph.ops import Gemm
from archsim.models.gpu import GpuModel
model = GpuModel(load_device("h200"))
rng = random.Random(7)
shapes = [Gemm(m=rng.randint(1, 8192), n=8 * rng.randint(1, 1024), k=8 * rng.randint(1, 1024))
          for _ in range(2001)]
model.price(shapes[0])
began = time.process_time()
for shape in shapes[1:]:
    model.price(shape)
ours = (time.process_time() - began) / 2000
began = time.process_time()
for s in shapes[1:]:
    max(s.flops / 989e12, s.bytes / 4.8e12)
roof = (time.process_time() - began) / 2000
print(json.dumps({"gemm_ms": ours * 1e3, "roofline_ms": roof * 1e3}))
"""

WORKER = """
import json, sys, time
from pathlib import Path
from archsim.app.running import Request, load, space_of
from archsim.sweep import worker
loaded = load(Request(Path(sys.argv[1])))
names = ("archsim.app.points:metrics", "archsim.app.points:identify")
worker.start(worker.WorkerSetup("bench", dict(loaded.context()), space_of(loaded), *names, True))
worker.evaluate_batch("bench", [(index, None) for index in range(20)])
rates = []
for first in range(1000, 5000, 100):  # keys, metrics and their text; 16 numbers of SMs
    began = time.process_time()
    records = worker.evaluate_batch("bench", [(i, None) for i in range(first, first + 100)]).results
    rates.append(100 / (time.process_time() - began))
    assert all(record.status == "ok" for record in records)
print(json.dumps(sorted(rates)))
"""


def process(*arguments: object, **environment: str) -> tuple[float, float, float, str]:
    """Return wall seconds, CPU seconds, peak MB and the output of one process."""
    command = [sys.executable, *map(str, arguments)]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        if status:
            sys.exit(f"failed: {' '.join(command)}")
        output.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return wall, cpu, usage.ru_maxrss / 1024, output.read()


def sweep(folder: Path, count: int) -> tuple[float, float]:
    """Return CPU seconds and peak MB of a fresh sweep of ``40 * count`` points."""
    file = folder / f"sweep{count}.yaml"
    file.write_text(RUN.format(count=count))
    _, cpu, peak, _ = process(
        "-m", "archsim", "run", file, "--yes", "--output", folder / f"out{count}"
    )
    return cpu, peak


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's modules are compiled once
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=250, help="40 times this many points")
    largest = parser.parse_args().largest
    rows: list[tuple[str, str, str]] = []
    process("-m", "archsim", "list", "devices")
    wall, *_ = process("-m", "archsim", "--help")
    rows.append(("`archsim --help`", f"{wall:.2f} s", "≤ 0.3 s"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        single = folder / "one.yaml"
        single.write_text("workload: {model: vit_base_patch16_224, batch: 8}\ndevice: h200\n")
        arguments = ("-m", "archsim", "run", single, "--output", folder / "one")
        wall, *_ = process(*arguments, NUMBA_CACHE_DIR=str(folder / "jit"))
        rows.append(("first answer, empty JIT cache", f"{wall:.1f} s", "≤ 30 s"))
        process("-m", "archsim", "run", single, "--output", folder / "two")
        wall, *_ = process("-m", "archsim", "run", single, "--output", folder / "three")
        rows.append(("one design point, whole process", f"{wall:.2f} s", "–"))
        timed = json.loads(process("-c", GEMMS)[3])
        rows.append(("one new GEMM (CPU)", f"{timed['gemm_ms']:.3f} ms", "≤ 0.3 ms"))
        rows.append(("the same GEMM, naive roofline", f"{timed['roofline_ms']:.4f} ms", "–"))
        large = folder / "large.yaml"
        large.write_text(RUN.format(count=250))
        rates = json.loads(process("-c", WORKER, large)[3])
        words = f"{rates[len(rates) // 2]:.0f} (from {rates[0]:.0f} to {rates[-1]:.0f})"
        rows.append(("points of a large sweep, a worker, 40 times 100", words, "≥ 1,000 /s/core"))
        counts = [n for n in (3, 25, 250, 2500) if n <= largest]
        base_cpu, base_mb = sweep(folder, counts[0])
        rows.append((f"sweep of {40 * counts[0]} points", f"{base_cpu:.2f} CPU s", "–"))
        for count in counts[1:]:
            cpu, peak = sweep(folder, count)
            points = 40 * (count - counts[0])
            rate = points / (cpu - base_cpu)
            rows.append(
                (f"ViT-Base sweep, {40 * count} points", f"{rate:.0f} points/s/core", "≥ 300")
            )
            rows.append((f"its peak memory (base {base_mb:.0f} MB)", f"{peak:.0f} MB", "flat"))
    print(f"{date.today()}, {os.cpu_count()} cores, {platform.machine()}, ", end="")
    print(f"Python {platform.python_version()}\n")
    print("| what | measured | asked |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
