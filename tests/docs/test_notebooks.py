"""The notebooks run from top to bottom, and their kept results are those of their sources."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_runs(source):
    words = [sys.executable, str(ROOT / "scripts" / "run_notebooks.py"), source.stem]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert f"{source.name}: " in done.stdout


def test_there_are_four():
    assert len(SOURCES) == 4


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_kept_notebook_is_executed_and_small(source):
    file = source.with_suffix(".ipynb")
    assert file.stat().st_size < 150_000
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    text = source.read_text(encoding="utf-8")
    outputs = [output for cell in code for output in cell["outputs"]]
    for cell in code:
        assert "".join(cell["source"]) in text, "run `make notebooks`"
        assert cell["execution_count"]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert any("image/png" in o.get("data", {}) or o.get("text") for o in outputs)
    assert text.count("# %%\n") == len(code)
