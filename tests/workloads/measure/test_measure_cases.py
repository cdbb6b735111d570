"""The suites' cases: counting agrees with the shipped set, builders exist, seeds are stable."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from workloads.measure import conv_launches, models, names_suite, random_suite, structured, suites
from workloads.measure.counts import counted
from workloads.measure.operators import BUILDERS


def shipped() -> list[dict]:
    text = (resources.files("workloads.measured") / "h200_kernels.json").read_text()
    return json.loads(text)["cases"]


def test_counts_are_those_of_the_shipped_dataset() -> None:
    for case in shipped():
        spec = {k: v for k, v in case.items() if k not in ("flops", "bytes")}
        again = counted(spec)
        assert (again["flops"], again["bytes"]) == (int(case["flops"]), int(case["bytes"])), spec


def test_reference_suite_holds_specifications_only() -> None:
    cases = suites.reference()
    assert len(cases) == len(shipped())
    assert not set(cases[0]) & {"us", "kernels", "span_us"}


@pytest.mark.parametrize("name", sorted(suites.OPERATOR_SUITES))
def test_every_case_has_a_builder_and_work(name: str) -> None:
    for case in suites.OPERATOR_SUITES[name]():
        assert case["op"] in BUILDERS
        assert case["bytes"] > 0


def test_suites_do_not_repeat_a_case_and_are_reproducible() -> None:
    first, second = random_suite.suite(scale=0.1), random_suite.suite(scale=0.1)
    assert first == second
    keys = [json.dumps(case, sort_keys=True) for case in first]
    assert len(set(keys)) == len(keys)
    assert random_suite.suite(seed=2, scale=0.1) != first


def test_holdout_shares_no_case_with_the_fitting_suites() -> None:
    def keys(cases: list[dict]) -> set[str]:
        return {json.dumps(c, sort_keys=True) for c in cases if c["op"] not in ("conv2d", "copy")}

    fitted = keys(random_suite.suite()) | keys(random_suite.choice_suite())
    shared = keys(random_suite.holdout_suite()) & fitted
    assert len(shared) <= 0.01 * len(random_suite.holdout_suite())


def test_structured_sweeps_are_named() -> None:
    cases = structured.suite(sweeps=("gemm_k", "sparse"))
    assert {case["sweep"] for case in cases} == {"gemm_k", "sparse"}


@pytest.mark.parametrize(("dtype", "step"), [("fp8", 16), ("int8", 32), ("fp16", 8)])
def test_gemm_sides_keep_the_librarys_alignment(dtype: str, step: int) -> None:
    for make in (random_suite, names_suite):
        cases = [c for c in make.suite() if c["op"] == "gemm" and c["dtype"] == dtype]
        assert cases
        assert all(c["k"] % step == 0 and c["n"] % step == 0 for c in cases)


def test_unknown_operator_is_refused() -> None:
    with pytest.raises(KeyError, match="nope"):
        counted({"op": "nope", "n": 1, "dtype": "fp16"})


def test_the_judge_of_convolutions_shares_no_case_with_what_is_fitted() -> None:
    judge = {json.dumps(case, sort_keys=True) for case in conv_launches.judge_suite()}
    others = [*conv_launches.types_suite(), *conv_launches.launch_cases(4000)]
    assert len(judge) > 140
    assert not judge & {json.dumps(case, sort_keys=True) for case in others}


def test_launches_are_written_once_each() -> None:
    case = {"op": "conv2d", "n": 1, "cin": 8, "cout": 8, "hw": 7, "r": 3, "stride": 1, "groups": 1}
    cases = [{**case, "dtype": dtype} for dtype in ("fp16", "tf32", "fp16")]
    found = [("Memset (Device)", 1, None), ("sm90_fprop", 1, [4, 1, 1])]

    class Sink:
        meta: dict = {}

    conv_launches._write(Sink, cases, [found, found, found[1:]])
    assert Sink.meta["names"] == ["Memset (Device)", "sm90_fprop"]
    assert [row[7:] for row in Sink.cases] == [
        [0, 0, [4, 1, 1]],
        [1, 0, [4, 1, 1]],
        [0, 1, [4, 1, 1]],
    ]


def test_the_blind_suites_share_nothing_with_the_others() -> None:
    names = ("operators", "holdout", "judge")
    earlier = [case for name in names for case in suites.OPERATOR_SUITES[name]()]
    shared = [c for c in suites.OPERATOR_SUITES["blind"]() if c in earlier]
    assert len(shared) < 5  # small choices of sizes repeat
    blind = list(models.judge_cases("models_blind"))
    others = [*models.cases(), *models.judge_cases()]
    assert len(blind) == 24
    assert not [case for case in blind if case in others]
    assert all(case in others for case in models.judge_cases("models_repeat"))
