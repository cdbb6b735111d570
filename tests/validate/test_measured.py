"""Errors are the arithmetic of the pairs: checked by hand, and sensitive to every prediction."""

import json
import math

import pytest

from archsim.errors import CheckError, ConfigError, UnsupportedOperatorError
from archsim.graph.ops import Gemm, SparseGemm, Transpose
from archsim.metrics import OperatorResult
from archsim.validate import Roofline, is_check, load_dataset, validate_measured
from archsim.validate.goals import with_classes
from archsim.validate.stats import stats
from workloads import measured

ROOF = Roofline({"fp16": 1e12}, 1e12)


def cases_of(gemm_case, count):
    return [{**gemm_case, "m": 128 * (i + 1), "us": 10.0 * (i + 1)} for i in range(count)]


def test_statistics_by_hand():
    s = stats([(10.0, 12.0), (20.0, 15.0), (40.0, 40.0)])
    assert s.n == 3
    assert s.mape == pytest.approx((20 + 25 + 0) / 3)
    assert s.median == pytest.approx(20)
    assert s.max == pytest.approx(25)
    assert s.bias == pytest.approx((1.2 * 0.75) ** (1 / 3))
    x, y = [math.log(v) for v in (10, 20, 40)], [math.log(v) for v in (12, 15, 40)]
    mx, my = sum(x) / 3, sum(y) / 3
    cov = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    spread = math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))
    assert s.correlation == pytest.approx(cov / spread)


def test_statistics_of_nothing_and_of_one_value():
    assert stats([]).mape is None
    one = stats([(5.0, 6.0)])
    assert one.mape == pytest.approx(20)
    assert one.correlation is None


def test_mape_follows_one_changed_prediction(write_dataset, gemm_case, make_operator):
    data = write_dataset(cases_of(gemm_case, 4))
    times = {128 * (i + 1): 10.0 * (i + 1) for i in range(4)}
    exact = validate_measured(data, lambda s: make_operator(s, times[s.m]))
    assert exact.overall().ours.mape == 0
    times[256] *= 1.5
    off = validate_measured(data, lambda s: make_operator(s, times[s.m]))
    assert off.overall().ours.mape == pytest.approx(50 / 4)
    assert off.overall().ours.max == pytest.approx(50)
    assert off.worst(1)[0].shape["m"] == 256


def test_warm_caches_judge_the_warm_time(write_dataset, gemm_case, make_operator):
    warm = {**gemm_case, "us_warm": 8.0, "us_warm_min": 7.0, "us_warm_max": 9.0}
    data = write_dataset([warm, {**gemm_case, "m": 256}])
    result = validate_measured(data, lambda s: make_operator(s, 12.0), caches="warm")
    assert [c.measured_us for c in result.cases] == [8.0]
    assert result.overall().ours.mape == pytest.approx(50.0)
    assert result.cases[0].repeat == pytest.approx(12.5)
    assert [(f.index, f.reason) for f in result.left_out] == [
        (1, "it was not measured in warm caches")
    ]
    assert result.to_dict()["caches"] == "warm"


def test_classes_with_goals_hold_their_cases(write_dataset, gemm_case, make_operator):
    data = write_dataset([gemm_case, {**gemm_case, "dtype": "tf32", "us": 20.0}])
    found = with_classes(validate_measured(data, lambda s: make_operator(s, 15.0)))["by_class"]
    assert [(c["name"][:10], c["goal"], round(c["mape"])) for c in found] == [
        ("GEMM fp16,", 6.0, 50), ("GEMM int8,", 8.0, 25), ("overall", 7.0, 38),
    ]  # fmt: skip


def test_worst_ranks_by_ratio_so_that_a_tenth_is_worse_than_the_double(
    write_dataset, gemm_case, make_operator
):
    data = write_dataset(cases_of(gemm_case, 3))
    times = {128: 1.0, 256: 40.0, 384: 30.0}
    result = validate_measured(data, lambda s: make_operator(s, times[s.m]))
    assert [c.shape["m"] for c in result.worst()] == [128, 256, 384]


def test_halves_hold_their_own_cases(write_dataset, gemm_case, make_operator):
    cases = cases_of(gemm_case, 12)
    data = write_dataset(cases)
    wrong = {c["m"]: 2.0 if is_check(c) else 1.0 for c in cases}
    result = validate_measured(data, lambda s: make_operator(s, s.m / 12.8 * wrong[s.m]))
    assert result.overall(True).ours.mape == pytest.approx(100)
    assert result.overall(False).ours.mape == pytest.approx(0)
    assert result.overall(True).ours.n == sum(map(is_check, cases))
    assert len(result.half(True)) + len(result.half(False)) == 12


def test_json_has_what_its_readers_expect(write_dataset, gemm_case, make_operator):
    kernels = [{"name": "nvjet", "dur_us": 9.5, "grid": [1, 1, 1]}]
    case = {**gemm_case, "us_min": 9.0, "us_max": 11.0, "kernels": kernels}
    softmax = {"op": "softmax", "rows": 4, "cols": 8, "dtype": "fp16", "us": 2.0}
    data = write_dataset([softmax, case], {"device": "X"})
    result = validate_measured(data, lambda s: make_operator(s, 8.0), ROOF).to_dict()
    assert json.loads(json.dumps(result)) == result
    assert result["n"] == 2
    assert result["mape"] == pytest.approx((300 + 20) / 2)
    assert list(result["by_op"]) == ["gemm", "softmax"]
    assert result["by_op"]["gemm"]["mape"] == pytest.approx(20)
    assert result["by_op"]["gemm"]["repeat"] == pytest.approx(10)
    assert result["by_op"]["softmax"]["repeat"] is None
    assert result["meta"] == {"device": "X"}
    gemm = result["cases"][1]
    assert (gemm["op"], gemm["m"], gemm["measured_us"], gemm["predicted_us"]) == (
        "gemm", 128, 10.0, 8.0,
    )  # fmt: skip
    assert gemm["measured_kernels"] == [{"name": "nvjet", "us": 9.5}]
    assert gemm["kernels"] == [{"name": "k", "us": 8.0, "config": {"tile": "64x64"}}]
    assert gemm["terms_us"]["launch"] == 8.0
    assert {"check", "fit", "worst", "failed"} <= set(result)


def test_the_baseline_is_the_larger_bound_plus_the_launch():
    gemm = Gemm(m=1000, n=1000, k=1000)
    assert ROOF.us(gemm) == pytest.approx(2e9 / 1e12 * 1e6 + 2.5)
    thin = Gemm(m=1, n=1000, k=1000)
    assert ROOF.us(thin) == pytest.approx(2 * 1_002_000 * 1e-6 + 2.5)
    assert ROOF.us(SparseGemm(m=1000, n=1000, k=1000)) == pytest.approx(1000 + 2.5)
    assert ROOF.us(Gemm(m=1, n=1, k=1, dtype="fp8")) is None
    assert ROOF.us(Transpose(rows=500, cols=500, dtype="fp64")) == pytest.approx(4 + 2.5)


def test_the_baseline_of_the_shipped_data_is_the_known_one():
    peaks = {"fp16": 989e12, "bf16": 989e12, "fp8": 1979e12, "int8": 1979e12}
    peaks |= {"tf32": 494e12, "fp32": 67e12, "fp64": 67e12}
    roof = Roofline(peaks, 4.8e12)
    data = load_dataset(measured.path("h200_kernels"))

    def price(spec):
        us = roof.us(spec) - 2.5
        return OperatorResult("o", spec.kind, 1, us, us, us, 0.0, 0, 0, us, ())

    overall = validate_measured(data, price, roof).overall()
    assert overall.ours.mape == pytest.approx(67.7, abs=0.3)
    assert overall.baseline.mape == pytest.approx(39.7, abs=0.3)


def test_an_unsupported_case_is_listed_and_not_counted(write_dataset, gemm_case, make_operator):
    data = write_dataset([gemm_case, {**gemm_case, "dtype": "fp8"}])

    def price(spec):
        if spec.dtype == "fp8":
            raise UnsupportedOperatorError("fp8 needs tensor cores of Ada or later, not Ampere")
        return make_operator(spec, 10.0)

    result = validate_measured(data, price)
    assert result.overall().ours.n == 1
    assert [(f.index, f.op) for f in result.failed] == [(1, "gemm")]
    assert "needs tensor cores" in result.to_dict()["failed"][0]["reason"]


def test_a_violated_check_is_never_swallowed(write_dataset, gemm_case, make_operator):
    data = write_dataset([gemm_case])

    def below_bound(spec):
        raise CheckError("below its bound")

    with pytest.raises(CheckError, match=r"data.json: cases\[0\]: below its bound"):
        validate_measured(data, below_bound)
    for us in (math.nan, 0.0, math.inf):
        with pytest.raises(CheckError, match=r"cases\[0\]: the predicted time of gemm"):
            validate_measured(data, lambda s, us=us: make_operator(s, us))


def test_malformed_times_stop_before_anything_is_priced(write_dataset, gemm_case):
    def price(spec):
        raise AssertionError("priced before the data was checked")

    for us in (0, -1, "3", None, True, 1e300):
        data = write_dataset([gemm_case, {**gemm_case, "us": us}])
        with pytest.raises(ConfigError, match=r"data.json: cases\[1\].us must be a number above 0"):
            validate_measured(data, price)


def test_a_dataset_for_judging_has_no_fit_half(write_dataset, gemm_case, make_operator):
    cases = cases_of(gemm_case, 12)
    halves = [
        len(
            validate_measured(write_dataset(cases, meta), lambda s: make_operator(s, 10.0)).half(
                False
            )
        )
        for meta in ({}, {"purpose": "judge"})
    ]
    assert 0 < halves[0] < 12
    assert halves[1] == 0
