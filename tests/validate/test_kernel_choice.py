"""Recorded kernels given or not: both errors, hits of the tile and regret, checked by hand."""

import pytest

from archsim.validate import validate_measured
from archsim.validate.kernel_choice import Choice, summarise_choice


def test_hits_regret_and_both_errors_by_hand():
    summary = summarise_choice(
        [
            (10.0, 12.0, Choice(11.0, 1)),
            (10.0, 9.0, Choice(10.0, 3)),
            (20.0, 20.0, Choice(25.0, 0)),
            (20.0, 30.0, Choice(20.0, None)),
        ]
    )
    assert summary.given.mape == pytest.approx((10 + 0 + 25 + 0) / 4)
    assert summary.own.mape == pytest.approx((20 + 10 + 0 + 50) / 4)
    assert summary.ranked == 3
    assert summary.top1 == pytest.approx(100 / 3)
    assert summary.top3 == pytest.approx(200 / 3)
    assert summary.regret_us == pytest.approx((1 + 1 + 5 + 10) / 4)


def test_nothing_to_judge_has_no_hits():
    summary = summarise_choice([])
    assert (summary.ranked, summary.top1, summary.top3, summary.regret_us) == (0, None, None, None)


def test_cases_with_kernels_are_judged_and_others_are_not(write_dataset, gemm_case, make_operator):
    launch = {"name": "k", "grid": [1, 1, 1]}
    data = write_dataset([{**gemm_case, "kernels": [launch]}, {**gemm_case, "m": 256}])
    seen = []

    def choose(spec, kernels):
        seen.append((spec.m, list(kernels)))
        return Choice(11.0, 2)

    result = validate_measured(data, lambda s: make_operator(s, 10.0), choose=choose)
    assert seen == [(128, [launch])]
    assert [c.choice for c in result.cases] == [Choice(11.0, 2), None]
    assert result.choices()["gemm"].given.mape == pytest.approx(10)
    assert result.choices()["overall"].top1 == 0
    plain = validate_measured(data, lambda s: make_operator(s, 10.0))
    assert plain.choices() == {}
