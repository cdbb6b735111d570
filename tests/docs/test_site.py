"""The documentation site builds without a warning, and the tutorial's commands are true."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from archsim.cli import main

ROOT = Path(__file__).parents[2]
PROMPT = re.compile(r"^\$ archsim (.+)$", re.MULTILINE)


def test_the_site_builds_strictly(tmp_path):
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    commands = (tmp_path / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "archsim compare" in commands and "--cluster" in commands
    provenance = (tmp_path / "reference" / "provenance.html").read_text(encoding="utf-8")
    assert "memory.bandwidth_bytes_per_s" in provenance
    assert "NVIDIA H200 Tensor Core GPU datasheet" in provenance
    python = (tmp_path / "reference" / "python.html").read_text(encoding="utf-8")
    assert "Evaluate a run file" in python
    assert not re.findall(r'(?:src|href)="https?://[^"]*\.(?:js|css)', commands), "works offline"


def commands(page):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [(found, block) for block in blocks for found in PROMPT.findall(block)]


def test_the_tutorial_is_true(tmp_path, monkeypatch, capsys):
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    found = commands("tutorial.md") + commands("features.md")
    assert len(found) >= 9
    for words, block in found:
        said = re.search(
            rf"^\$ archsim {re.escape(words)}\n((?:archsim: .*\n)*)", block, re.MULTILINE
        )
        code = main(words.split())
        printed = capsys.readouterr().err
        assert code == (2 if said[1] else 0), words + printed
        assert not said[1] or printed == said[1]


def test_the_python_page_is_true(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "python.md", "exec"), {})
    latency, columns = capsys.readouterr().out.splitlines()[-2:]
    assert float(latency) > 0 and "latency_us" in columns


PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_of_the_docs_name_real_verbs_and_options(page):
    from typer.main import get_command

    from archsim.cli import app

    verbs = get_command(app).commands
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for line in re.findall(r"^(?:\$ )?archsim ([a-z]+ .*)$", "\n".join(fenced), re.M):
        verb, *words = line.partition("#")[0].split()
        assert verb in verbs, line
        known = {option for p in verbs[verb].params for option in p.opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= known, line
