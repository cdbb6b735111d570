"""A point's key changes with everything its answer depends on, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from archsim.app import points, workload
from archsim.app.vocabulary import vocabulary
from archsim.config import load_run

ONNX = Path(__file__).parents[1] / "data" / "onnx"
RUN = "workload: {model: vit_tiny_patch16_224, batch: 1}\ndevice: h200\n"


def _context(folder: Path, text: str = RUN, *overrides: str) -> dict[str, Any]:
    file = folder / "run.yaml"
    file.write_text(text)
    return load_run(file, overrides, vocabulary()).context()


def test_equal_points_have_equal_keys(tmp_path: Path) -> None:
    first = points.identify(_context(tmp_path), {"workload.batch": 2})
    assert points.identify(_context(tmp_path), {"workload.batch": 2}) == first


@pytest.mark.parametrize("override", ["workload.batch=2", "device.sm_count=66", "execution=eager"])
def test_base_design_is_part_of_the_key(tmp_path: Path, override: str) -> None:
    key = points.identify(_context(tmp_path), {})
    assert points.identify(_context(tmp_path, RUN, override), {}) != key


def test_model_version_is_part_of_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = points.identify(_context(tmp_path), {})
    monkeypatch.setattr(points, "model_digest", lambda: "another version")
    assert points.identify(_context(tmp_path), {}) != key


def test_content_of_an_onnx_file_is_part_of_the_key(tmp_path: Path) -> None:
    text = "workload: {onnx: model.onnx, batch: 1}\ndevice: h200\n"
    keys = set()
    for name in ("resnet18.legacy.onnx", "mobilenetv2_100.legacy.onnx"):
        shutil.copy(ONNX / name, tmp_path / "model.onnx")
        workload.forget_graphs()
        keys.add(points.identify(_context(tmp_path, text), {}))
    assert len(keys) == 2
