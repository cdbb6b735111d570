"""Speed of the array model, the generator and the RTL simulation, beside installable peers.

Run ``python benchmarks/bench_array.py [--full] [--write]``. Every figure is a whole process: CPU
seconds (user and system, children included) and peak memory from ``os.wait4``, median of
``--repeat`` runs. Peers get their own pinned environments below ``build/peers`` on first use.
``--full`` also runs the peers' long cases: all six shapes in SCALE-Sim, the sweep in ZigZag.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

from peers.environments import SCALESIM, ZIGZAG, Peer, PeerError, python_of

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks" / "array.md"
PEERS = Path(__file__).with_name("peers")
DEVICE = "configs/array/os_32x32_int8.yaml"
LAYER = (
    ("QKV", (197, 768, 2304), 1),
    ("QK^T", (197, 64, 197), 12),
    ("AV", (197, 197, 64), 12),
    ("proj", (197, 768, 768), 1),
    ("FC1", (197, 768, 3072), 1),
    ("FC2", (197, 3072, 768), 1),
)
"""Name, (m, k, n) and count of the products of a ViT-Base encoder layer."""
SIZES = (8, 16, 32, 64)
BUFFERS_KB = (128, 256, 512, 1024)
RTL_SHAPE = "197x768x197"
RTL_DEVICES = ("os_8x8_int8", "os_32x32_int8")
Row = tuple[str, ...]


@dataclass(frozen=True)
class Used:
    """What a process took, and the last line that it printed."""

    cpu_s: float
    peak_mb: float
    last: str


class ProcessError(Exception):
    """A measured process failed; the last line of its errors."""


def process(*command: object) -> Used:
    """Run one process to its end."""
    words = [str(word) for word in command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=output, stderr=errors)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if status:
            raise ProcessError((errors.read().strip().splitlines() or [f"status {status}"])[-1])
        last = (output.read().strip().splitlines() or [""])[-1]
    return Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, last)


def middle(runs: Sequence[Used]) -> Used:
    """Return the median time and memory of ``runs``."""
    cpu = median(run.cpu_s for run in runs)
    return Used(cpu, median(run.peak_mb for run in runs), runs[-1].last)


def job(gemms: Sequence[Sequence[int]], size: int = 32, kb: int = 512) -> dict[str, object]:
    """Return one design point and its products as the scripts in ``peers`` read them."""
    shape = {"rows": size, "columns": size, "buffer_kb": kb, "bits_per_cycle": 256}
    return {**shape, "words_per_cycle": 32, "gemms": [list(gemm) for gemm in gemms]}


def layer() -> list[tuple[int, int, int]]:
    """Return the 28 products."""
    return [shape for _, shape, count in LAYER for _ in range(count)]


def sweep_jobs() -> list[dict[str, object]]:
    """Return the 16 design points with the layer."""
    return [job(layer(), size, kb) for size in SIZES for kb in BUFFERS_KB]


def run_file(folder: Path) -> Path:
    """Write the run file of the same 16 points, on the whole ViT-Base."""
    rows = []
    for size in SIZES:
        for kb in BUFFERS_KB:
            values = {"array.rows": size, "array.columns": size}
            values |= {f"buffers.{name}_bytes": 1024 * kb for name in ("a", "b", "out")}
            row = ", ".join(f"device.{path}: {value}" for path, value in values.items())
            rows.append(f"    - {{{row}}}\n")
    file = folder / "sweep.yaml"
    file.write_text(
        "name: bench_array\n"
        "workload: {model: vit_base_patch16_224, batch: 1, dtype: int8, quantise: all}\n"
        "device: os_32x32_int8\nsweep:\n  list:\n" + "".join(rows)
    )
    return file


def model_rows(folder: Path, repeat: int) -> list[Row]:
    """Measure the layer and the sweep, through Python and through the command."""
    rows: list[Row] = []
    cases = (
        ("the layer, Python", [job(layer())], "≤ 0.6"),
        ("16-point sweep of the layer, Python", sweep_jobs(), "≤ 2"),
    )
    for name, jobs, asked in cases:
        (folder / "jobs.json").write_text(json.dumps(jobs))
        command = (sys.executable, PEERS / "array_layer.py", folder / "jobs.json")
        used = middle([process(*command) for _ in range(repeat)])
        rows.append((name, f"{used.cpu_s:.2f}", f"{used.peak_mb:.0f}", asked))
    file = run_file(folder)
    runs = [
        process(sys.executable, "-m", "archsim", "run", file, "--output", folder / f"out{i}")
        for i in range(repeat)
    ]
    used = middle(runs)
    name = "16-point sweep of the whole ViT-Base, `archsim run` with store, Parquet and report"
    return [*rows, (name, f"{used.cpu_s:.2f}", f"{used.peak_mb:.0f}", "≤ 2")]


def generation_rows(folder: Path, repeat: int) -> list[Row]:
    """Measure generation beside the bare array, alternating."""
    bare_file, output = folder / "bare.v", folder / "generated"
    bare, whole = [], []
    for _ in range(repeat):
        bare.append(process(sys.executable, PEERS / "bare_array.py", DEVICE, bare_file))
        command = (sys.executable, "-m", "archsim", "generate", DEVICE, "--output", output)
        whole.append(process(*command))
    ratio = median(w.cpu_s / b.cpu_s for w, b in zip(whole, bare, strict=True))
    rows = []
    for name, runs, file, text in (
        ("bare PE array", bare, bare_file, "–"),
        ("`archsim generate`, all files", whole, output / "top.v", f"{ratio:.2f} (asked ≤ 1.5)"),
    ):
        used = middle(runs)
        lines = len(file.read_text().splitlines())
        rows.append((name, f"{used.cpu_s:.2f}", f"{used.peak_mb:.0f}", str(lines), text))
    return rows


def rtl_rows(repeat: int) -> list[Row]:
    """Measure the compiled simulation's cycles per second."""
    rows = []
    for device in RTL_DEVICES:
        runs = []
        for _ in range(repeat):
            used = process(sys.executable, PEERS / "rtl_speed.py", device, RTL_SHAPE)
            runs.append(json.loads(used.last))
        cpu = median(run["cpu_s"] for run in runs)
        cycles = runs[0]["cycles"]
        built = max(run["build_s"] for run in runs)
        rate = f"{cycles / cpu:,.0f}"
        rows.append(
            (device, f"{cycles:,}", f"{cpu:.2f}", rate, f"{built:.0f}" if built else "kept")
        )
    return rows


def peer_cases(full: bool) -> list[tuple[str, Peer | None, list[dict[str, object]]]]:
    """Return what to compare: the work, who does it (None: archsim) and its jobs."""
    qkt, whole, sweep = [job([LAYER[1][1]])], [job(layer())], sweep_jobs()
    cases: list[tuple[str, Peer | None, list[dict[str, object]]]] = [
        ("QK^T alone", None, qkt),
        ("QK^T alone", ZIGZAG, qkt),
        ("QK^T alone", SCALESIM, qkt),
        ("layer, 28 products", None, whole),
        ("layer, 28 products", ZIGZAG, whole),
    ]
    if full:
        shapes = [job([shape for _, shape, _ in LAYER])]
        cases.append(("layer, its 6 shapes once each", SCALESIM, shapes))
        cases += [("16-point sweep", None, sweep), ("16-point sweep", ZIGZAG, sweep)]
    return cases


def peer_rows(folder: Path, full: bool, repeat: int) -> list[Row]:
    """Measure ours and the peers on the same work; a peer that fails is named with its reason."""
    file = folder / "jobs.json"
    rows: list[Row] = []
    base: dict[str, float] = {}
    for work, peer, jobs in peer_cases(full):
        file.write_text(json.dumps(jobs[0] if peer is SCALESIM else jobs))
        name = "archsim" if peer is None else peer.packages[0].replace("==", " ")
        script = PEERS / ("array_layer.py" if peer is None else f"{peer.name}_case.py")
        try:
            python = sys.executable if peer is None else python_of(peer)
            count = repeat if peer is None else 1
            used = middle([process(python, script, file) for _ in range(count)])
        except (PeerError, ProcessError) as error:
            rows.append((work, name, f"not run: {error}", "–", "–", "–"))
            continue
        kind = work.split(",")[0]
        if peer is None:
            base[kind] = used.cpu_s
        cpu, peak = f"{used.cpu_s:.2f}", f"{used.peak_mb:.0f}"
        cycles = answer(peer, json.loads(used.last))
        rows.append((work, name, cycles, cpu, peak, f"{used.cpu_s / base[kind]:.1f}"))
    return rows


def answer(peer: Peer | None, found: list[Any]) -> str:
    """Return the cycles that a case printed, SCALE-Sim's shapes weighted by their counts."""
    if len(found) == len(SIZES) * len(BUFFERS_KB):
        return "–"
    if peer is None:
        cycles, bound = found[0]
        return f"{cycles:,} (integer-fold bound {bound:,})"
    if len(found) == len(LAYER):
        counts = [count for _, _, count in LAYER]
        return f"{sum(n * float(c) for n, c in zip(counts, found, strict=True)):,.0f}"
    return f"{float(found[0]):,.0f}"


def machine() -> str:
    """Return date, processor, core count, load and the versions that matter."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    cpu = name.group(1) if name else platform.machine()
    peers = ", ".join(" ".join(peer.packages).replace("==", " ") for peer in (SCALESIM, ZIGZAG))
    return (
        f"{date.today()}, {os.cpu_count()} cores of {cpu}, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}; peers' environments: {peers}."
    )


def table(head: Row, rows: Sequence[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def measure(full: bool, repeat: int) -> str:
    """Return the whole report as Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = table(("what", "CPU s", "peak MB", "asked CPU s"), model_rows(folder, repeat))
        head = ("32x32 int8", "CPU s", "peak MB", "Verilog lines", "ratio")
        generation = table(head, generation_rows(folder, repeat))
        head = ("design", "RTL cycles", "CPU s", "cycles/s", "build CPU s")
        rtl = table(head, rtl_rows(repeat))
        head = ("work", "tool", "cycles", "CPU s", "peak MB", "CPU, ours = 1")
        peers = table(head, peer_rows(folder, full, repeat))
    rtl_title = f"### Compiled RTL simulation of one {RTL_SHAPE} product\n\n"
    return (
        f"{machine()}\n\n### Model\n\n{model}\n### Generation\n\n{generation}\n"
        f"{rtl_title}{rtl}\n### Peers, same work on 32x32\n\n{peers}"
    )


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's modules are compiled once
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the peers' long cases too (minutes)")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each of our processes")
    parser.add_argument("--write", action="store_true", help=f"replace the tables of {PAGE.name}")
    arguments = parser.parse_args()
    report = measure(arguments.full, arguments.repeat)
    print(report)
    if arguments.write:
        before, _, rest = PAGE.read_text().partition("<!-- table -->\n")
        after = rest.partition("<!-- end -->")[2]
        PAGE.write_text(f"{before}<!-- table -->\n{report}<!-- end -->{after}")


if __name__ == "__main__":
    main()
