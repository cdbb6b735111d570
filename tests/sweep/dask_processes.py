"""A Dask cluster of separate processes, to be killed one by one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = str(Path(__file__).parent)


class Cluster:
    """A scheduler and workers as processes of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.port = 0
        self.scheduler = None
        self.workers = []

    def start(self, workers=2):
        words = ["-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--host", "127.0.0.1"]
        file = self.folder / f"scheduler{time.monotonic_ns()}.json"
        options = ["--port", str(self.port), "--scheduler-file", str(file)]
        self.scheduler = self._process([*words, *options])
        while not file.exists():
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        self.port = int(address.rsplit(":", 1)[1])
        self.workers = [self.worker(address) for _ in range(workers)]
        return address

    def worker(self, address):
        options = ["--no-dashboard", "--nthreads", "1", "--no-nanny", "--death-timeout", "20"]
        folder = self.folder / f"w{time.monotonic_ns()}"
        words = ["-m", "distributed.cli.dask_worker", address, "--local-directory", str(folder)]
        return self._process([*words, *options])

    def stop(self):
        for process in [*self.workers, self.scheduler]:
            process.kill()
            process.wait()

    def _process(self, words):
        paths = [HERE, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        return subprocess.Popen(
            [sys.executable, *words], env=environment, cwd=self.folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
