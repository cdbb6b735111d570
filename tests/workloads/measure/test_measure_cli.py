"""``python -m workloads.measure`` where nothing can be measured, and with bad names."""

from __future__ import annotations

import importlib
import types
from pathlib import Path

import pytest

from archsim.errors import ConfigError
from workloads.measure import NoGpuError, main, names
from workloads.measure.__main__ import run
from workloads.measure.device import require_gpu


def pretend(monkeypatch: pytest.MonkeyPatch, torch: object) -> None:
    def load(name: str) -> object:
        if isinstance(torch, Exception):
            raise torch
        return torch

    monkeypatch.setattr(importlib, "import_module", load)


def fake(cuda: str | None, available: bool) -> types.SimpleNamespace:
    return types.SimpleNamespace(
        __version__="2.0",
        version=types.SimpleNamespace(cuda=cuda),
        cuda=types.SimpleNamespace(is_available=lambda: available),
    )


@pytest.mark.parametrize(
    ("torch", "sentence"),
    [
        (ImportError("no"), "the module torch cannot be imported"),
        (fake(None, False), "torch 2.0 has none"),
        (fake("13.0", False), "CUDA finds none"),
    ],
)
def test_one_sentence_where_measuring_cannot_work(
    monkeypatch: pytest.MonkeyPatch, torch: object, sentence: str
) -> None:
    pretend(monkeypatch, torch)
    with pytest.raises(NoGpuError, match=sentence):
        require_gpu()


def test_command_exits_2_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pretend(monkeypatch, ImportError("no"))
    assert run(["--output", str(tmp_path / "x.json")]) == 2
    assert capsys.readouterr().err.startswith("error: measuring must have PyTorch")
    assert not list(tmp_path.iterdir())


def test_unknown_suite_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"suite must be one of .*operators.*, not nope"):
        main(["nope"], tmp_path / "x.json")
    assert {"operators", "models", "sustained", "micro"} <= set(names())
