"""Kills sweeps at random moments and checks that nothing finished is lost.

Used by the kill tests and by ``benchmarks/kill9.py``.
"""

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil

HERE = Path(__file__).parent
FILES = ("results.csv", "results.json", "results.parquet", "pareto.csv")


@dataclass
class Tally:
    """What a campaign of kills found."""

    kills: int = 0
    runs: int = 0
    sweeps: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    repeated: int = 0
    different: int = 0
    resumed: int = 0
    killed_at: list = field(default_factory=list)

    @property
    def clean(self):
        return not (self.lost or self.repeated or self.different)


def synthetic(folder, workers):
    """The command of a synthetic sweep."""
    return [sys.executable, str(HERE / "kill_driver.py"), str(folder), str(workers)]


class Driver(subprocess.Popen):
    """A sweep as a process in a group of its own, whose last ``words`` are kept."""

    def __init__(self, command):
        self.words = None
        self._log, path = tempfile.mkstemp()
        Path(path).unlink()
        paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        super().__init__(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
            stderr=self._log,
        )  # fmt: skip

    def wait(self, timeout=None):
        code = super().wait(timeout)
        if self.words is None:
            self.words = os.pread(self._log, 1 << 16, 0).decode(errors="replace")
            os.close(self._log)
        return code

    def must_end_well(self, timeout=None):
        """Wait; raise ``TimeoutExpired`` after ``timeout`` seconds."""
        code = self.wait(timeout)
        assert code == 0, f"the sweep ended with exit code {code}: {self.words}"


def start(command):
    return Driver(command)


def reference(folder, command):
    """Run a sweep undisturbed; return its result files and its seconds."""
    began = time.perf_counter()
    start(command).must_end_well()
    return {name: (folder / name).read_bytes() for name in FILES}, time.perf_counter() - began


def kill_drivers(tmp, kills, workers, seed, command=synthetic):
    """Kill whole process groups ``kills`` times, resuming each sweep until it ends."""
    chance, tally = random.Random(seed), Tally()
    expected, seconds = reference(tmp / "reference", command(tmp / "reference", 1))
    while tally.kills < kills:
        folder = tmp / f"sweep{tally.sweeps}"
        tally.sweeps += 1
        while not _attempt(folder, command(folder, workers), _moment(chance, seconds), tally):
            _check_store(folder, tally)
        _check_results(folder, expected, tally)
    return tally


def _moment(chance, seconds):
    """Draw when to kill: after so many more acknowledged points and seconds.

    Three in four kills wait for points, so that most fall into the sweep on a loaded machine too;
    the others fall anywhere, into start and export as well.
    """
    if chance.random() < 0.75:
        return chance.randrange(1, 150), chance.uniform(0, 0.02)
    return 0, chance.uniform(0, seconds)


def _attempt(folder, command, moment, tally):
    """Run until ``moment``, then kill; return whether the sweep ended before."""
    points, seconds = moment
    points += len(_acknowledged(folder))
    process = start(command)
    tally.runs += 1
    while process.poll() is None and len(_acknowledged(folder)) < points:
        time.sleep(0.002)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.must_end_well(timeout=seconds)
        return True
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    tally.kills += 1
    done = _acknowledged(folder)
    tally.killed_at.append(len(done))
    return False


def kill_workers(tmp, kills, seed, command=synthetic):
    """Kill single workers of running sweeps; each sweep must still end by itself.

    A kill falls every 0.1 to 0.8 of the time that a sweep takes on this machine now, so that
    starting workers have a chance on a loaded one too.
    A point whose worker dies time after time is given up until the next run: such a sweep is run
    once more, undisturbed, as its user would.
    """
    chance, tally = random.Random(seed), Tally()
    expected, seconds = reference(tmp / "reference", command(tmp / "reference", 2))
    while tally.kills < kills:
        folder = tmp / f"sweep{tally.sweeps}"
        tally.sweeps += 1
        tally.runs += 1
        process = start(command(folder, 2))
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.must_end_well(timeout=seconds * chance.uniform(0.1, 0.8))
                break
            tally.kills += _kill_one(process.pid, chance)
        _check_store(folder, tally)
        if _given_up(folder):
            tally.resumed += 1
            start(command(folder, 2)).must_end_well()
        _check_results(folder, expected, tally)
    return tally


def _kill_one(driver, chance):
    """Kill one of the driver's workers; return how many were killed."""
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(driver).children()
        workers = [c for c in children if any("spawn_main" in a for a in c.cmdline())]
        if workers:
            chance.choice(workers).kill()
            return 1
    return 0


def _given_up(folder):
    """Whether the store holds points that were given up because their workers died."""
    db = sqlite3.connect(folder / "store.sqlite")
    (count,) = db.execute("SELECT count(*) FROM points WHERE status = 'lost'").fetchone()
    db.close()
    return count > 0


def _acknowledged(folder):
    log = folder / "acknowledged"
    if not log.exists():
        return []
    lines = log.read_text().splitlines(keepends=True)
    return [line.split()[0] for line in lines if line.endswith("ok\n") or "failed" in line]


def _check_store(folder, tally):
    """Count acknowledged points that the store lacks, or that were evaluated again."""
    times = Counter(_acknowledged(folder))
    if not times:
        return
    copy = folder / "copy"  # so that the next run recovers the log itself
    copy.mkdir(exist_ok=True)
    for name in ("store.sqlite", "store.sqlite-wal"):
        (copy / name).unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copy(folder / name, copy / name)
    db = sqlite3.connect(copy / "store.sqlite")
    stored = {key for (key,) in db.execute("SELECT key FROM points WHERE status <> 'lost'")}
    db.close()
    tally.lost += len(times.keys() - stored)


def _check_results(folder, expected, tally):
    times = Counter(_acknowledged(folder))
    tally.acknowledged += len(times)
    tally.stored += len((folder / "results.csv").read_bytes().splitlines()) - 1
    tally.repeated += sum(times.values()) - len(times)
    tally.different += sum((folder / n).read_bytes() != b for n, b in expected.items())
