"""Every test, the slow ones too, in shards that go on where they were stopped.

Usage: scripts/test_full.py [--shard I/N] [--minutes 30]. A shard is a test file, or one case of
``LONG``, the co-simulation campaigns; each runs in a process of its own. What passed is kept in
build/test-full under the digest of all tracked files, a file a shard, so that several may run side
by side: run again after a stop, only the rest runs; any change of a file begins anew. No shard
begins after --minutes (0: no limit). Compiled simulations are kept by their Verilog, so that each
distinct RTL is compiled once, whatever shard needs it.

Exit code 0: everything chosen has passed; 1: a shard failed; 3: shards are left, run it again.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARD_SECONDS = 30 * 60
NO_TESTS = 5
LONG = ("test_campaign", "test_a_million_positions")
"""Tests of which each case is a shard."""


def digest():
    """SHA-256 over names and contents of all files that git knows or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    found = hashlib.sha256()
    for name in sorted(filter(None, names)):
        file = ROOT / name.decode()
        if file.is_file():
            found.update(name + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()[:16]


def shards(lines):
    """Group ``file::test`` lines of a collection into shards, in their order."""
    found = {}
    for line in lines:
        file, marker, test = line.partition("::")
        if marker:
            name = line if test.partition("[")[0] in LONG else file
            extra = [] if name == line else [f"--deselect={name}::{test}" for test in LONG]
            found.setdefault(name, [name, *extra])
    return found


def collected():
    """Lines of pytest's collection of everything but what needs a GPU."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "not gpu"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-1000:])
    return done.stdout.splitlines()


def chosen(names, part):
    """Every n-th of ``names`` from the i-th on, for ``part`` "i/n"; all for ""."""
    if not part:
        return list(names)
    index, _, count = part.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise SystemExit(f"--shard must be I/N with I from 1 to N, not {part!r}")
    return list(names)[int(index) - 1 :: int(count)]


def kept(folder, name):
    """The file in ``folder`` that says that shard ``name`` has passed."""
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.json"


def run(name, arguments):
    """Run one shard; return whether it passed, and its seconds."""
    began = time.monotonic()
    print(f"== {name}", flush=True)
    shard = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-m", "not gpu", *arguments],
        cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    try:
        passed = shard.wait(SHARD_SECONDS) in (0, NO_TESTS)
    except BaseException as error:
        os.killpg(shard.pid, signal.SIGKILL)  # with the simulations it started
        shard.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        print(f"{name}: longer than {SHARD_SECONDS // 60} minutes", flush=True)
        passed = False
    return passed, round(time.monotonic() - began, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shard", default="")
    parser.add_argument("--minutes", type=float, default=0.0)
    options = parser.parse_args()
    folder = ROOT / "build/test-full" / digest()
    folder.mkdir(parents=True, exist_ok=True)
    every = shards(collected())
    left = [name for name in chosen(every, options.shard) if not kept(folder, name).exists()]
    print(f"{len(every)} shards, {len(left)} of those chosen left", flush=True)
    until = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    failed, unstarted = [], 0
    for name in left:
        if time.monotonic() > until:
            unstarted += 1
            continue
        fine, seconds = run(name, every[name])
        if fine:
            scratch = kept(folder, name).with_suffix(".new")
            scratch.write_text(json.dumps({"shard": name, "seconds": seconds}))
            scratch.replace(scratch.with_suffix(".json"))
        else:
            failed.append(name)
    print(f"{len(failed)} shards failed, {unstarted} left" + "".join(f"\n  {n}" for n in failed))
    return 1 if failed else 3 if unstarted else 0


if __name__ == "__main__":
    raise SystemExit(main())
