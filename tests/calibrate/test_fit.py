"""Fits recover what made the data, say how well, and name what the data leave open."""

from dataclasses import replace

import numpy as np
import pytest

from archsim.app.observations import from_dataset
from archsim.calibrate import Problem, candidates, fit, screen
from archsim.calibrate.fit import mixed
from archsim.config import load_device
from archsim.errors import ConfigError
from archsim.validate import load_dataset
from workloads import measured

CHANGED = {
    "memory.read_fraction": 0.7,
    "launch.kernel_us": 2.0,
    "tensor_kernels.gemm.wgmma_fraction": 0.75,
    "l2.atomics_per_clk": 1.5,
}


@pytest.fixture(scope="module")
def device():
    return load_device("h200")


@pytest.fixture(scope="module")
def observations():
    return from_dataset(load_dataset(measured.path("h200_kernels")))


def synthetic(device, observations, noise):
    """The observations as a device with ``CHANGED`` constants would have made them."""
    problem = Problem(device, observations)
    problem.set(list(CHANGED), problem.values(list(CHANGED)) * list(CHANGED.values()))
    us = np.exp(problem.log_ratio()) * problem.measured
    us *= np.exp(np.random.default_rng(7).normal(0, noise, len(us)))
    return [replace(o, us=float(t)) for o, t in zip(problem.kept, us, strict=True)]


def test_recovers_the_constants_that_made_the_data(device, observations):
    problem = Problem(device, synthetic(device, observations, 0.0))
    result = fit(problem, list(CHANGED))
    for constant in result.constants:
        factor = constant.value / constant.begin
        assert factor == pytest.approx(CHANGED[constant.path], rel=0.02), constant
    assert result.check_errors["overall"][2] < 0.5
    assert result.check_errors["overall"][1] > 5


def test_the_truth_lies_within_the_stated_uncertainty_under_noise(device, observations):
    problem = Problem(device, synthetic(device, observations, 0.03))
    result = fit(problem, list(CHANGED))
    for constant in result.constants:
        off = abs(np.log(constant.value / constant.begin / CHANGED[constant.path]))
        assert 0 < constant.uncertainty < 0.2, constant
        assert off < 2 * constant.uncertainty, constant


def test_a_perturbed_device_is_calibrated_on_real_data(device, observations):
    wrong = load_device(
        "h200",
        [
            f"device.{path}={getattr_path(device, path) * factor}"
            for path, factor in CHANGED.items()
        ],
    )
    problem = Problem(wrong, observations)
    paths, _ = screen(problem, candidates(device), 12)
    assert {"launch.kernel_us", "tensor_kernels.gemm.wgmma_fraction"} <= set(paths)
    result = fit(problem, paths)
    _, before, after = result.check_errors["overall"]
    assert after < 0.75 * before


def getattr_path(device, path):
    for name in path.split("."):
        device = getattr(device, name)
    return float(device)


def test_screening_takes_no_constant_twice_and_none_that_changes_nothing(device, observations):
    copies = [o for o in observations if o.name == "copy"]
    problem = Problem(device, copies)
    paths, rms = screen(problem, candidates(device), 50)
    assert len(paths) <= len([o for o in copies if not o.check])
    assert not [p for p in paths if p.startswith(("tensor_kernels", "power"))]
    assert len(rms) == len(candidates(device))


def test_directions_that_the_data_do_not_see_are_named():
    jacobian = np.array([[1.0, 1.0, 0.0, 0.0], [2.0, 2.0, 1.0, 0.0], [1.0, 1.0001, 3.0, 0.0]])
    silent, together = mixed(jacobian, ["a", "b", "c", "d"])
    assert silent == "d changes no observation"
    assert together.endswith("can hardly be told apart by these data")
    assert set(together.split(" can ")[0].split(" and ")) == {"a", "b"}


def test_candidates_are_constants_that_can_vary(device):
    assert "launch.kernel_us" in candidates(device)
    assert "memory.bandwidth_bytes_per_s" not in candidates(device)
    assert candidates(device, ["memory.bandwidth_bytes_per_s"]) == ("memory.bandwidth_bytes_per_s",)
    with pytest.raises(ConfigError, match=r"did you mean 'memory\.read_fraction'"):
        candidates(device, ["memory.read_fracton"])
    with pytest.raises(ConfigError, match="must be one that can vary, not 'sm_count'"):
        candidates(device, ["sm_count"])


def test_data_without_a_fit_half_are_refused(device, observations):
    checks = [o for o in observations if o.check]
    with pytest.raises(ConfigError, match="must hold a case of the fit half"):
        fit(Problem(device, checks), ["launch.kernel_us"])
