"""The FPGA model against the committed synthesis counts."""

from __future__ import annotations

import json

import pytest

from archsim.config import load_device
from archsim.config.matrix import MatrixParams
from archsim.models.fpga import counts, fit, fpga_metrics
from archsim.models.fpga.features import NAMES, block_rams, memories
from archsim.models.fpga.model import CAPACITY, FMAX_FULL_MHZ, FMAX_MHZ, resources

ROWS = fit.rows()
LEFT_OUT = [fit.left_out(index) for index in range(len(ROWS))]


def test_coefficients_are_those_of_the_committed_counts():
    kept, fitted = json.loads(fit.FILE.read_text()), fit.fit(ROWS)
    assert kept.keys() == fitted.keys()
    for name in kept:
        assert kept[name] == pytest.approx(fitted[name], rel=1e-4)


@pytest.mark.parametrize("row", ROWS)
def test_blocks_follow_from_the_structure(row):
    """Yosys may put the sums of a weight-stationary engine into distributed memory."""
    params = MatrixParams(**row["params"])
    found = resources(params)
    sums = sum(block_rams(*memory) for memory in memories(params)[3:])
    assert found["dsp"] == row["dsp"]
    assert row["bram"] in (found["bram"], found["bram"] - sums)


@pytest.mark.parametrize("name", ["lut", "ff"])
def test_each_row_is_predicted_by_the_others(name):
    errors = sorted(abs(errors[name]) for errors in LEFT_OUT)
    assert errors[-1] <= 0.30
    assert errors[len(errors) // 2] <= 0.08


def test_rows_cover_both_dataflows_and_all_formats():
    kinds = {(row["params"]["dataflow"], row["params"]["format"]) for row in ROWS}
    assert {("weight_stationary", "int8"), ("output_stationary", "w16a32")} <= kinds
    assert {row["params"]["format"] for row in ROWS} == {"int8", "int16", "w16a32"}
    assert len(ROWS) > 2 * len(NAMES) - 1


def test_recording_again_replaces_a_row_where_it_stands(tmp_path):
    file = tmp_path / "counts.json"
    kept = {key: ROWS[0][key] for key in counts.KEPT}
    first, second = (MatrixParams(**row["params"]) for row in ROWS[:2])
    counts.record(first, kept, file)
    counts.record(second, kept, file)
    counts.record(first, {**kept, "lut": 1}, file)
    assert [row["lut"] for row in counts.load(file)] == [1, kept["lut"]]


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
