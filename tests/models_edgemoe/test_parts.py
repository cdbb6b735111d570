"""Laws of the RTL's parts against the committed synthesis counts, fitted and held out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from archsim.config import load_device
from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_params import SMALL, EdgeMoeFormats
from archsim.formats import FixedFormat
from archsim.models.edgemoe import counts, fit, parts
from archsim.models.edgemoe.resources import brams, dsp, resources
from archsim.models.fpga.model import CAPACITY
from hdl.edgemoe.design import PARTS

FITTED, HELD = fit.split()


def total(row, name):
    """The sum of a row's parts, its deep memories without URAM."""
    more = row.get("without_uram", {}).get(name, 0)
    return more + sum(found[name] for found in row["parts"].values())


def row_of(device: EdgeMoeDevice, kind="parts"):
    (row,) = (r for r in counts.rows() if kind in r and counts.params_of(r) == device.params)
    return row


def test_coefficients_are_those_of_the_committed_rows():
    kept, fitted = json.loads(parts.FILE.read_text()), fit.fit(FITTED)
    assert kept.keys() == fitted.keys() == set(PARTS)
    for part in kept:
        for name in kept[part]:
            assert kept[part][name] == pytest.approx(fitted[part][name], rel=1e-4)
    assert HELD
    assert not [row for row in HELD if row in FITTED]


@pytest.mark.parametrize("row", FITTED + HELD)
def test_products_are_those_that_yosys_counts(row):
    found = parts.counted(counts.params_of(row))
    for part, values in found.items():  # two address products of wide designs are left out
        assert abs(values["dsp"] - row["parts"][part]["dsp"]) <= 2, part
    assert sum(v["dsp"] for v in found.values()) == pytest.approx(total(row, "dsp"), rel=0.002)


@pytest.mark.parametrize("name", ["lut", "ff"])
@pytest.mark.parametrize("row", HELD)
def test_designs_held_out_are_within_a_tenth(row, name):
    found = parts.counted(counts.params_of(row))
    assert sum(v[name] for v in found.values()) == pytest.approx(total(row, name), rel=0.08)


@pytest.mark.parametrize("device", ["edgemoe/small", "edgemoe_fast"])
def test_block_memories_are_those_that_yosys_counts(device):
    found = load_device(device)
    assert sum(brams(found).values()) == pytest.approx(total(row_of(found), "bram"), rel=0.01)


def test_the_parts_of_the_small_encoder_add_up_to_the_whole():
    small = load_device("edgemoe/small")
    row, whole = row_of(small), row_of(small, "whole")["whole"]
    assert whole["dsp"] == total(row, "dsp")
    assert whole["bram"] == total(row, "bram")
    for name in ("lut", "ff"):  # nothing is shared across the bounds of parts
        assert total(row, name) == pytest.approx(whole[name], rel=0.08)


def test_the_fast_design_takes_at_most_80_percent_by_its_own_counts():
    fast = load_device("edgemoe_fast")
    row = row_of(fast)
    for name, limit in CAPACITY.items():
        assert total(row, name) <= 0.8 * limit, name
        assert resources(fast)[name] == pytest.approx(total(row, name), rel=0.05)
    assert sum(dsp(fast).values()) <= total(row, "dsp")


def test_recording_again_replaces_a_row_and_other_formats_are_refused(tmp_path):
    file = tmp_path / "counts.json"
    found = {"target": "xcup", "tool_versions": {}, "parts": {"gate": {"lut": 1}}}
    counts.record(SMALL, found, file)
    counts.record(SMALL, {**found, "parts": {"gate": {"lut": 2}}}, file)
    counts.record(SMALL, {"target": "xcup", "tool_versions": {}, "whole": {"lut": 3}}, file)
    assert [row.get("parts", row.get("whole")) for row in counts.rows(file)] == [
        {"gate": {"lut": 2}}, {"lut": 3},
    ]  # fmt: skip
    assert counts.params_of(counts.rows(file)[0]) == SMALL
    narrow = EdgeMoeFormats(weight=FixedFormat(8, 7))
    with pytest.raises(ValueError, match="formats and techniques must be the usual ones"):
        counts.record(replace(SMALL, formats=narrow), found, file)
