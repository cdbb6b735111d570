"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archsim.cli import main
from archsim.models.gpu import model as gpu_model
from archsim.sweep.locking import FileLock

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"


def test_run_prints_a_table_and_writes_every_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, answer = tmp_path / "out", tmp_path / "answer.json"
    assert main(["run", str(QUICKSTART), "--output", str(out), "--json", str(answer)]) == 0
    printed = capsys.readouterr().out
    assert "18 designs" in printed
    assert "report.html" in printed.replace("\n", "")  # a long path is folded
    data = json.loads(answer.read_text())
    assert len(data["points"]) == 18
    assert {p["status"] for p in data["points"]} == {"ok"}
    for name in ("results.csv", "results.json", "results.parquet", "pareto.csv", "report.html"):
        assert (out / name).stat().st_size > 0, name


def test_a_second_run_evaluates_nothing_and_changes_no_byte(tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["run", str(QUICKSTART), "--output", str(out)]
    names = ("results.csv", "results.json", "results.parquet", "pareto.csv", "report.html")
    assert main(arguments) == 0
    first = {name: (out / name).read_bytes() for name in names}
    assert main(arguments) == 0
    assert {name: (out / name).read_bytes() for name in names} == first


def test_parallel_and_serial_runs_write_the_same_bytes(tmp_path: Path) -> None:
    outs = [tmp_path / "one", tmp_path / "two"]
    for out, workers in zip(outs, ("1", "2"), strict=True):
        assert main(["run", str(QUICKSTART), "--output", str(out), "--workers", workers]) == 0
    for name in ("results.csv", "results.json", "results.parquet", "pareto.csv", "report.html"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes(), name


def test_report_is_written_again_without_evaluating(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["run", str(QUICKSTART), "--output", str(out)]) == 0
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    assert main(["report", str(out)]) == 0
    assert (out / "report.html").read_bytes() == page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "missing.yaml"], "missing.yaml"),
        (["run", str(QUICKSTART), "--batch", "4"], "--batch is for ONNX models"),
        (["run", str(QUICKSTART), "--set", "device.sm_count=many"], "--set device.sm_count=many"),
        (["run", str(QUICKSTART), "--device", "h20"], "did you mean"),
        (["run", "model.onnx"], "needs --device"),
        (["list", "gadgets"], "must be one of devices, workloads, presets"),
        (["schema", "toaster"], "toaster"),
        (["report", "nowhere"], "nowhere"),
        (["validate", "--device", "h200"], "exactly one of"),
        (["run", str(QUICKSTART), "--colour", "red"], "--colour"),
        (["fly"], "fly"),
    ],
    ids=lambda value: " ".join(value[:3])[:60] if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("archsim: ")
    assert error.count("\n") == 1
    assert sentence in error


def test_schema_is_a_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("run", "gpu"):
        assert main(["schema", kind]) == 0
        schema = json.loads(capsys.readouterr().out)
        assert schema["$schema"].startswith("https://json-schema.org/")


def test_check_shows_parameters_and_constants(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tmp_path / "answer.json"
    assert main(["check", str(QUICKSTART), "--json", str(answer)]) == 0
    assert "memory.bandwidth_bytes_per_s" in capsys.readouterr().out
    assert json.loads(answer.read_text())["graph"]["parameters"] == 86_567_656


def test_help_loads_no_numeric_library() -> None:
    code = (
        "import sys; from archsim.cli import main; main(['--help']); "
        "print([m for m in ('numpy', 'numba', 'onnx', 'amaranth') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip().endswith("[]")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a finished run."""
    out = tmp_path_factory.mktemp("finished") / "out"
    assert main(["run", str(QUICKSTART), "--output", str(out)]) == 0
    return out


@pytest.mark.parametrize("name", ["run.json", "results.json", "pareto.csv"])
@pytest.mark.parametrize("text", [None, "[]", "{}", '{"points": 3}', '{"points": [1]}', "\0"])
def test_report_of_a_damaged_folder_is_one_sentence(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, text: str | None
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    (out / name).unlink()
    if text is not None:
        (out / name).write_text(text)
    capsys.readouterr()
    assert main(["report", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert name in error


def test_a_refused_run_leaves_a_running_one_alone(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    before = (out / "run.json").read_bytes()
    lock = FileLock(out / "store.sqlite")
    try:
        arguments = ["run", str(QUICKSTART), "--set", "workload.dtype=bf16", "--output", str(out)]
        assert main(arguments) == 2
    finally:
        lock.release()
    assert "one run at a time" in capsys.readouterr().err
    assert (out / "run.json").read_bytes() == before


def test_a_terminal_without_unicode_still_gets_the_table(finished: Path) -> None:
    command = [sys.executable, "-c", "from archsim.cli import entry; entry()", "report"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command.append(str(finished))
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"18 designs" in done.stdout


@pytest.mark.parametrize(
    "stem", ["<img src=x onerror=alert(1)>", "-", "modèle №1", "..x", "y" * 200]
)
def test_an_onnx_file_may_have_any_name(tmp_path: Path, stem: str) -> None:
    file = tmp_path / f"{stem}.onnx"
    shutil.copy(ROOT / "tests" / "data" / "onnx" / "mobilenetv3_small_100.legacy.onnx", file)
    out = tmp_path / "out"
    assert main(["run", str(file), "--device", "h200", "--output", str(out)]) == 0
    assert "<img" not in (out / "report.html").read_text()


@pytest.mark.parametrize(
    ("name", "shown"), [("quickstart", "vit_base_patch16_224"), ("h200", "sm_count")]
)
def test_check_takes_the_names_of_presets_and_devices(
    name: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", name]) == 0
    assert shown in capsys.readouterr().out


def test_a_failed_self_check_ends_with_exit_code_3_and_keeps_the_other_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    solved = gpu_model.solved

    def wrong(devices: Any, *more: Any, **options: Any) -> Any:
        out = solved(devices, *more, **options)
        if devices["sm_count"][0] == 99:
            out[-2] *= 3.0  # slower with more SMs
        return out

    monkeypatch.setattr(gpu_model, "solved", wrong)
    out = tmp_path / "out"
    assert main(["run", str(QUICKSTART), "--output", str(out)]) == 3
    error = capsys.readouterr().err
    assert "6 of 18 points failed a self-check" in error
    assert "conv2d n=1 cin=3" in error
    points = json.loads((out / "results.json").read_text())["points"]
    assert sum(p["status"] == "ok" for p in points) == 12
