"""Broken files around a run: missing, unreadable, corrupt ONNX, truncated stores."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from archsim.cli import main

OK = "workload: {op: gemm, m: 64, n: 64, k: 64, dtype: fp16}\ndevice: h200\n"
ROOT = Path(__file__).parents[2]
GOOD_ONNX = ROOT / "tests" / "data" / "onnx" / "resnet18.legacy.onnx"

ONNX: dict[str, bytes] = {
    "empty": b"",
    "text": b"this is no model",
    "zeros": bytes(4096),
    "noise": bytes((i * 197 + 31) % 256 for i in range(5000)),
    "html": b"<!DOCTYPE html><html><body>404</body></html>",
    "one byte": b"\x08",
    "long length": b"\x3a\xff\xff\xff\xff\x0f",
    "truncated": GOOD_ONNX.read_bytes()[: GOOD_ONNX.stat().st_size // 2],
    "headless": GOOD_ONNX.read_bytes()[100:],
}


@pytest.mark.parametrize("name", ONNX)
def test_a_corrupt_onnx_file(name: str, refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(ONNX[name])
    for verb in ("run", "check"):
        assert "m.onnx" in refused(verb, "m.onnx", "--device", "h200")


@pytest.mark.parametrize("name", ["empty", "noise", "truncated"])
def test_a_run_file_with_a_corrupt_onnx_file(
    name: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "m.onnx").write_bytes(ONNX[name])
    (tmp_path / "x.yaml").write_text("workload: {onnx: m.onnx}\ndevice: h200\n")
    assert "m.onnx" in refused("run", "x.yaml")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "none.yaml"), "must exist"),
        (("run", "folder"), "regular file"),
        (("check", "folder"), "regular file"),
        (("run", "/dev/zero"), "regular file"),
        (("run", "x" * 400), "must"),
        (("run", "none.onnx", "--device", "h200"), "none.onnx"),
        (("run", "none.onnx"), "--device"),
        (("check", "none.yaml"), "must exist"),
        (("report", "folder"), "folder"),
        (("report", "x.yaml"), "x.yaml"),
        (("run", "x.yaml", "--device", "h20"), "did you mean"),
        (("run", "x.yaml", "--device", "../h200.yaml"), "existing file"),
        (("run", "x.yaml", "--workers", "0"), "workers"),
        (("run", "x.yaml", "--workers", "many"), "workers"),
        (("run", "x.yaml", "--output", "x.yaml"), "x.yaml"),
        (("run", "x.yaml", "--output", "/proc/none"), "/proc/none"),
        (("validate", "--device", "h200", "--measured", "none.json"), "none.json"),
        (("validate", "--device", "h200", "--measured", "x.yaml"), "x.yaml"),
        (("validate", "--device", "h20", "--measured", "x.yaml"), "h20"),
        (("validate", "--published", "x.yaml"), "x.yaml"),
        (("schema", "gup"), "did you mean 'gpu'?"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_hostile_arguments(
    arguments: tuple[str, ...], words: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "x.yaml").write_text(OK)
    assert words in refused(*arguments)


STORES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "first page": lambda raw: raw[:100],
    "no database": lambda raw: b"hello, this is not a database" * 300,
    "overwritten": lambda raw: raw[:200] + bytes(len(raw) - 200),
}


@pytest.mark.parametrize("name", STORES)
def test_a_broken_store_is_named_not_a_traceback(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    sentence: Callable[[str], None],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(OK)
    assert main(["run", "x.yaml", "--output", "out"]) == 0
    store = tmp_path / "out" / "store.sqlite"
    sqlite3.connect(store).close()
    for side in ("store.sqlite-wal", "store.sqlite-shm"):
        (tmp_path / "out" / side).unlink(missing_ok=True)
    store.write_bytes(STORES[name](store.read_bytes()))
    capsys.readouterr()
    assert main(["run", "x.yaml", "--output", "out"]) == 2
    shown = capsys.readouterr().err
    sentence(shown.removeprefix("archsim: ").removesuffix("\n"))
    assert "store.sqlite" in shown


def test_an_empty_file_is_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(OK)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "store.sqlite").touch()
    assert main(["run", "x.yaml", "--output", "out"]) == 2
    assert "not an empty file" in capsys.readouterr().err
