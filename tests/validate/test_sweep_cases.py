"""Every class of a structured sweep is priced, or left out with the reason."""

import pytest

from archsim.errors import ConfigError
from archsim.validate import load_dataset, spec_from_case, validate_measured
from archsim.validate.sweep_cases import left_out, own_us
from workloads import measured

GEMM = {"op": "gemm", "m": 8, "n": 8, "k": 8, "dtype": "fp16", "us": 1.0}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"fill": "random"}, None),
        ({"fill": "zeros"}, "operands are zeros"),
        ({"op": "gather", "locality": "sorted"}, "indices are sorted"),
        ({"op": "gather", "locality": "random"}, None),
        ({"op": "maxpool", "layout": "nchw"}, None),
        ({"op": "batchnorm", "layout": "nchw"}, "channels-last"),
        ({"op": "conv2d", "layout": "nchw"}, None),
        ({"op": "fill", "n": 8}, "no operator writes without reading"),
    ],
)
def test_why_a_case_does_not_stand_for_its_class(change, reason):
    found = left_out({**GEMM, **change})
    assert found is None if reason is None else reason in found


def test_an_unknown_filling_is_an_error():
    with pytest.raises(ConfigError, match='fill must be one of zeros, random, not "zeroes"'):
        left_out({**GEMM, "fill": "zeroes"})


def test_sizes_of_the_further_classes():
    norm = {"op": "batchnorm", "n": 2, "cin": 3, "hw": 5, "dtype": "fp16"}
    assert spec_from_case(norm).n == 2 * 3 * 25
    cat = {"op": "cat", "rows": 4, "cols": 6, "dtype": "bf16"}
    assert spec_from_case(cat).n == 48
    permute = {"op": "permute", "b": 2, "s": 3, "h": 4, "d": 5, "dtype": "fp16"}
    assert spec_from_case(permute).n == 120
    pool = {"op": "maxpool", "n": 1, "cin": 8, "hw": 112, "r": 3, "stride": 2, "dtype": "fp16"}
    assert spec_from_case(pool).p == 56


def test_batch_norm_is_the_transform_alone():
    kernels = [
        {"name": "unrolled_elementwise_kernel", "dur_us": 1.0},
        {"name": "void at::native::batch_norm_transform_input<...>", "dur_us": 7.0},
    ]
    assert own_us({"op": "batchnorm", "us": 8.0, "kernels": kernels}) == 7.0
    assert own_us({"op": "batchnorm", "us": 8.0}) is None
    assert own_us({**GEMM, "kernels": kernels}) is None


def test_no_class_of_the_structured_set_is_forgotten(make_operator):
    data = load_dataset(measured.path("h200_structured"))
    result = validate_measured(data, lambda spec: make_operator(spec, 10.0))
    assert not result.failed
    assert len(result.cases) + len(result.left_out) == len(data.cases)
    assert {c.op for c in result.cases} >= {"batchnorm", "maxpool", "cat", "linear", "cast"}


def test_extremes_are_the_ends_by_work(write_dataset, make_operator):
    cases = [{**GEMM, "m": m, "us": 10.0} for m in range(1, 21)]
    times = {1: 20.0, 2: 10.0, 20: 15.0}
    result = validate_measured(
        write_dataset(cases), lambda s: make_operator(s, times.get(s.m, 10.0))
    )
    ends = result.extremes()
    assert ends["smallest tenth"].ours.n == ends["largest tenth"].ours.n == 2
    assert ends["smallest tenth"].ours.mape == pytest.approx(50)
    assert ends["largest tenth"].ours.mape == pytest.approx(25)
    assert result.overall().far == 0
    times[1] = 20.01
    again = validate_measured(
        write_dataset(cases), lambda s: make_operator(s, times.get(s.m, 10.0))
    )
    assert again.overall().far == 1
