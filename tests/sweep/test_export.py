import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from archsim.errors import ConfigError
from archsim.sweep import Space
from archsim.sweep.columns import kind_of


def read(results):
    files = results()
    rows = list(csv.DictReader(io.StringIO(files["results.csv"].decode())))
    table = pq.read_table(io.BytesIO(files["results.parquet"])).to_pylist()
    return rows, json.loads(files["results.json"]), table


def test_three_formats_say_the_same_sorted_by_key(sweep, results):
    space = Space("grid", {"device.x": [3, 1], "x": [1, 0.5], "y": [1, 2], "s": ['a,\n"b', "c"]})
    summary = sweep(space, {"bad": [0.5]})
    rows, plain, table = read(results)
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    assert len(rows) == len(plain["points"]) == len(table) == summary.points == 16
    assert plain["axes"] == ["device.x", "x", "y", "s"]
    assert plain["metrics"] == ["energy_j", "latency_us", "power_w"]
    for row, point, line in zip(rows, plain["points"], table, strict=True):
        assert row["key"] == point["key"] == line["key"]
        assert row["status"] == point["status"] == line["status"]
        assert row["s"] == point["overrides"]["s"] == line["s"]
        assert int(row["y"]) == point["overrides"]["y"] == line["y"]
        assert float(row["x"]) == point["overrides"]["x"] == line["x"]
        if point["status"] == "ok":
            assert float(row["latency_us"]) == point["metrics"]["latency_us"] == line["latency_us"]
            assert row["reason"] == "" and point["reason"] is None and line["reason"] is None
        else:
            assert row["latency_us"] == "" and point["metrics"] == {} and line["energy_j"] is None
            assert row["reason"] == point["reason"] == line["reason"] == "x must be good, not 0.5"


def test_absent_axes_are_empty(sweep, results):
    sweep(Space.of_points([{"x": 1}, {"y": 2}, {"x": None}]), {"base": {}, "bad": [None]})
    rows, plain, table = read(results)
    shown = {(row["x"], row["y"]) for row in rows}
    assert shown == {("1", ""), ("", "2"), ("null", "")}
    assert {(line["x"], line["y"]) for line in table} == {(1, None), (None, 2), (None, None)}
    assert {"y": 2} in [point["overrides"] for point in plain["points"]]


def test_front_holds_the_points_that_nothing_dominates(sweep, results):
    summary = sweep(Space("grid", {"x": list(range(9)), "y": [1, 2, 4]}), {"bad": [0]})
    rows, _, _ = read(results)
    front = list(csv.DictReader(io.StringIO(results()["pareto.csv"].decode())))
    good = [row for row in rows if row["status"] == "ok"]

    def pair(row):
        return float(row["latency_us"]), float(row["energy_j"])

    def beaten(a):
        return any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in map(pair, good))

    assert front == [row for row in good if not beaten(pair(row))]
    assert 0 < summary.front == len(front) < len(good)


def test_without_objectives_the_front_is_empty(sweep, results):
    assert sweep(Space("grid", {"x": [1]}), minimize=()).front == 0
    assert results()["pareto.csv"].count(b"\n") == 1


def test_a_metric_named_as_a_column_is_told_apart(sweep, results):
    space = Space("grid", {"bandwidth": [1, 2]})
    sweep(space, evaluate="sweep_points:evaluate_other", minimize=("bandwidth",))
    assert results()["results.csv"].startswith(b"key,bandwidth,status,metric.bandwidth,reason\n")


def test_files_replace_old_ones_whole_and_leave_no_parts(sweep, results, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".results.csv.part").write_text("left by a kill")
    (tmp_path / "out" / "results.csv").write_text("old")
    sweep(Space("grid", {"x": [1]}))
    assert results()["results.csv"].startswith(b"key,x,status,")
    assert not list((tmp_path / "out").glob(".*"))


def test_output_that_cannot_be_written_is_one_sentence(sweep, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="the output folder must be writable"):
        sweep(Space("grid", {"x": [1]}), output=tmp_path / "file")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], "bool"),
        ([1, 2, None], "int64"),
        ([1, 2.5], "float64"),
        ([1, 2**63], "string"),
        ([1, True], "string"),
        (["a", 1], "string"),
        ([None], "string"),
    ],
)
def test_columns_are_as_narrow_as_their_values(values, kind):
    assert kind_of(values) == kind
