"""Wrong inputs and kills beside the peers: ``python benchmarks/bench_faults.py [--write]``.

The same wrong fields of one product on a 32x32 array go to archsim (a run file), SCALE-Sim and
ZigZag (their own files, written by ``peers/*_case.py``). An answer is *one sentence* where the
program ends with an exit code other than 0, no traceback and at most three lines; *accepted* where
it ends with exit code 0. Then each is killed with SIGKILL halfway through a longer piece of work
and started again: what the second start takes beside the whole. ``--write`` puts the tables into
``docs/benchmarks/faults.md``.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml
from bench_sweep import machine
from peers.environments import SCALESIM, ZIGZAG, python_of

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "benchmarks" / "faults.md"
JOB = {
    "rows": 32, "columns": 32, "buffer_kb": 512, "bits_per_cycle": 256, "words_per_cycle": 32,
    "gemms": [[197, 64, 197]],
}  # fmt: skip
FAULTS = (
    ("rows", 0), ("rows", -8), ("rows", 32.5), ("rows", "many"), ("rows", None),
    ("buffer_kb", 0), ("buffer_kb", -512), ("buffer_kb", float("nan")), ("buffer_kb", "big"),
    ("bandwidth", 0), ("bandwidth", -256), ("bandwidth", float("inf")), ("bandwidth", "fast"),
    ("gemms", []), ("gemms", [[0, 64, 197]]), ("gemms", [[-197, 64, 197]]),
    ("gemms", [[197, 1.5, 197]]), ("gemms", [[197, "k", 197]]),
)  # fmt: skip
KINDS = ("one sentence", "traceback", "accepted", "no answer in time")
PATIENCE_S = 300


def faulty(field, value):
    names = ("bits_per_cycle", "words_per_cycle") if field == "bandwidth" else (field,)
    return {**JOB, **dict.fromkeys(names, value)}


def run_file(job):
    """Return archsim's run file of a job; a list of products other than one is its own fault."""
    shapes = [dict(zip("mkn", shape, strict=True)) for shape in job["gemms"]]
    size = job["buffer_kb"]
    bytes_of = 1024 * size if isinstance(size, int | float) else size
    bits = job["bits_per_cycle"]
    changes = {
        "device.array.rows": job["rows"],
        **{f"device.buffers.{name}_bytes": bytes_of for name in ("a", "b", "out")},
        "device.memory.bytes_per_cycle": bits / 8 if isinstance(bits, int | float) else bits,
    }
    whole = {k: int(v) for k, v in changes.items() if isinstance(v, float) and v.is_integer()}
    operation = {"op": "gemm", "dtype": "int8", **(shapes[0] if shapes else {})}
    return {"workload": operation, "device": "os_32x32_int8", "set": {**changes, **whole}}


def command(tool, job, folder):
    """Return the command line of one case."""
    if tool == "archsim":
        file = folder / "run.yaml"
        sets = run_file(job)
        changes = sets.pop("set")
        file.write_text(yaml.safe_dump(sets))
        words = [f"--set={path}={json.dumps(value)}" for path, value in changes.items()]
        base = [sys.executable, "-m", "archsim", "run", str(file), "--output", str(folder / "out")]
        return [*base, *words]
    peer = {"scalesim": SCALESIM, "zigzag": ZIGZAG}[tool]
    file = folder / "job.json"
    file.write_text(json.dumps([job] if tool == "zigzag" else job))
    return [str(python_of(peer)), str(HERE / "peers" / f"{tool}_case.py"), str(file)]


def kind_of(tool, job):
    with tempfile.TemporaryDirectory() as tmp:
        try:
            done = subprocess.run(
                command(tool, job, Path(tmp)), capture_output=True, text=True, check=False,
                timeout=PATIENCE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return "no answer in time"
    if done.returncode == 0:
        return "accepted"
    short = len(done.stderr.strip().splitlines()) <= 3
    return "one sentence" if short and "Traceback" not in done.stderr else "traceback"


def cpu_of(words, kill_after_s=None):
    """Run; return CPU and wall seconds, and whether it was killed on the way."""
    began = time.monotonic()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child.pid, signal.SIGKILL)  # it was not waited for, so the number is its own
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = status
    return used.ru_utime + used.ru_stime, time.monotonic() - began, os.WIFSIGNALED(status)


def resumed(tool, job):
    """Return CPU seconds of undisturbed work, and of the start after a kill halfway."""
    with tempfile.TemporaryDirectory() as tmp:
        whole, killed = Path(tmp) / "a", Path(tmp) / "b"
        for folder in (whole, killed):
            folder.mkdir()
        if tool == "archsim":
            words = [_sweep(folder) for folder in (whole, killed)]
        else:
            words = [command(tool, job, folder) for folder in (whole, killed)]
        cpu, wall, _ = cpu_of(words[0])
        for share in (0.7, 0.5, 0.35):
            *_, died = cpu_of(words[1], share * wall)
            if died:
                break
        again, *_ = cpu_of(words[1])
        return cpu, again


def _sweep(folder):
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump({
        "workload": {"model": "vit_base_patch16_224", "batch": 1, "dtype": "int8",
                     "quantise": "all"},
        "device": "os_32x32_int8",
        "sweep": {"device.array.rows": [8, 16, 32, 64],
                  "device.buffers.a_bytes": [131072 * (1 + i) for i in range(24)]},
    }))  # fmt: skip
    base = [sys.executable, "-m", "archsim", "run", str(file), "--yes"]
    return [*base, "--output", str(folder / "out")]


def main():
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's modules are compiled once
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--tools", nargs="+", default=["archsim", "scalesim", "zigzag"])
    options = parser.parse_args()
    lines = [machine(), "", f"| tool | {' | '.join(KINDS)} |", "|---" * (len(KINDS) + 1) + "|"]
    for tool in options.tools:
        found = Counter()
        for field, value in FAULTS:
            kind = kind_of(tool, faulty(field, value))
            found[kind] += 1
            print(f"{tool}: {field} = {value!r}: {kind}", flush=True)
        lines.append(f"| {tool} | {' | '.join(str(found[kind]) for kind in KINDS)} |")
    lines += ["", "| tool | the work | CPU s | started again after the kill, CPU s |",
              "|---|---|---:|---:|"]  # fmt: skip
    shapes = {"scalesim": ("4 products", 4), "zigzag": ("4 products", 4)}
    for tool in options.tools:
        text, count = shapes.get(tool, ("96 designs of ViT-Base", 1))
        job = {**JOB, "gemms": [[197, 64 + 8 * i, 197] for i in range(count)]}
        cpu, again = resumed(tool, job)
        lines.append(f"| {tool} | {text} | {cpu:.2f} | {again:.2f} |")
        print(lines[-1], flush=True)
    print("\n".join(lines))
    if options.write:
        before, _, rest = TARGET.read_text().partition("<!-- table -->")
        _, _, after = rest.partition("<!-- end -->")
        TARGET.write_text("\n".join([f"{before}<!-- table -->", *lines, f"<!-- end -->{after}"]))


if __name__ == "__main__":
    main()
