"""A report shows the front and a sample of a large sweep, and reads one point at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.app import results
from archsim.errors import ConfigError


def written(folder: Path, count: int) -> Path:
    file = folder / "results.json"
    rows = [
        json.dumps({"key": f"{i:04}", "overrides": {}, "status": "ok", "reason": None,
                    "metrics": {"latency_us": i}})
        for i in range(count)
    ]  # fmt: skip
    file.write_text(
        '{"axes":[],"metrics":["latency_us"],"points":[\n' + ",\n".join(rows) + "\n]}\n"
    )
    return file


def test_a_small_sweep_is_shown_whole(tmp_path: Path) -> None:
    shown, left_out = results.sampled(written(tmp_path, 7), set())
    assert [p["key"] for p in shown] == [f"{i:04}" for i in range(7)]
    assert left_out == 0


def test_a_large_sweep_keeps_its_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SHOWN", 10)
    shown, left_out = results.sampled(written(tmp_path, 95), {"0013", "0094"})
    keys = [p["key"] for p in shown]
    assert {"0013", "0094"} <= set(keys)
    assert len(keys) == 10 + 2 - ("0094" in keys[:-1])
    assert left_out == 95 - len(keys)


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    file = written(tmp_path, 5)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:keep]))
    with pytest.raises(ConfigError, match="must list points as a run writes them"):
        results.sampled(file, set())
