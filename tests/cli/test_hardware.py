"""The verbs around a device's hardware."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archsim.cli import main


def test_generate_writes_verilog_and_manifest(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    arguments = ["generate", "os_4x4_int8", "--output", str(tmp_path / "rtl")]
    assert main([*arguments, "--json", str(answer)]) == 0
    manifest = json.loads((tmp_path / "rtl" / "manifest.json").read_text())
    assert manifest["design_digest"] == json.loads(answer.read_text())["design_digest"]
    assert "module matrix_top" in (tmp_path / "rtl" / "top.v").read_text()


def test_cosim_lists_its_cases(tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    arguments = ["cosim", "os_4x4_int8", "--gemm", "5x7x6", "--gemm", "1x1x1", "--seed", "3"]
    assert main([*arguments, "--json", str(answer)]) == 0
    cases = json.loads(answer.read_text())["cases"]
    assert [case["name"] for case in cases] == ["5x7x6", "1x1x1"]
    for case in cases:
        assert case["mismatches"] == 0
        assert case["simulator"] == "verilator"
        assert case["bound_cycles"] <= case["model_cycles"] == case["rtl_cycles"]


def test_loop_closes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer = tmp_path / "answer.json"
    assert main(["loop", "os_8x8_int8", "--json", str(answer)]) == 0
    assert "bits agree, cycles agree" in capsys.readouterr().out
    golden = json.loads(answer.read_text())["golden"]
    assert {row["recorded on"] for row in golden} == {"NVIDIA H200"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["cosim", "h200"], "the device must have RTL"),
        (["cosim", "os_4x4_int8", "--gemm", "5x7"], "--gemm must be MxKxN"),
        (["cosim", "os_4x4_int8", "--gemm", "0x7x1"], "--gemm must be MxKxN"),
        (["cosim", "os_4x4_int8", "--sim", "spice"], "--sim must be one of"),
        (["generate", "os_4x4_int"], "did you mean"),
        (["loop", "quickstart.yaml"], "quickstart.yaml"),
    ],
)
def test_bad_input(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert sentence in error
