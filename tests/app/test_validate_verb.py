"""``validate``: recorded kernels, the HTML page, and options that do not go together."""

import json

import pytest

from archsim.cli import main
from workloads import measured


@pytest.fixture
def small(tmp_path):
    """Some recorded products of the shipped set."""
    data = json.loads(measured.path("h200_kernels").read_text())
    cases = [c for c in data["cases"] if c["op"] in ("gemm", "copy")]
    data["cases"] = cases[:40] + cases[-3:]
    path = tmp_path / "small.json"
    path.write_text(json.dumps(data))
    return path


def test_recorded_kernels_are_priced_and_ranked(small, tmp_path, capsys):
    answer = tmp_path / "answer.json"
    arguments = ["validate", "--device", "h200", "--measured", str(small), "--json", str(answer)]
    assert main([*arguments, "--kernels", "recorded"]) == 0
    printed = capsys.readouterr().out
    assert "recorded kernels given" in printed
    data = json.loads(answer.read_text())
    judged = [c for c in data["cases"] if "recorded_us" in c]
    assert judged
    assert {c["op"] for c in judged} == {"gemm"}
    assert any(c["recorded_us"] != c["predicted_us"] for c in judged)
    summary = data["check"]["choices"]["overall"]
    assert 0 < summary["top1"] <= summary["top3"] <= 100
    assert main(arguments) == 0
    assert "recorded kernels given" not in capsys.readouterr().out


def test_the_page_has_the_scatter_section(small, tmp_path):
    page = tmp_path / "pages" / "out.html"
    arguments = ["validate", "--device", "h200", "--measured", str(small)]
    assert main([*arguments, "--report", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    data = json.loads(text.split('<script id="data" type="application/json">')[1].split("<")[0])
    assert len(data["validation"]["cases"]) == 43
    shown = data["validation"]
    assert shown["summaries"]["check"]["overall"]["n"] > 0
    assert shown["classes"][-1]["name"] == "overall" and shown["classes"][-1]["goal"] == 7
    assert any("Accel-Sim" in row[0] for row in shown["peers"]["rows"])
    assert "peers-table" in text and "one shape never stands on both" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sustained", "x.json", "--report", "x.html"], "--report must be given with --measured"),
        (["--models", "x.json", "--kernels", "recorded"], "--kernels recorded must be given with"),
        (["--measured", "x.json", "--kernels", "guess"], "must be predicted or recorded"),
        (["--measured", "x.json", "--caches", "hot"], "--caches must be cold or warm, not 'hot'"),
        (["--models", "x.json", "--caches", "warm"], "--caches warm must be given with --measured"),
        (["--measured", "SMALL", "--report", "x.pdf"], "must be a .html file"),
    ],
)
def test_options_that_do_not_go_together(arguments, words, small, capsys):
    arguments = [a.replace("SMALL", str(small)) for a in arguments]
    assert main(["validate", "--device", "h200", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_idle_and_zero_operands_of_steady_states(tmp_path, capsys):
    data = json.loads(measured.path("h200_sustained_more").read_text())
    gemm = next(c for c in data["cases"] if c.get("fill") == "zeros" and c["op"] == "gemm")
    twin = {k: v for k, v in gemm.items() if k != "fill"}
    idle = next(c for c in data["cases"] if c["op"] == "idle")
    path, answer = tmp_path / "s.json", tmp_path / "a.json"
    path.write_text(json.dumps({"meta": {}, "cases": [gemm, twin, idle]}))
    arguments = ["validate", "--device", "h200", "--sustained", str(path), "--json", str(answer)]
    assert main(arguments) == 0
    assert "idle" in capsys.readouterr().out
    zeros, random = json.loads(answer.read_text())["cases"]
    assert zeros["predicted_joules"] < random["predicted_joules"]


@pytest.mark.parametrize(
    "change",
    [
        {"grid": None}, {"grid": [0, 1, 1]}, {"grid": "x"}, {"grid": [1.5, 1, 1]},
        {"block": None}, {"block": [-1, 1, 1]}, {"regs": "many"}, {"smem": -1}, {"name": None},
    ],
)  # fmt: skip
def test_garbled_launches_are_not_priced_and_break_nothing(change, tmp_path, capsys):
    kernel = {
        "name": "cutlass_80_tensorop_s16816gemm_f16_128x128_32x4_tn_align8", "grid": [2, 2, 1],
        "block": [128, 1, 1], "regs": 100, "smem": 1000, "dur_us": 9.0, **change,
    }  # fmt: skip
    case = {"op": "gemm", "m": 256, "n": 256, "k": 64, "dtype": "fp16", "us": 9.0}
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"meta": {}, "cases": [{**case, "kernels": [kernel, 7]}]}))
    arguments = ["validate", "--device", "h200", "--measured", str(path), "--kernels", "recorded"]
    assert main(arguments) == 0
