"""``make test-full`` goes on where it was stopped, and begins anew when a file changes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test_full.py"
PROBE = """
import pytest
from pathlib import Path
LOG = Path(__file__).parents[1] / "log.txt"


def note(word):
    with LOG.open("a") as out:
        out.write(word + " ")


def test_one():
    note("NAME")
    assert not Path(__file__).with_suffix(".broken").exists()


@pytest.mark.parametrize("shard", range(2))
def test_campaign(shard):
    note(f"NAME-{shard}")
"""


@pytest.fixture
def module():
    spec = importlib.util.spec_from_file_location("test_full", SCRIPT)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture
def project(module, tmp_path, monkeypatch):
    """A small project with two test files, and what ran in it."""
    (tmp_path / "tests").mkdir()
    ignored = ("build/", "log.txt", "*.broken", "__pycache__/", ".pytest_cache/")
    (tmp_path / ".gitignore").write_text("\n".join(ignored))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = gpu: x\n")
    for name in ("a", "b"):
        (tmp_path / f"tests/test_{name}.py").write_text(PROBE.replace("NAME", name))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each process starts in a moment

    def go(*arguments):
        log = tmp_path / "log.txt"
        log.unlink(missing_ok=True)
        monkeypatch.setattr(sys, "argv", ["test_full.py", *arguments])
        code = module.main()
        return code, sorted(log.read_text().split()) if log.exists() else []

    return tmp_path, go


def test_what_passed_does_not_run_again(project):
    folder, go = project
    broken = folder / "tests/test_b.broken"
    broken.touch()
    assert go() == (1, ["a", "a-0", "a-1", "b", "b-0", "b-1"])
    broken.unlink()
    assert go("--minutes", "1e-9") == (3, [])
    assert go() == (0, ["b"])  # the file that failed, without its parts that passed
    (folder / "tests/test_a.py").write_text(PROBE.replace("NAME", "new"))
    first, second = go("--shard", "1/2"), go("--shard", "2/2")
    assert (first[0], second[0]) == (0, 0)
    assert sorted(first[1] + second[1]) == ["b", "b-0", "b-1", "new", "new-0", "new-1"]
    kept = [list(state.glob("*.json")) for state in (folder / "build/test-full").iterdir()]
    assert [len(files) for files in kept] == [6, 6]
    assert all(json.loads(file.read_text())["seconds"] >= 0 for files in kept for file in files)


def test_a_shard_over_its_time_is_killed_with_what_it_started(module, project, monkeypatch):
    folder, _ = project
    child = f"import subprocess; subprocess.run(['sleep', '3600'], env={{'MARK': '{folder}'}})"
    (folder / "tests/test_a.py").write_text(f"def test_long():\n    {child}\n")
    monkeypatch.setattr(module, "SHARD_SECONDS", 5)
    assert module.run("long", ["tests/test_a.py"])[0] is False
    mark = f"MARK={folder}".encode()
    until = time.monotonic() + 20
    while [p for p in Path("/proc").glob("[0-9]*/environ") if mark in environment(p)]:
        assert time.monotonic() < until


def environment(file):
    try:
        return file.read_bytes()
    except OSError:
        return b""


def test_wrong_shards_are_refused(module):
    for wrong in ("0/2", "3/2", "x", "1/"):
        with pytest.raises(SystemExit, match="--shard must be I/N with I from 1 to N"):
            module.chosen(["a"], wrong)
    assert module.chosen("abcde", "2/2") == ["b", "d"]
