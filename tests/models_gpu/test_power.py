"""Steady state: clocks follow the power limit, zeros cost less, tiny loops wait for the host."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import workloads.measured as measured
from archsim.graph.ops import Copy, Elementwise, Gemm, SparseGemm
from archsim.models.gpu import GpuModel
from archsim.models.gpu.power import Load, replay, settle
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

FOLDER = Path(measured.__file__).parent
BIG = Gemm(m=8192, n=8192, k=8192)


@pytest.fixture(scope="module")
def dev(h200):
    return variants(h200).rows[0]


def test_a_heavy_loop_settles_at_the_limit(h200_model, h200):
    state = h200_model.sustain(BIG)
    limit = float(h200.power.limit_w) * float(h200.power.limit_fraction)
    assert state.watts == pytest.approx(limit, rel=1e-6)
    assert state.sm_clock_hz < 0.9 * float(h200.clock.boost_hz)
    assert state.joules == pytest.approx(state.watts * state.us * 1e-6)


def test_zeros_switch_less(h200_model):
    zeros, random = h200_model.sustain(BIG, 0.0), h200_model.sustain(BIG, 1.0)
    assert zeros.joules < 0.8 * random.joules
    assert zeros.sm_clock_hz > random.sm_clock_hz
    assert zeros.us < random.us


def test_the_limiter_counts_zeros_for_more_than_they_draw(h200_model, h200):
    zeros = h200_model.sustain(BIG, 0.0)
    assert zeros.sm_clock_hz < 0.97 * float(h200.clock.boost_hz)
    assert zeros.watts < 0.8 * float(h200.power.limit_w)
    copy = h200_model.sustain(Copy(n=1 << 27), 0.0)  # memory alone is not slowed
    assert copy.sm_clock_hz == float(h200.clock.boost_hz)


def test_another_hosts_launch_times_take_the_place_of_the_devices(h200_model):
    small, sparse = Elementwise(function="add", arity=2, n=4096), SparseGemm(m=4096, n=4096, k=4096)
    host = {"stream_us": 4.0, "stream_kernel_us": 1.0, "stream_sparse_us": 300.0}
    assert h200_model.sustain(small, host=host).us == pytest.approx(4.0)
    assert h200_model.sustain(sparse, host=host).us == pytest.approx(305.0)
    assert h200_model.sustain(sparse).us > 600.0


def test_a_tiny_loop_takes_the_hosts_time(h200_model, h200):
    state = h200_model.sustain(Elementwise(function="add", arity=2, n=4096))
    assert state.us == pytest.approx(float(h200.launch.stream_us))
    assert state.sm_clock_hz == float(h200.clock.boost_hz)


def test_a_lower_limit_never_raises_clock_or_speed(h200):
    before = None
    for limit in (700.0, 500.0, 350.0, 250.0):
        state = GpuModel(h200.with_values({"power.limit_w": limit})).sustain(BIG)
        if before is not None:
            assert state.sm_clock_hz < before.sm_clock_hz
            assert state.us > before.us
        before = state


def test_an_idle_loop_draws_idle_power(dev):
    load = Load(clocked_us=0.0, memory_us=0.0, core_j=0.0, memory_j=0.0, gap_us=5.0, host_us=10.0)
    state = settle(dev, load)
    assert state.us == 10.0
    assert state.watts == pytest.approx(dev["power_idle_w"])


def test_short_replays_hardly_throttle_and_long_ones_do(dev):
    def slower(us):
        load = Load(
            clocked_us=us, memory_us=0.0, core_j=1e-3 * us, memory_j=0.0, gap_us=0.0, host_us=0.0
        )
        return replay(dev, load, settle(dev, load)).us / us

    assert slower(100.0) < 1.01
    assert slower(1e6) == pytest.approx(settle_ratio(dev), rel=1e-3)


def settle_ratio(dev):
    load = Load(clocked_us=1e6, memory_us=0.0, core_j=1e3, memory_j=0.0, gap_us=0.0, host_us=0.0)
    return settle(dev, load).us / 1e6


@pytest.mark.parametrize("entropy", [-0.1, 1.5])
def test_entropy_must_be_a_fraction(h200_model, entropy):
    with pytest.raises(ValueError, match="entropy must be a fraction from 0 to 1"):
        h200_model.sustain(BIG, entropy)


def test_errors_on_unseen_loops(h200_model):
    errors = []
    for case in json.loads((FOLDER / "h200_sustained.json").read_text())["cases"]:
        if is_check(case):
            state = h200_model.sustain(spec_from_case(case))
            errors.append(
                (
                    state.us / case["us"] - 1,
                    state.joules / case["joules"] - 1,
                    state.sm_clock_hz / 1e6 / case["sm_mhz"] - 1,
                )
            )
    time, energy, clock = 100 * np.abs(errors).mean(axis=0)
    assert time <= 8
    assert energy <= 12
    assert clock <= 5
