import pytest

from archsim.errors import ConfigError
from archsim.sweep.objectives import check_objectives

METRICS = ("energy_j", "latency_us", "power_w")


def test_metrics_pass():
    check_objectives(("latency_us", "energy_j"), METRICS)
    check_objectives((), METRICS)


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(ConfigError) as error:
        check_objectives(("energy_j", "latency_ms"), METRICS)
    assert str(error.value) == (
        "minimize[1] must be one of energy_j, latency_us, power_w, not 'latency_ms'; "
        "did you mean 'latency_us'?"
    )


def test_names_far_from_all_get_no_hint():
    with pytest.raises(ConfigError, match=r"not 'zzz'$"):
        check_objectives(("zzz",), METRICS)


def test_a_name_twice_is_refused():
    with pytest.raises(ConfigError, match=r"minimize\[1\] must be named once"):
        check_objectives(("energy_j", "energy_j"), METRICS)
