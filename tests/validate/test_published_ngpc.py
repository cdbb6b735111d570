"""The NGPC figures: which counted rows hold today, and rows over several runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from archsim.app.running import evaluate_run
from archsim.config.paths import configs_dir
from archsim.errors import ConfigError
from archsim.validate import validate_published
from archsim.validate.published_file import load_published

FILE = configs_dir() / "published" / "ngpc.yaml"
ROW = """\
rows:
  - {id: a, quantity: q, unit: x, value: 2, tag: V-abs, source: s, tolerance: 0.1, counted: true,
     RULEhow: {runs: [{n: 1}, {n: 4}], reduce: REDUCE, field: metrics.n}}
"""


def validated(tmp_path: Path, rule: str, reduce: str):
    file = tmp_path / "p.yaml"
    file.write_text(ROW.replace("RULE", rule).replace("REDUCE", reduce))
    return validate_published(file, lambda run: {"metrics": run, "operators": []}).rows[0]


def test_several_runs_are_reduced(tmp_path):
    assert validated(tmp_path, "", "mean").ours == 2.5
    assert validated(tmp_path, "", "max").ours == 4.0
    assert validated(tmp_path, "", "max").verdict == "MISS"
    assert validated(tmp_path, "rule: least, ", "max").verdict == "ok"
    with pytest.raises(ConfigError, match="reduce must be one of mean, max, not 'sum'"):
        validated(tmp_path, "", "sum")
    with pytest.raises(ConfigError, match="rule must be one of near, least, not 'most'"):
        validated(tmp_path, "rule: most, ", "max")


def test_recalled_figures_never_count():
    for row in load_published(FILE):
        assert not (row.counted and row.tag.startswith("R-"))
        if row.id in ("average_8", "average_64"):  # the clock and the batches were set on them
            assert not row.counted


def test_what_holds_today():
    result = validate_published(FILE, evaluate_run)
    held = {row.spec.id for row in result.rows if row.spec.counted and row.within}
    assert held >= {
        "largest", "share_hashgrid", "share_densegrid", "nvr_8k120", "gia_8k120", "plateau_nerf",
    }  # fmt: skip
    assert result.exit_code == 1
    ours = {row.spec.id: row.ours for row in result.rows}
    assert ours["average_8"] == pytest.approx(12.5, rel=0.04)
    assert ours["average_64"] == pytest.approx(39.5, rel=0.0127)
