"""The standard-cell model against the committed synthesis results and the flow's own scaling."""

from __future__ import annotations

import json

import pytest

from archsim.config import load_device
from archsim.config.matrix import MatrixParams
from archsim.metrics.labels import basis
from archsim.models.asic import asic_metrics, fit
from archsim.models.asic.features import memory_bits
from archsim.models.asic.model import FILE, fitted
from hdl.rtl import rtl_of
from hdl.synth.asic import memory_bits as bits_in_rtl

FITTED, HELD = fit.split()


def test_coefficients_are_those_of_the_committed_rows():
    kept, found = json.loads(FILE.read_text()), fit.fit()
    assert kept.keys() == found.keys() == set(fit.FITTED)
    for name in kept:
        assert kept[name] == pytest.approx(found[name], rel=1e-4)


def test_more_rows_are_fitted_than_there_are_coefficients():
    assert len(FITTED) > len(fit.fit()["area_um2"])
    assert len(HELD) >= 3
    assert not [row for row in HELD if row in FITTED]


@pytest.mark.parametrize("name", fit.FITTED)
@pytest.mark.parametrize("row", HELD)
def test_held_out_rows_are_within_a_tenth(row, name):
    assert fitted(MatrixParams(**row["params"]))[name] == pytest.approx(row[name], rel=0.10)


@pytest.mark.parametrize("row", FITTED + HELD)
def test_memory_bits_are_those_of_the_flow(row):
    assert memory_bits(MatrixParams(**row["params"])) == row["memory_bits"]


@pytest.mark.parametrize("device", ["os_4x4_int8", "ws_8x8_w16a32"])
def test_memory_bits_are_those_of_the_rtl(device):
    params = load_device(device).params
    assert memory_bits(params) == bits_in_rtl(rtl_of(params).verilog)


def test_smaller_nodes_are_smaller_and_labelled():
    found = asic_metrics(load_device("os_32x32_int8"))
    for name, unit in (("area", "mm2"), ("power", "w")):
        at = [found[f"asic_{name}_{nm}nm_{unit}"] for nm in (180, 45, 7)]
        assert at == sorted(at, reverse=True)
        labels = [basis(f"asic_{name}_{nm}nm_{unit}") for nm in (180, 45, 7)]
        assert labels == ["fitted", "scaled", "scaled"]
    assert set(map(basis, found)) == {"fitted", "scaled"}


def test_power_follows_the_clock():
    slow = load_device("os_8x8_int8", ["clock.frequency_hz=1e8"])
    fast = load_device("os_8x8_int8", ["clock.frequency_hz=2e8"])
    assert asic_metrics(fast)["asic_power_180nm_w"] == pytest.approx(
        2 * asic_metrics(slow)["asic_power_180nm_w"]
    )
