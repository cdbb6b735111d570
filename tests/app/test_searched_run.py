"""A search through the verb: text axes, the range that lacks a step, resume."""

from __future__ import annotations

import csv
import json

import pytest

from archsim.cli import main

HEAD = """\
workload: {op: gemm, m: 32, n: 48, k: 32, dtype: int8}
device: os_8x8_int8
minimize: [latency_us, dsp]
"""
SPACE = """\
sweep:
  device: [os_8x8_int8, ws_8x8_int8]
  device.arithmetic.rounding: [half_up, floor, half_even]
  device.memory.shared: [false, true]
  device.array.rows: {start: 2, stop: 8, step: 1}
  device.memory.bytes_per_cycle: [8, 16, 32]
"""


def searched(tmp_path, method, budget, name="out"):
    file = tmp_path / "s.yaml"
    file.write_text(HEAD + SPACE + f"search: {{method: {method}, budget: {budget}, seed: 3}}\n")
    out = tmp_path / name
    assert main(["run", str(file), "--output", str(out)]) == 0
    return out, json.loads((out / "results.json").read_text())["points"]


@pytest.mark.parametrize("method", ["nsga2", "tpe", "random"])
def test_texts_and_truth_values_are_searched(method, tmp_path):
    out, points = searched(tmp_path, method, 40)
    assert len(points) == 40 and all(p["status"] == "ok" for p in points)
    assert len({json.dumps(p["overrides"], sort_keys=True) for p in points}) == 40
    for path, values in {
        "device": {"os_8x8_int8", "ws_8x8_int8"},
        "device.arithmetic.rounding": {"half_up", "floor", "half_even"},
        "device.memory.shared": {False, True},
    }.items():
        assert {p["overrides"][path] for p in points} == values
    with (out / "search.csv").open() as lines:
        assert int(list(csv.DictReader(lines))[-1]["points"]) == 40


def test_a_search_goes_on_where_it_stopped_and_says_the_same(tmp_path):
    whole, _ = searched(tmp_path, "nsga2", 60, "whole")
    searched(tmp_path, "nsga2", 25, "part")
    part, _ = searched(tmp_path, "nsga2", 60, "part")
    for name in ("results.csv", "pareto.csv", "search.csv"):
        assert (part / name).read_bytes() == (whole / name).read_bytes(), name


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ("device.array.rows: {start: 2, stop: 64}", "device.array.rows must be an integer"),
        ("workload.m: {start: 1, stop: 16}", "gemm.m must be an integer"),
    ],
)
def test_a_continuous_range_of_whole_numbers_is_told_of_step(axis, words, tmp_path, capsys):
    file = tmp_path / "s.yaml"
    file.write_text(f"{HEAD}sweep:\n  {axis}\nsearch: {{budget: 5}}\n")
    assert main(["run", str(file), "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert words in said and said.endswith("give it a step, such as step: 1\n")
    assert not (tmp_path / "out").exists()
