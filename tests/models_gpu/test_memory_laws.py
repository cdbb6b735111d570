"""Exact sub-laws of the memory-bound kernels, called as the solver calls them."""

from __future__ import annotations

import numpy as np
import pytest

from archsim.models.gpu import common, queue
from archsim.models.gpu.plan import (
    COMPUTE,
    EXPOSED,
    HBM,
    L2,
    NEW_CODE,
    OVERWRITES,
    PARAMS,
    RESIDENT,
)
from archsim.models.gpu.vector import variants


@pytest.fixture(scope="module")
def dev(h200):
    return variants(h200).rows[0]


def test_pure_reads_reach_the_read_fraction(dev):
    us = common.hbm_us(dev, 1e9, 0.0)
    rate = dev["memory_bandwidth_bytes_per_s"] * dev["memory_read_fraction"]
    assert us == pytest.approx(1e9 / rate * 1e6, rel=1e-12)


def test_even_mix_reaches_the_write_fraction_less_what_stays_dirty(dev):
    us = common.hbm_us(dev, 1e9, 1e9)
    rate = dev["memory_bandwidth_bytes_per_s"] * dev["memory_write_fraction"]
    kept = dev["l2_dirty_bytes"]
    assert us == pytest.approx((2e9 - kept) / rate * 1e6, rel=1e-12)


def test_few_written_bytes_keep_their_share(dev):
    assert common.kept_dirty(dev, 1000.0) == pytest.approx(1000 * dev["l2_dirty_fraction"])


def test_inside_a_graph_dirty_lines_are_paid_for(dev):
    p = np.zeros(PARAMS)
    alone = common.traffic_us(dev, p, 1e9, 1e9)
    p[NEW_CODE] = 1.0
    rate = dev["memory_bandwidth_bytes_per_s"] * dev["memory_write_fraction"]
    assert alone == common.hbm_us(dev, 1e9, 1e9)
    assert common.traffic_us(dev, p, 1e9, 1e9) == pytest.approx(2e9 / rate * 1e6)


def test_no_traffic_takes_no_time(dev):
    assert common.hbm_us(dev, 0.0, 0.0) == 0.0


def test_l2_holds_all_then_a_falling_share_then_nothing(dev):
    capacity = dev["l2_capacity_bytes"]
    full, none = dev["l2_full_hit_fraction"] * capacity, dev["l2_no_hit_fraction"] * capacity
    assert common.held(dev, full) == 1.0
    assert common.held(dev, (full + none) / 2) == pytest.approx(0.5)
    assert common.held(dev, none) == 0.0


def test_round_trips_lie_between_l2_and_memory(dev):
    assert common.round_trip_clk(dev, 1.0) == dev["l2_hit_cycles"]
    assert common.round_trip_clk(dev, 0.0) == dev["memory_latency_cycles"]


@pytest.mark.parametrize(
    ("threads", "registers", "shared", "expected"),
    [
        (128, 32, 0, 16),  # threads bind: 2048 / 128
        (128, 39, 0, 12),  # registers bind, granted in eights: 65536 / (40 * 128)
        (1024, 32, 0, 2),
        (1024, 37, 0, 1),  # 40 * 1024 registers leave no room for a second
        (32, 16, 0, 32),  # the limit of 32 CTAs binds
        (128, 32, 100 * 1024, 2),  # shared memory binds: 228 KiB / 100 KiB
        (128, 32, 300 * 1024, 1),  # never less than one
    ],
)
def test_occupancy(dev, threads, registers, shared, expected):
    assert common.resident_ctas(dev, threads, registers, shared) == expected


def test_overlap_is_a_norm():
    assert common.overlap(3.0, 4.0, 2.0) == pytest.approx(5.0)
    assert common.overlap(3.0, 4.0, 1.0) == pytest.approx(7.0)
    assert common.overlap(0.0, 0.0, 2.0) == 0.0
    assert common.overlap(1.0, 4.0, 40.0) == pytest.approx(4.0, rel=1e-6)


def test_attribution_tiles_the_body():
    out = np.zeros(12)
    out[COMPUTE], out[L2], out[HBM] = 2.0, 3.0, 5.0
    common.attribute(out, 6.5, 0.25)
    assert out[HBM] == 5.0
    assert out[EXPOSED] == 1.75
    assert out[COMPUTE] == out[L2] == 0.0


def test_only_lines_that_l2_holds_are_overwritten_there(dev):
    p = np.zeros(PARAMS)
    p[OVERWRITES] = 0.5
    assert common.rewritten(dev, p, 1000.0) == 500.0
    room = dev["l2_capacity_bytes"] - dev["l2_dirty_bytes"]
    assert common.rewritten(dev, p, 1e12) == room
    p[RESIDENT], p[OVERWRITES] = 1.0, 0.0
    assert common.rewritten(dev, p, 1000.0) == 0.0


def test_atomics_to_one_address_are_serial(dev):
    us = queue._atomics_us(dev, 1e6, 1.0)
    expected = 1e6 * dev["l2_atomic_address_clk"] / dev["clock_boost_hz"] * 1e6
    assert us == pytest.approx(expected)


def test_atomics_within_a_slice_run_at_its_rate(dev):
    targets = dev["l2_slice_bytes"] / 8
    us = queue._atomics_us(dev, 1e6, targets)
    expected = 1e6 / dev["l2_atomic_slice_per_clk"] / dev["clock_boost_hz"] * 1e6
    assert us == pytest.approx(expected)


def test_spread_atomics_approach_the_rate_of_the_whole_l2(dev):
    us = queue._atomics_us(dev, 1e6, 1e9)
    expected = 1e6 / dev["l2_atomics_per_clk"] / dev["clock_boost_hz"] * 1e6
    assert us == pytest.approx(expected, rel=1e-3)
    assert queue._atomics_us(dev, 0.0, 1.0) == 0.0
