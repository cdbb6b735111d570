"""Published rows: strict loading, our value beside the paper's, and what decides the exit code."""

import re

import pytest

from archsim.config.paths import configs_dir
from archsim.errors import CheckError, ConfigError, UnsupportedOperatorError
from archsim.validate import load_published, validate_published

ROW = """\
  - id: {id}
    quantity: latency
    unit: us
    value: {value}
    tag: {tag}
    source: Table 1
    tolerance: {tolerance}
    counted: {counted}
    how: {how}
"""
RUN = "{workload: {op: gemm, m: 1, n: 1, k: 1, dtype: fp16}, device: h200}"
RESULT = {
    "metrics": {"latency_us": 10.0},
    "operators": [
        {
            "name": "blocks.0.fc1",
            "us": 2.0,
            "count": 3,
            "flops": 4000,
            "bytes": 600,
            "kernels": [{"hbm_bytes": 300.0}, {"hbm_bytes": 100.0}],
        }
    ],
}


@pytest.fixture
def write(tmp_path):
    def write(*rows, text=None):
        path = tmp_path / "rows.yaml"
        defaults = {
            "id": "a", "value": 10, "tag": "V-2nd", "tolerance": 0.1, "counted": "true",
            "how": f"{{run: {RUN}, field: metrics.latency_us}}",
        }  # fmt: skip
        body = "".join(ROW.format(**{**defaults, **row}) for row in rows)
        path.write_text(text if text is not None else "rows:\n" + body)
        return path

    return write


def how(field, more=""):
    return f"{{run: {RUN}, field: '{field}'{more}}}"


@pytest.mark.parametrize(
    ("value", "verdict", "exit_code"),
    [(10, "ok", 0), (9.1, "ok", 0), (11.12, "MISS", 1), (9.0, "MISS", 1), (1e-3, "MISS", 1)],
)
def test_a_counted_row_decides_the_exit_code(write, value, verdict, exit_code):
    result = validate_published(write({"value": value}), lambda run: RESULT)
    assert result.rows[0].verdict == verdict
    assert result.rows[0].ratio == pytest.approx(10 / value)
    assert result.exit_code == exit_code
    assert result.to_dict()["missed"] == (["a"] if exit_code else [])


def test_an_uncounted_row_never_decides(write):
    path = write({"counted": "false", "value": 1}, {"id": "b", "counted": "false"})
    result = validate_published(path, lambda run: RESULT)
    assert [r.verdict for r in result.rows] == ["(off)", "(ok)"]
    assert result.exit_code == 0


def test_a_row_that_a_constant_was_chosen_to_meet_says_so_and_never_counts(write):
    calibrated = {"counted": "false\n    calibrated: clock.frequency_hz"}
    path = write(calibrated, {**calibrated, "id": "b", "value": 1})
    result = validate_published(path, lambda run: RESULT)
    assert [r.verdict for r in result.rows] == ["calibrated", "(off)"]
    counted = write({"counted": "true\n    calibrated: clock.frequency_hz"})
    with pytest.raises(ConfigError, match="must be false for a row a constant was chosen to meet"):
        validate_published(counted, lambda run: RESULT)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("metrics.latency_us", 10.0),
        ("op:blocks.0.fc1.us", 2.0),
        ("op:*.count", 3.0),
        ("op:*.flops_per_s", 4000 / 2e-6),
        ("op:*.bytes_per_s", 600 / 2e-6),
        ("op:*.hbm_bytes_per_s", 400 / 2e-6),
    ],
)
def test_fields(write, field, value):
    result = validate_published(write({"how": how(field)}), lambda run: RESULT)
    assert result.rows[0].ours == pytest.approx(value)


def test_scale_and_per(write):
    per = f", scale: 4, per: {{run: {RUN}, field: op:*.us}}"
    result = validate_published(write({"how": how("metrics.latency_us", per)}), lambda r: RESULT)
    assert result.rows[0].ours == pytest.approx(4 * 10 / 2)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("metrics.energy_j", "metrics must have 'energy_j', not only latency_us"),
        ("op:head.us", r"op:head must be one operator of the run \(blocks.0.fc1\), not 0"),
        ("op:*.name", "quantity must be one of us, count, .*hbm_bytes_per_s, not 'name'"),
    ],
)
def test_a_counted_row_without_our_value_is_a_miss(write, field, reason):
    result = validate_published(write({"how": how(field)}), lambda run: RESULT)
    (row,) = result.rows
    assert (row.ours, row.verdict, result.exit_code) == (None, "MISS", 1)
    assert re.search(reason, row.error)


def test_equal_runs_are_evaluated_once_and_failures_stay_in_their_row(write):
    other = how("op:*.us").replace("m: 1", "m: 2")
    path = write({}, {"id": "b", "how": how("op:*.us")}, {"id": "c", "how": other})
    seen = []

    def evaluate(run):
        seen.append(run["workload"]["m"])
        if run["workload"]["m"] == 2:
            raise UnsupportedOperatorError("m must be 1, not 2")
        return RESULT

    result = validate_published(path, evaluate)
    assert seen == [1, 2]
    assert [r.error for r in result.rows] == [None, None, "m must be 1, not 2"]
    assert [r.ours for r in result.rows] == [10.0, 2.0, None]


def test_a_violated_check_stops_everything(write):
    def evaluate(run):
        raise CheckError("below its bound")

    with pytest.raises(CheckError, match=r"rows.yaml: a: below its bound"):
        validate_published(write({}), evaluate)


def test_a_run_file_is_found_beside_the_rows(write, tmp_path):
    (tmp_path / "run.yaml").write_text("x: 1\n")
    path = write({"how": "{run: run.yaml, field: metrics.latency_us}"})
    runs = []
    validate_published(path, lambda run: runs.append(run) or RESULT)
    assert runs == [tmp_path / "run.yaml"]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"tag": "R-high"}, r":9:14: rows\[0\].counted must be false for a recalled figure"),
        ({"tag": "V"}, r":6:10: rows\[0\].tag must be one of V-code, .*, not 'V'"),
        ({"value": 0}, r"rows\[0\].value must be a number above 0, not 0"),
        ({"value": "'x'"}, r"rows\[0\].value must be a number above 0, not 'x'"),
        ({"value": "true"}, r"rows\[0\].value must be a number above 0, not true"),
        ({"tolerance": 0}, r"rows\[0\].tolerance must be a number above 0 and at most 1, not 0"),
        ({"tolerance": 2}, r"rows\[0\].tolerance must be"),
        ({"counted": "maybe"}, r"rows\[0\].counted must be true or false, not 'maybe'"),
        ({"id": "' '"}, r"rows\[0\].id must be text"),
        ({"how": "x"}, r"rows\[0\].how must be a mapping, not 'x'"),
        ({"how": "{run: none.yaml, field: metrics.x}"}, "must be an existing file in"),
        ({"how": "{run: /etc/passwd, field: metrics.x}"}, "a run or the path of a .yaml"),
        ({"how": "{run: {}, field: metrics.x}"}, "must be a run or the path"),
        ({"how": how("latency")}, r"how.field must be metrics.<name> or op:"),
        ({"how": how("metrics.x", ", scale: 0")}, r"how.scale must be a number above 0, not 0"),
        ({"how": how("metrics.x", ", skale: 1")}, r"how.skale must be one of run, field, scale"),
        ({"how": "{run: {a: 1}}"}, r"rows\[0\].how.field must be given"),
    ],
)
def test_a_broken_row_is_refused_with_its_place(write, row, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        load_published(write(row))
    assert "rows.yaml:" in str(caught.value)


def test_broken_files_are_refused(write):
    with pytest.raises(ConfigError, match=r"rows\[1\].id must be different"):
        load_published(write({}, {}))
    for text in ("rows: []\n", "rows: 3\n", "title: x\n", "rows: [1]\n", "row: []\n"):
        with pytest.raises(ConfigError, match="rows"):
            load_published(write(text=text))


def test_a_recalled_row_may_be_shown(write):
    (row,) = load_published(write({"tag": "R-low", "counted": "false"}))
    assert row.counted is False


def test_the_shipped_rows_load_and_only_verified_ones_count():
    rows = load_published(configs_dir() / "published" / "hopper.yaml")
    assert len(rows) >= 15
    assert {r.tag.partition("-")[0] for r in rows if r.counted} == {"V"}
    assert {"global_a100_pcie", "global_rtx_4090", "global_h800_pcie"} <= {r.id for r in rows}
    for row in rows:
        assert "bench" in row.how.run or row.how.run["workload"]["op"]
