"""The array benchmark's own part: the work that it hands out, and a peer that is not there."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("bench_array", FOLDER / "bench_array.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "bench_array", module)
    spec.loader.exec_module(module)
    return module


def test_the_layer_meets_its_bound_without_numba(bench: ModuleType, tmp_path: Path) -> None:
    assert len(bench.layer()) == 28
    assert -(-sum(m * k * n for m, k, n in bench.layer()) // 1024) == 1_419_878
    (tmp_path / "jobs.json").write_text(json.dumps([bench.job(bench.layer())]))
    command = [
        sys.executable,
        str(FOLDER / "peers" / "array_layer.py"),
        str(tmp_path / "jobs.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER.parent)
    ((cycles, bound),) = json.loads(done.stdout)
    assert bench.answer(bench.SCALESIM, [1.0] * 6) == "28"
    assert bound == 1_619_016 <= cycles <= 1.04 * bound


def test_a_peer_that_cannot_run_is_named(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(peer: object) -> Path:
        raise bench.PeerError("no such package")

    monkeypatch.setattr(bench, "python_of", missing)
    monkeypatch.setattr(bench, "process", lambda *_: bench.Used(1.0, 30.0, "[[12, 10]]"))
    rows = bench.peer_rows(tmp_path, False, 1)
    assert [row[2] for row in rows if row[1] == "scalesim 3.0.0"] == ["not run: no such package"]
    assert all(row[2].startswith("12 ") for row in rows if row[1] == "archsim")
