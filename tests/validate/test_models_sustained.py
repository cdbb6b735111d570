"""Whole models and sustained runs: the pairs, the JSON and the refusals."""

import pytest

from archsim.errors import CheckError, ConfigError
from archsim.validate import load_dataset, validate_models, validate_sustained
from workloads import measured

MODEL = {
    "model": "vit", "batch": 2, "dtype": "fp16", "seq": 7, "kernel_sum_us": 100.0,
    "graph_us": 120.0, "kernels": 9, "top": [["a", 3, 60.0], ["b", 1, 40.0], ["bad"]],
}  # fmt: skip


def test_models_compare_both_times_and_both_lists(write_dataset):
    data = write_dataset([MODEL, {**MODEL, "batch": 4}])

    def predict(case):
        assert case["seq"] == 7
        return 100.0 * case["batch"] / 2, 150.0, [("x", 2, 1.0), ("y", 5, 9.0)]

    result = validate_models(data, predict)
    assert result.kernel_sum.mape == pytest.approx(50)
    assert result.graph.mape == pytest.approx(25)
    plain = result.to_dict()
    assert plain["mape"] == pytest.approx(50)
    assert plain["graph"]["mape"] == pytest.approx(25)
    first = plain["cases"][0]
    assert (first["model"], first["batch"], first["dtype"], first["seq"]) == ("vit", 2, "fp16", 7)
    assert (first["measured_us"], first["predicted_us"]) == (100.0, 100.0)
    assert (first["measured_graph_us"], first["predicted_graph_us"]) == (120.0, 150.0)
    assert first["kernels"] == [["y", 5, 9.0], ["x", 2, 1.0]]
    assert first["measured_kernels"] == [["a", 3, 60.0], ["b", 1, 40.0]]
    assert (first["launches"], first["measured_launches"]) == (7, 9)


def test_a_model_that_cannot_be_built_is_listed(write_dataset):
    data = write_dataset([MODEL, {**MODEL, "model": "vitt"}])

    def predict(case):
        if case["model"] == "vitt":
            raise ConfigError("workload.model must be known, not 'vitt'")
        return 100.0, 120.0, []

    result = validate_models(data, predict)
    assert [c.model for c in result.cases] == ["vit"]
    assert result.failed[0].op == "vitt"


@pytest.mark.parametrize("field", ["model", "batch", "dtype", "kernel_sum_us", "graph_us"])
def test_a_model_case_without_a_field_is_refused(write_dataset, field):
    case = {k: v for k, v in MODEL.items() if k != field}
    with pytest.raises(ConfigError, match=rf"cases\[0\].{field} must be .*, not missing"):
        validate_models(write_dataset([case]), lambda c: (1.0, 1.0, []))


def test_shipped_models_load_and_match_themselves():
    data = load_dataset(measured.path("h200_models"))
    result = validate_models(data, lambda c: (c["kernel_sum_us"], c["graph_us"], []))
    assert (len(result.cases), result.kernel_sum.mape, result.graph.max) == (7, 0, 0)


def test_sustained_compares_three_quantities(write_dataset, gemm_case):
    case = {**gemm_case, "joules": 2.0, "sm_mhz": 1000.0}
    data = write_dataset([case, {**case, "m": 256}])
    result = validate_sustained(data, lambda c: (11.0, 1.0, 1000.0 * c["m"] / 128))
    assert result.stats("us").mape == pytest.approx(10)
    assert result.stats("joules").mape == pytest.approx(50)
    assert result.stats("sm_mhz").mape == pytest.approx(50)
    plain = result.to_dict()
    assert plain["by_quantity"]["joules"]["max"] == pytest.approx(50)
    assert (
        plain["cases"][1] | {"measured_joules": 2.0, "predicted_sm_mhz": 2000.0, "m": 256}
        == (plain["cases"][1])
    )


def test_sustained_data_is_checked_and_checks_pass_through(write_dataset, gemm_case):
    case = {**gemm_case, "joules": 0, "sm_mhz": 1000.0}
    with pytest.raises(ConfigError, match=r"cases\[0\].joules must be a number above 0"):
        validate_sustained(write_dataset([case]), lambda c: (1.0, 1.0, 1.0))

    def violated(case):
        raise CheckError("no")

    with pytest.raises(CheckError):
        validate_sustained(write_dataset([{**case, "joules": 1}]), violated)


def test_shipped_sustained_runs_load():
    data = load_dataset(measured.path("h200_sustained"))
    result = validate_sustained(data, lambda c: (c["us"], c["joules"], c["sm_mhz"]))
    assert len(result.cases) == 28
    assert result.stats("joules").max == 0
