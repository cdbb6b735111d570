"""What goes into the page: every number in its place, the same bytes, nothing executable."""

import base64
import json
import math
from array import array

import pytest

from archsim.config.constraint import Constraint
from archsim.report import ReportData, best, label, ranked
from archsim.report.designs import Designs, packed
from archsim.report.payload import MAX_DETAILS, MAX_OPERATORS, build, dumps
from archsim.report.plain import plain

CODES = {"u1": "B", "u2": "H", "u4": "I", "f4": "f", "f8": "d"}


def unpacked(column):
    ((name, text),) = column.items()
    return list(array(CODES[name], base64.b64decode(text)))


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("latency_us", "latency (µs)"),
        ("energy_j", "energy (J)"),
        ("throughput_per_s", "throughput (1/s)"),
        ("hbm_bytes_per_s", "hbm (B/s)"),
        ("mfu", "mfu"),
        ("kernels", "kernels"),
        ("us", "us"),
    ],
)
def test_labels_carry_the_unit(metric, text):
    assert label(metric) == text


def test_best_is_the_least_first_objective_with_ties_by_the_next_and_the_key():
    def point(key, a, b, status="done"):
        return {"key": key, "metrics": {"a": a, "b": b}, "status": status}

    points = [point("z", 2, 0), point("y", 1, 3), point("x", 1, 2), point("w", 1, 2)]
    assert best(points, ["a", "b"])["key"] == "w"
    assert [p["key"] for p in ranked(points, ["a", "b"])] == ["w", "x", "y", "z"]
    assert best([point("f", 0, 0, "failed")], ["a"]) is None


def test_columns_hold_every_point_in_key_order(run):
    data = build(run)
    points = {p["key"]: p for p in run.points if p["status"] == "done"}
    assert data["count"] == 18
    assert data["keys"]["text"] == "".join(k[:12] for k in sorted(points))
    names = [m["name"] for m in data["metrics"]]
    assert names == ["latency_us", "energy_j", "power_w"]
    for i, key in enumerate(sorted(points)):
        for metric in data["metrics"]:
            assert unpacked(metric["values"])[i] == pytest.approx(
                points[key]["metrics"][metric["name"]]
            )
        for axis in data["axes"]:
            assert (
                axis["values"][unpacked(axis["index"])[i]] == points[key]["overrides"][axis["name"]]
            )
    assert [sorted(points)[i] for i in data["pareto"]] == sorted(run.pareto)
    assert sorted(points)[data["best"]] == best(run.points, run.minimize)["key"]


def test_the_order_of_points_does_not_matter(make_run):
    run = make_run()
    turned = make_run(points=list(reversed(run.points)))
    assert dumps(build(run)) == dumps(build(turned))


def test_details_name_operators_terms_and_kernels(run):
    data = build(run)
    detail = data["details"][str(data["best"])]
    first = detail["operators"][0]
    assert (first["name"], first["count"], first["kernels"]) == (
        "block.qkv", 12, ["gemm_kernel ×2"],
    )  # fmt: skip
    key = best(run.points, run.minimize)["key"]
    truth = next(o for o in run.details[key]["operators"] if o["name"] == "block.qkv")
    assert first["terms"] == pytest.approx(list(truth["terms_us"].values()))
    assert detail["estimated"][0] == ["launch.kernel_us", 0.031]


def test_details_are_capped_with_the_best_and_the_front_first(make_run):
    run = make_run()
    many = [{**run.points[0], "key": f"k{i:03d}", "metrics": {"latency_us": 1000.0 + i}}
            for i in range(100)]  # fmt: skip
    template = next(iter(run.details.values()))
    data = build(
        make_run(points=many, details={p["key"]: template for p in many}, pareto=["k000", "k099"])
    )
    assert len(data["details"]) == MAX_DETAILS
    assert {"0", "99"} <= set(data["details"])
    assert "98" not in data["details"]


def test_operators_are_capped_and_the_rest_is_counted(make_run):
    run = make_run()
    key = best(run.points, run.minimize)["key"]
    detail = dict(run.details[key])
    detail["operators"] = detail["operators"] * 100
    data = build(make_run(details={key: detail}))
    shown = data["details"][str(data["best"])]
    assert len(shown["operators"]) == MAX_OPERATORS
    assert shown["left_out"] == 300 - MAX_OPERATORS


def test_failed_points_are_listed_with_their_reason(run, hostile):
    failed = build(run)["failed"]
    assert failed["count"] == 1
    assert failed["listed"][0]["error"].startswith("workload.batch must be at least 1")


def test_failed_points_of_a_sample_are_counted_as_the_run_has_them(make_run):
    assert build(make_run(reasons={"why": 70}))["failed"]["count"] == 70


def test_axes_of_words_and_of_missing_values():
    points = [
        {"key": str(i), "overrides": {"device": d} if d else {}, "metrics": {"a": 1.0}}
        for i, d in enumerate(["h200", "a100", None])
    ]
    data = build(ReportData(title="t", minimize=["a"], axes=["device"], points=points))
    (axis,) = data["axes"]
    assert axis["numeric"] is False
    assert [axis["values"][i] for i in unpacked(axis["index"])] == ["h200", "a100", None]


def test_numbers_sort_as_numbers():
    points = [
        {"key": str(i), "overrides": {"n": n}, "metrics": {"a": 1.0}}
        for i, n in enumerate([10, 9, 100])
    ]
    data = build(ReportData(title="t", minimize=["a"], axes=["n"], points=points))
    assert data["axes"][0]["values"] == [9, 10, 100]
    assert unpacked(data["axes"][0]["index"]) == [1, 0, 2]


def test_columns_are_as_narrow_as_their_numbers_allow():
    assert packed(array("I", [0, 255])).keys() == {"u1"}
    assert packed(array("I", [256])).keys() == {"u2"}
    assert packed(array("I", [2**31])).keys() == {"u4"}
    assert unpacked(packed(array("I"))) == []
    assert packed(array("d", [0.0, -3.5, math.nan])).keys() == {"f4"}
    for huge in (1e39, 1e-39):
        column = array("d", [1.0, huge])
        assert unpacked(packed(column)) == list(column)


def test_a_design_without_a_metric_has_no_number_there():
    rows = [({"a": 1.0}, 0), ({"a": 2.0, "b": 7.0}, 1), ({"a": math.inf, "b": "x"}, 2)]
    designs = Designs(["n"])
    for metrics, n in rows:
        designs.add(f"{2 - n}", {"n": n}, metrics)
    turned = designs.in_key_order()
    assert turned.keys == ["0", "1", "2"]
    a, b = (list(turned.metrics[name]) for name in "ab")
    assert (math.isnan(a[0]), a[1:]) == (True, [2.0, 1.0])
    assert (math.isnan(b[0]), b[1], math.isnan(b[2])) == (True, 7.0, True)
    assert unpacked(turned.axis("n")["index"]) == [2, 1, 0]


def test_designs_that_break_a_constraint_are_found_after_sorting():
    limit = Constraint("a", maximum=1.0)
    designs = Designs([], [limit])
    for key, a in zip("dcba", (0.5, 2.0, 1.0, 3.0), strict=True):
        designs.add(key, {}, {"a": a})
    assert list(designs.in_key_order().broken) == [0, 2]


def test_axes_of_lists_keep_their_values():
    designs = Designs(["n"])
    for i, value in enumerate(([1, 2], {"x": 1}, [1, 2])):
        designs.add(str(i), {"n": value}, {})
    axis = designs.axis("n")
    assert [axis["values"][i] for i in unpacked(axis["index"])] == [[1, 2], {"x": 1}, [1, 2]]


def test_more_designs_than_points_are_shown_and_the_rest_is_counted(make_run):
    run = make_run(left_out=982)
    designs = Designs.of(run.points, run.axes)
    for i in range(50):
        designs.add(f"{i:064x}", {}, {"latency_us": 1.0})
    data = build(make_run(left_out=982, designs=designs))
    assert (data["count"], data["left_out"]) == (68, 932)


def test_json_cannot_leave_its_script_element(run, hostile):
    text = dumps(build(run))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text)["title"] == f"run {hostile}"


def test_plain_rounds_and_refuses_nothing():
    assert plain({"a": math.nan, "b": [1.23456789, 2**70, True, None], 3: object}) == {
        "a": None,
        "b": [1.234568, str(2**70), True, None],
        "3": str(object),
    }


def test_an_empty_run_still_has_a_page():
    data = build(ReportData(title="t", minimize=["a"], axes=[], points=[]))
    assert (data["count"], data["best"], data["minimize"]) == (0, None, [])
