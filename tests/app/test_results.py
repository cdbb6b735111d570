"""A report shows the front and a sample of a large sweep, and reads one point at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.app import results
from archsim.errors import ConfigError

LATENCY = ["latency_us"]


def written(folder: Path, count: int, failed: int = 0) -> Path:
    """Results of ``count`` points, later ones faster, after ``failed`` ones of three reasons."""
    file = folder / "results.json"
    rows = [
        json.dumps({"key": f"a{i:04}", "overrides": {}, "status": "failed", "metrics": {},
                    "reason": f"why {i % 3}"})
        for i in range(failed)
    ] + [
        json.dumps({"key": f"{i:04}", "overrides": {}, "status": "ok", "reason": None,
                    "metrics": {"latency_us": count - i}})
        for i in range(count)
    ]  # fmt: skip
    file.write_text(
        '{"axes":[],"metrics":["latency_us"],"points":[\n' + ",\n".join(rows) + "\n]}\n"
    )
    return file


def test_a_small_sweep_is_shown_whole(tmp_path: Path) -> None:
    sample = results.sampled(written(tmp_path, 7), set(), LATENCY)
    assert [p["key"] for p in sample.points] == [f"{i:04}" for i in range(7)]
    assert sample.left_out == 0
    assert not sample.reasons


def test_a_large_sweep_keeps_its_front_and_its_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SHOWN", 10)
    monkeypatch.setattr(results, "BEST", 3)
    sample = results.sampled(written(tmp_path, 95), {"0013", "0021"}, LATENCY)
    assert {p["key"] for p in sample.points} == {
        *(f"{i:04}" for i in range(0, 95, 10)), "0013", "0021", "0092", "0093", "0094"
    }  # fmt: skip
    assert sample.left_out == 95 - len(sample.points)


def test_the_page_has_many_more_designs_and_all_points_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SHOWN", 10)
    monkeypatch.setattr(results, "ON_PAGE", 40)
    monkeypatch.setattr(results, "BEST", 3)
    sample = results.sampled(written(tmp_path, 95), {"0013"}, LATENCY)
    keys = set(sample.designs.keys)
    assert {f"{i:04}" for i in range(0, 95, 3)} | {"0013", "0092", "0094"} <= keys
    assert {p["key"] for p in sample.points} <= keys
    assert sample.left_out == 95 - len(sample.points)
    monkeypatch.setattr(results, "ON_PAGE", 95)
    assert len(results.sampled(written(tmp_path, 95), set(), LATENCY).designs) == 95


def test_failed_points_are_all_counted_and_some_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "SHOWN", 10)
    monkeypatch.setattr(results, "LISTED", 4)
    monkeypatch.setattr(results, "REASONS", 2)
    sample = results.sampled(written(tmp_path, 30, failed=9), set(), [])
    assert sum(p["status"] == "failed" for p in sample.points) == 4
    assert sample.reasons == {"why 0": 3, "why 1": 3, "other reasons": 3}
    assert sample.left_out == 30 - sum(p["status"] == "ok" for p in sample.points)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    file = written(tmp_path, 5)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:keep]))
    with pytest.raises(ConfigError, match="must list points as a run writes them"):
        results.sampled(file, set(), LATENCY)
