"""A large run stores metrics alone: the same results, and the same operators when asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.app import details, running
from archsim.app.finished import STORE
from archsim.cli import main
from archsim.sweep import read_detail

RUN = """\
workload: {model: vit_tiny_patch16_224}
device: h200
sweep:
  device.sm_count: [96, 132]
  device.memory.bandwidth_bytes_per_s: [2.4e12, 4.8e12]
minimize: [latency_us, power_w]
"""


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The folders of the same run with whole answers and with metrics alone."""
    (tmp_path / "run.yaml").write_text(RUN)
    for name, kept in (("whole", 4), ("metrics", 3)):
        monkeypatch.setattr(running, "KEPT", kept)
        assert main(["run", str(tmp_path / "run.yaml"), "--output", str(tmp_path / name)]) == 0
    return tmp_path / "whole", tmp_path / "metrics"


def test_a_large_run_stores_metrics_and_shows_the_same(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, short = runs
    for name in ("results.csv", "results.json", "pareto.csv", "results.parquet", "timeline.json"):
        if (whole / name).exists():
            assert (short / name).read_bytes() == (whole / name).read_bytes()
    shown, expected = running.report_data(short), running.report_data(whole)
    keys = [point["key"] for point in shown.points]
    assert all(read_detail(whole / STORE, key) for key in keys)
    assert not any(read_detail(short / STORE, key) for key in keys)
    assert shown.details
    assert shown.details == expected.details
    capsys.readouterr()
    file = whole.parent / "run.yaml"
    run = ["run", str(file), "--output", str(whole)]
    assert main(run) == 0
    assert f"4 of 4 points were in {whole / STORE} already" in capsys.readouterr().out
    file.write_text(RUN.replace("[96, 132]", "[132, 140]"))
    assert main(run) == 0
    assert f"2 of 4 points were in {whole / STORE} already" in capsys.readouterr().out
    monkeypatch.setattr(details, "identify", lambda context, overrides: "of another version")
    assert not running.report_data(short).details


def test_a_run_of_another_version_says_why_it_shows_no_operators(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, short = runs
    assert not running.report_data(short).unexplained
    monkeypatch.setattr(details, "identify", lambda context, overrides: "of another version")
    capsys.readouterr()
    assert main(["report", str(short)]) == 0
    assert "Run it again to see them." in " ".join(capsys.readouterr().out.split())
    assert "stores metrics alone" in (short / "report.html").read_text()


def test_a_comparison_says_why_a_run_shows_no_operators(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, short = runs
    page, data = whole.parent / "c.html", whole.parent / "c.json"
    command = ["compare", str(whole), str(short), "--output", str(page), "--json", str(data)]
    assert main(command) == 0
    assert "Run it again" not in capsys.readouterr().out
    monkeypatch.setattr(details, "identify", lambda context, overrides: "of another version")
    assert main(command) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "metrics: Operators are not shown: a run of more than" in printed
    assert "whole: Operators" not in printed
    assert "metrics: Operators are not shown" in page.read_text()
    (sentence,) = json.loads(data.read_text())["unexplained"]
    assert sentence == f"metrics: {details.UNEXPLAINED}"
