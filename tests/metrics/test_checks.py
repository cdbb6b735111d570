"""Self-checks: every way in which an answer can be untrue is refused, by name."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from archsim.errors import CheckError
from archsim.metrics import KernelResult, OperatorResult, PointResult
from archsim.metrics.checks import check_monotone, check_operator, check_point

KERNEL = KernelResult(
    name="k", us=6.0, terms_us=(1.0, 0.0, 0.0, 2.0, 3.0, 0.0),
    bound_us={"compute": 0.5, "l2": 2.0, "hbm": 3.0}, flops=100.0, hbm_bytes=64.0, l2_bytes=64.0,
    energy_j=1e-6,
)  # fmt: skip
OPERATOR = OperatorResult(
    name="norm1", kind="layernorm", count=1, us=6.0, low_us=5.0, high_us=7.0, energy_j=1e-6,
    flops=100, bytes=64, bound_us=3.0, kernels=(KERNEL,),
)  # fmt: skip


def with_kernel(**changes):
    kernel = replace(KERNEL, **changes)
    return replace(OPERATOR, kernels=(kernel,), us=kernel.us)


def test_a_true_answer_passes():
    check_operator(OPERATOR, cold=True, compulsory_bytes=64)
    check_point(PointResult("gpu", {"latency_us": 6.0}, (OPERATOR,)))


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (with_kernel(terms_us=(1.0, 0.0, 0.0, 2.0, 2.0, 0.0)), "sum of its terms"),
        (with_kernel(terms_us=(1.0, 0.0, 0.0, -1.0, 6.0, 0.0)), "finite terms from 0"),
        (with_kernel(terms_us=(1.0, 0.0, 0.0, 2.0, math.nan, 0.0)), "finite terms from 0"),
        (with_kernel(bound_us={"hbm": 6.1}), "hbm bound of 6.1 us"),
        (with_kernel(bound_us={"compute": math.nan}), "compute bound"),
        (with_kernel(us=math.inf, terms_us=(math.inf, 0, 0, 0, 0, 0)), "finite terms from 0"),
        (with_kernel(hbm_bytes=-1.0), "move bytes"),
        (replace(OPERATOR, us=5.9), "time of its kernels"),
        (replace(OPERATOR, kernels=()), "at least one kernel"),
        (replace(OPERATOR, energy_j=math.nan), "use energy"),
        (replace(OPERATOR, low_us=6.5), "lie in its range"),
        (replace(OPERATOR, high_us=5.5), "lie in its range"),
        (replace(OPERATOR, flops=101), "all of 101 operations"),
    ],
)
def test_an_untrue_operator_is_named(broken, sentence):
    with pytest.raises(CheckError, match=rf"self-check: norm1.*{sentence}"):
        check_operator(broken)


def test_cold_kernels_move_the_compulsory_bytes():
    check_operator(OPERATOR, cold=False, compulsory_bytes=65)
    with pytest.raises(CheckError, match="at least 65 B of device memory, not 64"):
        check_operator(OPERATOR, cold=True, compulsory_bytes=65)


def test_metrics_must_be_finite():
    point = PointResult("gpu", {"energy_j": math.nan}, (OPERATOR,))
    with pytest.raises(CheckError, match="metric energy_j must be finite, not nan"):
        check_point(point)


def test_monotone_names_the_step_that_slows_down():
    check_monotone("bandwidth", [1.0, 2.0, 3.0], [9.0, 7.0, 7.0])
    check_monotone("sm_count", [66, 67], [9.0, 9.1], slack=0.02)
    with pytest.raises(CheckError, match="bandwidth must not slow down from 2 to 3"):
        check_monotone("bandwidth", [1.0, 2.0, 3.0], [9.0, 7.0, 7.1])
