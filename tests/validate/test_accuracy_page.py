"""docs/accuracy.md says what the code predicts now, and the judge was never fitted on."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"-?\d+\.\d+|-?\d+")
AGAIN = "run python scripts/write_accuracy.py"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        yield importlib.import_module("write_accuracy")


def assert_same(written, fresh):
    """The same words, and numbers within what another processor's arithmetic may change."""
    assert NUMBER.sub("#", written) == NUMBER.sub("#", fresh), AGAIN
    for old, new in zip(NUMBER.findall(written), NUMBER.findall(fresh), strict=True):
        assert float(old) == pytest.approx(float(new), rel=0.01, abs=0.11), AGAIN


def test_the_table_of_classes_is_what_the_model_predicts(script):
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    start = page.index("| class | goal |")
    assert_same(page[start : page.index("![measured", start)].strip(), script.classes().strip())


def test_the_table_of_the_last_judge_is_what_the_model_predicts(script):
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    start = page.index("| class | goal | n |")
    end = page.index("## Warm caches", start)
    assert_same(page[start:end].strip(), script.judged().strip())


def test_the_block_of_the_readme_is_what_the_model_predicts(script):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = script.BLOCK.search(readme)
    assert found, "README.md must have the block <!-- accuracy -->"
    written = found[0].removeprefix(found[1]).removesuffix(found[2])
    assert_same(written.strip(), script.block().strip())


def test_every_case_stands_in_one_row(script):
    rows = [row for row, _, _ in script.class_rows()][:-1]
    for case in (*script.check_cases(), *script.holdout_cases()):
        assert sum(row.holds(case) for row in rows) == 1, case.op


def test_nothing_names_the_judge_as_its_source():
    for path in (*(ROOT / "configs").rglob("*.yaml"), *(ROOT / "archsim").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert "h200_holdout" not in text and "h200_judge" not in text, path
    for path in (ROOT / "scripts").glob("calibrate_*.py"):
        assert "holdout" not in path.read_text(encoding="utf-8"), path
        assert "judge.json" not in path.read_text(encoding="utf-8"), path


def test_the_plot_has_a_dot_for_every_case(script):
    assert script.plot().count('r="2.2"') == len(script.holdout_cases())
