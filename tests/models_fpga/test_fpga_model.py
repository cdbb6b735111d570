"""The FPGA model against the committed synthesis counts."""

from __future__ import annotations

import json

import pytest

from archsim.config import load_device
from archsim.config.matrix import MatrixParams
from archsim.models.fpga import counts, fit, fpga_metrics
from archsim.models.fpga.model import CAPACITY, FMAX_FULL_MHZ, FMAX_MHZ, resources

FITTED, HELD = fit.split()


def test_coefficients_are_those_of_the_committed_counts():
    kept, fitted = json.loads(fit.FILE.read_text()), fit.fit()
    assert kept.keys() == fitted.keys()
    for name in kept:
        assert kept[name] == pytest.approx(fitted[name], rel=1e-4)


@pytest.mark.parametrize("row", FITTED + HELD)
def test_blocks_follow_from_the_structure(row):
    found = resources(MatrixParams(**row["params"]))
    assert (found["dsp"], found["bram"]) == (row["dsp"], row["bram"])


@pytest.mark.parametrize("row", HELD)
@pytest.mark.parametrize("name", ["lut", "ff"])
def test_held_out_counts_within_a_tenth(row, name):
    assert resources(MatrixParams(**row["params"]))[name] == pytest.approx(row[name], rel=0.10)


def test_no_row_is_both_fitted_and_held_out():
    assert len(HELD) >= 2
    assert not [row for row in HELD if row in FITTED]


def test_larger_arrays_need_more_and_are_not_faster():
    small = fpga_metrics(load_device("os_8x8_int8"))
    large = fpga_metrics(load_device("os_32x32_int8"))
    for name in ("lut", "ff", "dsp", "bram"):
        assert large[name] > small[name]
    assert FMAX_FULL_MHZ <= large["fmax_mhz"] <= small["fmax_mhz"] <= FMAX_MHZ
    assert large["dsp"] <= CAPACITY["dsp"]


def test_uram_holds_only_deep_buffers():
    shallow = fpga_metrics(load_device("os_4x4_int8"))
    deep = fpga_metrics(load_device("os_32x32_int8"))
    assert (shallow["uram"], deep["uram"] > 0) == (0.0, True)


def test_recording_replaces_the_row_of_the_same_design(tmp_path):
    params = load_device("os_4x4_int8").params
    result = dict.fromkeys(counts.KEPT, 1) | {"target": "xcup", "top": "core"}
    file = tmp_path / "counts.json"
    counts.record(params, result, file)
    counts.record(params, result | {"lut": 2}, file)
    counts.record(params, result | {"top": "axi"}, file)
    assert [(row["top"], row["lut"]) for row in counts.load(file)] == [("core", 2), ("axi", 1)]
