"""Counts of a design's parts: which modules are bounds, and how their instances add up."""

from __future__ import annotations

import pytest

from archsim.config import load_device
from hdl.edgemoe.design import PARTS
from hdl.rtl import synthesis_top
from hdl.synth import SynthError, parts

PATTERNS = {"leaf": "cell", "middle": r"unit\.\w+"}
VERILOG = """
module cell(a);
endmodule
module \\top.unit.one (a);
module \\top.other (a);
module top(a);
"""
STAT = {
    "modules": {
        "\\top": {"num_cells_by_type": {"LUT2": 1, "top.unit.one": 2, "cell": 1}},
        "\\top.unit.one": {"num_cells_by_type": {"FDRE": 5, "cell": 3}},
        "\\cell": {"num_cells_by_type": {"DSP48E2": 1, "LUT6": 2}},
    }
}


def test_modules_of_a_part_are_found_by_their_names():
    assert parts.modules_of(VERILOG, "top", PATTERNS) == {"cell": "leaf", "top.unit.one": "middle"}


def test_every_instance_counts():
    found = parts.sum_up(STAT, "top", PATTERNS, "xcup")
    assert (found["leaf"]["dsp"], found["leaf"]["lut"]) == (7, 14)  # 1 at the top, 2 x 3 below
    assert (found["middle"]["ff"], found["middle"]["dsp"]) == (10, 0)
    assert found[parts.TOP]["lut"] == 1


def test_every_part_of_edge_moe_has_modules():
    top, verilog = synthesis_top(load_device("edgemoe/small").params, "core", ecp5=False)
    found = parts.modules_of(verilog, top, PARTS)
    assert set(found.values()) == set(PARTS)
    assert sum(part == "scratchpads" for part in found.values()) == 3


def test_a_design_without_parts_is_refused_in_one_sentence():
    with pytest.raises(SynthError, match="parts must be named by the design of machine: array"):
        parts.count_parts(load_device("os_4x4_int8").params)
