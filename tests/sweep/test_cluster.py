import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from dask_processes import Cluster

from archsim.errors import ConfigError
from archsim.sweep import Space
from archsim.sweep.cluster import cluster

SPACE = Space("grid", {"x": list(range(30)), "y": [1, 2, 4]})
HERE = str(Path(__file__).parent)


@pytest.fixture
def on_path(monkeypatch):
    """Let worker processes find the synthetic points."""
    monkeypatch.setenv("PYTHONPATH", HERE)


@pytest.fixture
def dashboards_port():
    """Somebody else's cluster has the port of Dask's dashboard."""
    with socket.socket() as other:
        try:
            other.bind(("0.0.0.0", 8787))
            other.listen()
        except OSError as error:  # another test run's
            assert error.errno == errno.EADDRINUSE
        yield


def test_a_cluster_writes_the_bytes_of_a_local_run(sweep, results, on_path, dashboards_port):
    context = {"bad": [3], "unidentified": 6}
    sweep(SPACE, context, folder="local")
    factory, workers = cluster("local:2")
    assert workers == 2
    summary = sweep(SPACE, context, folder="cluster", executor=factory, workers=workers)
    assert (summary.points, summary.evaluated, summary.failed) == (90, 90, 6)
    assert results("local") == results("cluster")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("local", "--cluster must be tcp://HOST:PORT, local:N"),
        ("local:0", "N from 1 to 1024"),
        ("local:2000", "N from 1 to 1024"),
        ("http://x", "not 'http://x'"),
        ("slurm:", "slurm:FILE, not 'slurm:'"),
        ("slurm:missing.yaml", "missing.yaml"),
        ("tcp://127.0.0.1:9", "a scheduler must answer at tcp://127.0.0.1:9"),
    ],
)
def test_targets_that_are_none(target, sentence, monkeypatch):
    monkeypatch.setattr("archsim.sweep.cluster.CONNECT_SECONDS", 1)
    with pytest.raises(ConfigError, match=sentence.replace(".", r"\.")) as caught:
        cluster(target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cores: 1\nmemory: 1GB\n", "jobs must be a whole number from 1 up"),
        ("cores: 1\nmemory: 1GB\njobs: 0\n", "x.yaml:3:7: jobs must be a whole number"),
        ("memory: 1GB\njobs: 1\n", "cores must be given"),
    ],
)
def test_wrong_slurm_files(text, sentence, tmp_path, monkeypatch):
    (tmp_path / "x.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=sentence):
        cluster("slurm:x.yaml")


@pytest.fixture
def dask(tmp_path):
    """A cluster of separate processes."""
    found = Cluster(tmp_path)
    yield found
    found.stop()


@pytest.mark.slow
def test_killed_workers_lose_nothing(sweep, results, dask):
    context = {"seconds": 0.02, "bad": [3]}
    sweep(SPACE, context, folder="local", workers=2)
    address = dask.start()
    factory, workers = cluster(address)

    def kill_one_after_the_other():
        for _ in range(4):
            time.sleep(0.4)
            dask.workers.append(dask.worker(address))
            victim = dask.workers.pop(0)
            victim.kill()
            victim.wait()

    thread = threading.Thread(target=kill_one_after_the_other)
    thread.start()
    summary = sweep(SPACE, context, folder="cluster", executor=factory, workers=workers)
    thread.join()
    assert (summary.points, summary.failed) == (90, 3)
    assert results("local") == results("cluster")


@pytest.mark.slow
def test_a_killed_scheduler_loses_no_finished_point(sweep, results, dask, tmp_path, capfd):
    log = tmp_path / "log"
    context = {"seconds": 0.05, "log": str(log)}
    sweep(SPACE, context, folder="local", workers=2)
    log.unlink()
    factory, workers = cluster(dask.start())

    def kill_the_scheduler():
        while not log.exists() or len(log.read_text()) < 20:
            time.sleep(0.02)
        dask.scheduler.kill()

    threading.Thread(target=kill_the_scheduler).start()
    with pytest.raises(ConfigError, match="a scheduler must answer"):
        sweep(SPACE, context, folder="cluster", executor=factory, workers=workers)
    assert capfd.readouterr().err == ""  # one sentence, none of Dask's tracebacks
    dask.stop()
    factory, workers = cluster(dask.start())
    summary = sweep(SPACE, context, folder="cluster", executor=factory, workers=workers)
    assert summary.points == 90 and summary.reused > 0
    assert results("local") == results("cluster")


@pytest.mark.slow
def test_jobs_of_a_batch_system(sweep, results, tmp_path, monkeypatch):
    """A stand-in for sbatch runs the job script at once."""
    tools = tmp_path / "tools"
    tools.mkdir()
    run = 'sh "$1" >/dev/null 2>&1 &'
    (tools / "sbatch").write_text(f"#!/bin/sh\n{run}\necho Submitted batch job $!\n")
    (tools / "scancel").write_text("#!/bin/sh\nkill $1\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", HERE)
    options = "cores: 1\nmemory: 1GB\njobs: 2\ninterface: lo\n"
    options += f"local_directory: {tmp_path}\nlog_directory: {tmp_path}\n"
    (tmp_path / "cluster.yaml").write_text(options)
    sweep(SPACE, {}, folder="local")
    factory, workers = cluster(f"slurm:{tmp_path / 'cluster.yaml'}")
    assert workers == 2
    sweep(SPACE, {}, folder="cluster", executor=factory, workers=workers)
    assert results("local") == results("cluster")
