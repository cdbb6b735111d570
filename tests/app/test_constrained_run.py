"""A sweep with constraints: broken designs stay in the results, off the front, and are marked."""

from __future__ import annotations

import base64
import csv
import io
import json

import pytest
from rich.console import Console

from archsim.app.running import Request, run
from archsim.report.payload import build
from archsim.report.terminal import render_run

TEXT = """\
workload: {model: deit_tiny_patch16_224, depth: 1, dtype: int8, quantise: all}
device: os_8x8_int8
sweep: {device.array.rows: [2, 4, 8]}
minimize: [latency_us, dsp, asic_area_7nm_mm2]
constraints: {dsp: {max: LIMIT}, fmax_mhz: {min: 100}}
"""


def outcome(tmp_path, limit):
    file = tmp_path / "limited.yaml"
    file.write_text(TEXT.replace("LIMIT", str(limit)))
    return run(Request(file=file, output=tmp_path / "out"))


def text_of(report, width=100):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(render_run(report, None, width))
    return console.file.getvalue()


def test_the_fastest_design_that_fits_is_the_best(tmp_path):
    found = outcome(tmp_path, 50)
    rows = {p["overrides"]["device.array.rows"]: p for p in found.report.points}
    assert [rows[n]["metrics"]["dsp"] for n in (2, 4, 8)] == [32, 48, 80]
    with (tmp_path / "out" / "pareto.csv").open() as lines:
        front = {row["device.array.rows"] for row in csv.DictReader(lines)}
    assert front == {"2", "4"}
    page = build(found.report)
    assert page["constraints"] == ["dsp <= 50", "fmax_mhz >= 100"]
    text = page["keys"]["text"]
    keys = [text[i : i + 12] for i in range(0, len(text), 12)]
    broken = base64.b64decode(page["broken"]["u1"])
    assert [keys[i] for i in broken] == [rows[8]["key"][:12]]
    assert keys[page["best"]] == rows[4]["key"][:12]
    text = text_of(found.report)
    assert "constraints: dsp <= 50, fmax_mhz >= 100; broken (x) by 1 of 3 designs" in text
    marks = [line[0] for line in text.splitlines() if line[:1] in "*x" and line[:1]]
    assert marks == ["*", "*", "x"]
    assert "scaled: " in text and "counted: " in text and "mm²" in text
    assert json.loads((tmp_path / "out" / "run.json").read_text())["constraints"] == {
        "dsp": {"max": 50.0}, "fmax_mhz": {"min": 100.0},
    }  # fmt: skip


def test_where_none_fits_the_nearest_comes_first_and_none_is_best(tmp_path):
    found = outcome(tmp_path, 20)
    assert build(found.report)["best"] is None
    text = text_of(found.report)
    assert "no design keeps all constraints" in text and "Best design" not in text
    first = next(line for line in text.splitlines() if line.startswith("x"))
    assert first.split()[1] == "2"


@pytest.mark.parametrize("limit", [1000])
def test_limits_that_nothing_breaks_change_nothing(tmp_path, limit):
    found = outcome(tmp_path, limit)
    assert "broken (x) by 0 of 3" in text_of(found.report)
    assert found.summary.front == 3
