"""The trace-event file: whole nanoseconds, tracks that tile, names as data."""

import json
from itertools import pairwise

import pytest
from trace_rules import check_tiled, check_trace

from archsim.metrics import KernelResult, OperatorResult
from archsim.metrics.kernel_timeline import GAP, OPERATORS, kernel_timeline
from archsim.metrics.timeline import Slice, Timeline, write_trace


def operator(name, *us, config=None):
    kernels = tuple(
        KernelResult(
            f"k{i}", t, (0, t * 0.7, 0, 0, t * 0.3, 0), {}, 1.0, 8.0, 0.0, 0.0, config or {}
        )
        for i, t in enumerate(us)
    )
    return OperatorResult(name, "gemm", 1, sum(us), 0, 0, 0, 0, 0, 0, kernels)


def test_kernels_gaps_and_reasons_tile_a_stretched_run(tmp_path):
    run = [("a", operator("a", 1 / 3, 2 / 7)), ("b", operator("b", 0.1)), ("a", operator("a", 1.7))]
    made = kernel_timeline("t", run, 5.0, start_us=0.4, gap_us=lambda kernel: 0.11)
    assert made.end_us == pytest.approx(5.0)
    assert made.untiled_us() < 1e-9
    write_trace(tmp_path / "t.json", [made])
    found = check_trace(tmp_path / "t.json")
    assert [name for *_, name in found["t", OPERATORS]] == ["a", "b", "a"]
    check_tiled(found, [OPERATORS], 5000)
    check_tiled(found, ["kernels", GAP], 5000)
    check_tiled(found, ["compute", "hbm", GAP], 5000)
    planned = 0.4 + 4 * 0.11 + 1 / 3 + 2 / 7 + 0.1 + 1.7
    gap = sum(end - start for start, end, _ in found["t", GAP])
    assert gap == pytest.approx(1000 * 5 / planned * (0.4 + 4 * 0.11), abs=5)


def test_a_product_that_occurs_many_times_is_many_slices(tmp_path):
    made = kernel_timeline("t", [("a", operator("a", 1.2, config={"count": 12}))], 1.2)
    write_trace(tmp_path / "t.json", [made])
    assert len(check_trace(tmp_path / "t.json")["t", "kernels"]) == 12


def test_slices_below_a_nanosecond_leave_their_place_to_the_neighbours(tmp_path):
    edges = [i * 0.0003 for i in range(11)]
    slices = [Slice("u", f"s{i}", a, b) for i, (a, b) in enumerate(pairwise(edges))]
    write_trace(tmp_path / "t.json", [Timeline("t", edges[-1], ["u"], slices, [["u"]])])
    found = check_trace(tmp_path / "t.json")
    check_tiled(found, ["u"], 3)


def test_halves_of_a_nanosecond_all_go_up(tmp_path):
    slices = [Slice("u", f"s{i}", 0.0005 + i / 1000, 0.0015 + i / 1000) for i in range(4)]
    write_trace(tmp_path / "t.json", [Timeline("t", 0.0045, ["u"], slices)])
    found = check_trace(tmp_path / "t.json")["t", "u"]
    assert [(start, end) for start, end, _ in found] == [(1, 2), (2, 3), (3, 4), (4, 5)]


def test_names_stay_data_and_several_processes_stay_apart(tmp_path):
    name = 'a "b" \\ <c> µ'
    one = Timeline(name, 1.0, ["u"], [Slice("u", name, 0.0, 1.0)], [["u"]])
    two = Timeline("two", 1.0, ["u"], [Slice("u", "x", 0.0, 0.5)])
    assert two.untiled_us() == 0.0
    write_trace(tmp_path / "t.json", [one, two])
    found = check_trace(tmp_path / "t.json")
    assert found[name, "u"] == [(0, 1000, name)]
    assert found["two", "u"] == [(0, 500, "x")]


@pytest.mark.parametrize("second", [(0.4, 1.0), (0.6, 1.0), (0.5, 0.9)])
def test_what_does_not_tile_is_found(tmp_path, second):
    slices = [Slice("u", "a", 0.0, 0.5), Slice("u", "b", *second)]
    made = Timeline("t", 1.0, ["u"], slices, [["u"]])
    assert made.untiled_us() == pytest.approx(0.1)
    write_trace(tmp_path / "t.json", [made])
    with pytest.raises(AssertionError):
        check_tiled(check_trace(tmp_path / "t.json"), ["u"], 1000)


@pytest.mark.parametrize(
    "text",
    [
        '{"displayTimeUnit":"ns","traceEvents":[]}',
        '{"traceEvents":[{"ph":"X","pid":1,"tid":1,"ts":0.0001,"dur":1,"name":"a"}]}',
        '{"traceEvents":[{"ph":"X","pid":1,"tid":1,"ts":0,"dur":1,"name":"a"}]}',
        '{"traceEvents":[{"ph":"X","pid":1,"tid":1,"ts":0,"dur":NaN,"name":"a"}]}',
    ],
)
def test_the_rules_refuse_what_the_importer_flags(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(AssertionError):
        check_trace(tmp_path / "t.json")


def test_a_trace_is_one_event_a_line(tmp_path):
    write_trace(tmp_path / "t.json", [Timeline("t", 0.0, [], [])])
    lines = (tmp_path / "t.json").read_text().splitlines()
    assert json.loads(lines[1])["args"] == {"name": "t"}
    assert lines[-1] == "]}"
