"""Sweep specifications: modes, ranges, order, and what they refuse."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.config.sweep import Sweep, parse_sweep
from archsim.config.yaml_strict import parse_document
from archsim.errors import ConfigError


def parse(text: str) -> Sweep:
    return parse_sweep(parse_document(f"sweep:\n  {text}\n", "f"))[0]


def axis(text: str) -> tuple[object, ...]:
    return parse(f"workload.batch: {text}").axes["workload.batch"]


def test_no_sweep_is_one_point() -> None:
    sweep = parse_sweep(parse_document("a: 1", "f"))[0]
    assert sweep.count == 1
    assert list(sweep.points()) == [{}]


def test_grid_varies_the_last_axis_fastest() -> None:
    sweep = parse("{workload.batch: [1, 2], device.sm_count.value: [3, 4]}")
    points = [tuple(point.values()) for point in sweep.points()]
    assert points == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert sweep.count == 4
    assert list(sweep.axes) == ["workload.batch", "device.sm_count"]


@pytest.mark.parametrize("text", ["{zip: {%s}}", "{mode: zip, %s}"])
def test_zip_takes_values_together(text: str) -> None:
    sweep = parse(text % "workload.batch: [1, 2], device.sm_count: [3, 3]")
    assert sweep.mode == "zip"
    assert [tuple(point.values()) for point in sweep.points()] == [(1, 3), (2, 3)]
    assert sweep.count == 2


def test_list_keeps_its_rows() -> None:
    sweep = parse("{list: [{workload.batch: 1}, {workload.batch: 2, device.sm_count: 3}]}")
    assert list(sweep.points()) == [
        {"workload.batch": 1},
        {"workload.batch": 2, "device.sm_count": 3},
    ]
    assert sweep.axes == {"workload.batch": (1, 2), "device.sm_count": (3,)}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{start: 1, stop: 5, step: 2}", (1, 3, 5)),
        ("{start: 1, stop: 6, step: 2}", (1, 3, 5)),
        ("{start: 0, stop: 1, num: 5}", (0, 0.25, 0.5, 0.75, 1)),
        ("{start: 1, stop: 128, num: 8, scale: log}", (1, 2, 4, 8, 16, 32, 64, 128)),
        ("{start: 0.1, stop: 0.3, step: 0.1}", (0.1, 0.2, 0.3)),
        ("{start: 1e9, stop: 2e9, num: 3}", (1e9, 1.5e9, 2e9)),
    ],
)
def test_ranges(text: str, values: tuple[float, ...]) -> None:
    found = axis(text)
    assert found == pytest.approx(values, rel=1e-12)
    whole = all(isinstance(value, int) for value in values)
    assert all(isinstance(value, int) for value in found) == whole


@given(
    st.floats(1e-6, 1e12),
    st.floats(1.001, 1e6),
    st.integers(2, 200),
    st.sampled_from(["linear", "log"]),
)
def test_ranges_rise_from_start_to_stop(start: float, factor: float, num: int, scale: str) -> None:
    stop = start * factor
    found = axis(f"{{start: {start!r}, stop: {stop!r}, num: {num}, scale: {scale}}}")
    assert len(found) == num
    assert (found[0], found[-1]) == (start, stop)
    assert all(a < b for a, b in pairwise(found))  # type: ignore[operator]


def test_a_huge_grid_is_counted_not_built() -> None:
    axes = ", ".join(f"workload.c{i}: {{start: 1, stop: 1e6, num: 1000}}" for i in range(6))
    assert parse(f"{{{axes}}}").count == 1000**6


REFUSED = {
    "empty": ("{}", "must be a mapping of paths"),
    "list": ("[1]", "must be a mapping of paths"),
    "scalar axis": ("workload.batch: 4", "must be a list of values or a range, not 4"),
    "empty axis": ("workload.batch: []", "not an empty list"),
    "nested": ("workload.batch: [[1]]", "must be a single value here, not a list"),
    "repeat": ("workload.batch: [1, 2, 1]", "each value once, not 1 again"),
    "repeat float": ("workload.batch: [1, 1.0]", "each value once"),
    "prefix": ("wrokload.batch: [1]", "did you mean 'workload'?"),
    "alien": ("minimize: [1]", "paths that start with workload. or device."),
    "twice": ("{device.sm_count: [1], device.sm_count.value: [2]}", "once, not twice"),
    "mode": ("{mode: gird, workload.batch: [1]}", "did you mean 'grid'?"),
    "mode only": ("{mode: grid}", "must be a mapping of paths, not an empty mapping"),
    "both": ("{grid: {workload.batch: [1]}, workload.seq: [1]}", "must hold grid alone"),
    "zip lengths": ("{zip: {workload.batch: [1, 2], workload.seq: [1]}}", "must have 2 values"),
    "zip repeat": ("{zip: {workload.batch: [1, 1], workload.seq: [2, 2]}}", "twice"),
    "list empty": ("{list: []}", "must be a list of points"),
    "list scalar": ("{list: [1]}", "sweep.list[0] must be a mapping"),
    "list repeat": ("{list: [{workload.b: 1}, {workload.b: 1}]}", "must differ"),
    "range key": ("workload.batch: {start: 1, stpo: 2}", "did you mean 'stop'?"),
    "range both": ("workload.batch: {start: 1, stop: 2, num: 2, step: 1}", "either num or step"),
    "range none": ("workload.batch: {start: 1, stop: 2}", "either num or step"),
    "range text": ("workload.batch: {start: one, stop: 2, num: 2}", "a number as start"),
    "range missing": ("workload.batch: {start: 1, num: 2}", "a number as stop, not null"),
    "range down": ("workload.batch: {start: 2, stop: 1, num: 2}", "must go up"),
    "range log zero": ("workload.batch: {start: 0, stop: 1, num: 2, scale: log}", "above 0"),
    "range log step": ("workload.batch: {start: 1, stop: 2, step: 1, scale: log}", "have num"),
    "range num": ("workload.batch: {start: 1, stop: 2, num: 1}", "num from 2"),
    "range num huge": ("workload.batch: {start: 1, stop: 2, num: 1e9}", "num from 2"),
    "range step zero": ("workload.batch: {start: 1, stop: 2, step: 0}", "step above 0"),
    "range step tiny": ("workload.batch: {start: 1, stop: 2, step: 1e-300}", "at most 100000"),
    "range span": ("workload.batch: {start: -1e308, stop: 1e308, num: 3}", "span less"),
    "range scale": ("workload.batch: {start: 1, stop: 2, num: 2, scale: cubic}", "linear or log"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith("f:2:")
    assert words in str(caught.value)


def test_a_long_axis_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most 100000 values"):
        axis(f"[{', '.join(map(str, range(100_001)))}]")


def test_numbers_of_points_are_exact() -> None:
    sweep = parse("{workload.a: [1, 2, 3], workload.b: [1, 2], workload.c: [1, 2]}")
    assert sweep.count == math.prod((3, 2, 2)) == len(list(sweep.points()))
