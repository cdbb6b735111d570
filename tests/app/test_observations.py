"""What a fit sees of a dataset and of a paper's figures."""

import json

import pytest

from archsim.app.observations import from_dataset, from_published
from archsim.config.paths import configs_dir
from archsim.errors import ConfigError
from archsim.validate import is_check, load_dataset
from workloads import measured

GEMM = {"op": "gemm", "m": 128, "n": 64, "k": 192, "dtype": "fp16", "us": 10.0, "us_warm": 8.0}
PUBLISHED = configs_dir() / "published" / "hopper.yaml"


def dataset(tmp_path, cases):
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"meta": {}, "cases": cases}))
    return load_dataset(path)


def test_a_case_gives_a_cold_and_a_warm_time_on_its_side_of_the_split(tmp_path):
    found = from_dataset(dataset(tmp_path, [GEMM]))
    assert [(o.us, o.warm) for o in found] == [(10.0, False), (8.0, True)]
    assert {o.check for o in found} == {is_check(GEMM)}
    assert found[1].weight < found[0].weight


def test_cases_that_do_not_stand_for_their_class_are_left_out(tmp_path):
    zeros, broken = {**GEMM, "fill": "zeros"}, {**GEMM, "error": "out of memory"}
    assert len(from_dataset(dataset(tmp_path, [GEMM, zeros, broken]))) == 2
    with pytest.raises(ConfigError, match="cases must hold at least one that can be fitted"):
        from_dataset(dataset(tmp_path, [zeros]))


def test_a_published_rate_becomes_a_time():
    (found,) = [o for o in from_published(PUBLISHED, "a100_pcie") if o.name.startswith("global")]
    assert found.us == pytest.approx(found.spec.bytes / 1407.2e9 * 1e6)
    assert not found.check


def test_published_figures_of_another_device_only():
    with pytest.raises(ConfigError, match="rows must hold one of an operator's rate on 'v100_sxm'"):
        from_published(PUBLISHED, "v100_sxm")


def test_data_that_judge_are_never_fitted_to():
    with pytest.raises(ConfigError, match=r"meta\.purpose must be another than 'judge'"):
        from_dataset(load_dataset(measured.path("h200_holdout")))
