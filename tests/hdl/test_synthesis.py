"""Synthesis: counts, packing, harness, reports; one small design through the real tools."""

from __future__ import annotations

import json
import os

import pytest

from archsim.config import load_device
from hdl.synth import SynthError, counts, run, synth, timing, tools
from hdl.synth.floorplan import COLUMNS, ROWS, place_multipliers
from hdl.synth.harness import harness
from hdl.synth.pack import pack_output_registers


def register(data, q, *, enable="1", reset="0"):
    return {
        "type": "TRELLIS_FF",
        "parameters": {"CEMUX": "1 " if enable == "1" else "CE", "LSRMUX": "LSR"},
        "port_directions": {"CLK": "input", "DI": "input", "CE": "input", "Q": "output"},
        "connections": {"CLK": [2], "DI": [data], "CE": [enable], "LSR": [reset], "Q": [q]},
    }


def netlist(first, second):
    memory = {
        "type": "DP16KD",
        "parameters": {"REGMODE_B": "NOREG"},
        "port_directions": {"DOB0": "output", "DOB1": "output", "CLKB": "input"},
        "connections": {"DOB0": [10], "DOB1": [11], "CLKB": [2]},
    }
    ports = {"q": {"bits": [20, 21]}}
    return {"cells": {"memory": memory, "first": first, "second": second}, "ports": ports}


def test_registers_behind_a_memory_move_into_it():
    module = netlist(register(10, 20, enable=5), register(11, 21, enable=5))
    assert pack_output_registers(module) == 2
    memory = module["cells"]["memory"]
    assert list(module["cells"]) == ["memory"]
    assert memory["parameters"]["REGMODE_B"] == "OUTREG"
    assert [memory["connections"][pin] for pin in ("DOB0", "DOB1", "OCEB")] == [[20], [21], [5]]


@pytest.mark.parametrize(
    "second",
    [register(11, 21, enable=5), register(11, 21, reset=7), register(10, 21)],
    ids=["other enable", "reset", "output read twice"],
)
def test_ports_that_a_memory_s_register_cannot_serve_stay(second):
    module = netlist(register(10, 20), second)
    if second["connections"]["DI"] == [10]:
        module["cells"]["memory"]["connections"].pop("DOB1")
    assert pack_output_registers(module) == 0
    assert len(module["cells"]) == 3


def test_counts_of_both_families():
    ecp5 = counts.resources(
        {"LUT4": 3, "CCU2C": 2, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 4}, "ecp5-85f"
    )
    assert (ecp5["lut"], ecp5["ff"]) == (3 + 4 + 6, 4)
    xilinx = counts.resources(
        {"LUT6": 2, "RAM32M": 1, "FDRE": 5, "RAMB18E2": 3, "URAM288": 1}, "xcup"
    )
    assert xilinx == {"lut": 6, "ff": 5, "dsp": 0, "bram": 1.5, "uram": 1}


def test_slowest_path_in_words():
    stages = [
        ("clk-to-q", 0.5, "core.issuer.k_one_TRELLIS_FF_Q"),
        ("routing", 1.0, "core.issuer.room_LUT4_C_Z"),
    ]
    path = [
        {"type": kind, "delay": delay, "from": {"cell": cell}, "to": {"cell": cell}}
        for kind, delay, cell in stages
    ]
    clocked = {"from": "posedge clk", "to": "posedge clk", "path": path}
    report = {"critical_paths": [clocked, clocked | {"from": "<async>", "path": path * 3}]}
    assert timing.critical_path(report) == (
        " 0.50 ns  clk-to-q issuer.k_one",
        " 1.50 ns  routing  issuer.room",
    )


def test_harness_connects_every_port():
    ports = [
        {"name": "clk", "width": 1, "direction": "input"},
        {"name": "a", "width": 3, "direction": "input"},
        {"name": "y", "width": 2, "direction": "output"},
    ]
    text = harness("dut", ports)
    assert "dut core (.clk(clk), .rst(i[0]), .a(i[1+:3]), .y(o[0+:2]));" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"target": "virtex"},
            "target must be one of ecp5-85f, xcup, zu9eg, xc7, osu018, not 'virtex'",
        ),
        ({"top": "pads"}, "top must be one of core, axi, not 'pads'"),
        ({"placer": "best"}, "placer must be one of heap, static, not 'best'"),
        ({"seeds": ()}, "seeds must be one or more numbers, not none"),
        ({"minutes": 0}, "minutes must be above 0 and at most 10000, not 0"),
        ({"minutes": float("inf")}, "minutes must be above 0 and at most 10000, not inf"),
        ({"minutes": float("nan")}, "minutes must be above 0 and at most 10000, not nan"),
    ],
)
def test_bad_choices(arguments, sentence):
    with pytest.raises(SynthError, match=sentence):
        synth(load_device("os_4x4_int8"), **arguments)


def test_missing_tool_is_one_sentence():
    with pytest.raises(SynthError, match=r"no-such-tool must be installed.*archsim\[synth\]"):
        tools.find("no-such-tool")


def test_small_design_and_its_kept_result(tmp_path, monkeypatch):
    smallest = ("array.rows=1", "array.columns=2", "arithmetic.requantise=false")
    device = load_device("os_4x4_int8", smallest)
    first = synth(device, "xc7", cache=tmp_path)
    assert first.dsp == 2  # an element each
    assert first.lut > 100 and first.ff > 100 and first.bram > 0
    assert first.fmax_mhz == () and first.median_fmax_mhz is None and first.notes
    monkeypatch.setattr(tools, "run", None)  # the second time no tool may run
    assert synth(device, "xc7", cache=tmp_path) == first


def test_tool_past_its_time_is_stopped(tmp_path, monkeypatch):
    tool = tmp_path / "sleeper"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(tools.TimeLimitError, match=r"sleeper must end within 0\.001 minutes"):
        tools.run("sleeper", [], tmp_path, 0.001)


@pytest.mark.parametrize(
    ("routed", "shown", "median"),
    [
        ({1: 150.0, 2: 140.0, 3: 160.0}, ("150.0",), 150.0),
        ({1: 150.0, 3: 140.0}, ("140.0",), 140.0),  # seed 2 counts as slower than both
        ({3: 140.0}, ("140.0",), None),
        ({}, (), None),
    ],
)
def test_seed_that_is_not_routed(tmp_path, monkeypatch, routed, shown, median):
    def place(flow, seed):
        if seed not in routed:
            raise tools.TimeLimitError("given up")
        return {"fmax_mhz": routed[seed], "critical_path": [f"{routed[seed]}"]}

    monkeypatch.setattr(run._Flow, "_place", place)
    monkeypatch.setattr(run._Flow, "cells", lambda flow: {})
    monkeypatch.setattr(tools, "version", lambda tool: "1")
    result = synth(load_device("os_4x4_int8"), "ecp5-85f", (1, 2, 3), cache=tmp_path)
    assert result.seeds == tuple(routed) and result.fmax_mhz == tuple(routed.values())
    assert result.unrouted_seeds == tuple({1, 2, 3} - set(routed))
    assert result.critical_path == shown and result.median_fmax_mhz == median
    assert result.to_dict()["unrouted_seeds"] == list(result.unrouted_seeds)


def product(name, multipliers, bit):
    """``multipliers`` whose outputs from ``bit`` on meet in a chain of adders."""
    cells = {}
    directions = {"P0": "output", "A0": "input", "S0": "output"}
    for n in range(multipliers):
        pins = {"A0": [1], "P0": [bit + n]}
        cells[f"{name}_MULT18X18D_P{n}"] = {
            "type": "MULT18X18D", "connections": pins, "port_directions": directions,
        }  # fmt: skip
        pins = {"A0": [bit + n], "P0": [bit + 100 + n - 1], "S0": [bit + 100 + n]}
        cells[f"{name}_CCU2C_{n}"] = {
            "type": "CCU2C", "connections": pins, "port_directions": {**directions, "P0": "input"},
        }  # fmt: skip
    return cells


def places(module):
    return {n: c["attributes"]["BEL"] for n, c in module["cells"].items() if "attributes" in c}


def block_of(bel):
    column, row = (int(part[1:]) for part in bel.split("/")[:2])
    return max(x for x in COLUMNS if x <= column), row


def test_multipliers_of_a_product_share_a_block():
    cells = {**product("core.datapath.norm.$1", 4, 1000), **product("core.gate.$2", 2, 2000)}
    cells |= {**product("core.gate.$3", 2, 3000), **product("core.datapath.norm.$4", 1, 4000)}
    module = {"cells": cells}
    assert place_multipliers(module) == 9
    found = places(module)
    assert len(set(found.values())) == 9
    blocks = [{block_of(b) for n, b in found.items() if f"${k}_" in n} for k in (1, 2, 3, 4)]
    assert [len(b) for b in blocks] == [1, 1, 1, 1]
    assert blocks[1] == blocks[2] and len({*blocks[0], *blocks[1], *blocks[3]}) == 3
    assert {row for b in blocks for _, row in b} <= set(ROWS)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_as_many_multipliers_as_the_part_has_find_a_place(size):
    cells = {}
    for n in range(156 // size):
        cells |= product(f"core.unit.${n}", size, 1000 * (n + 1))
    module = {"cells": cells}
    count = 156 // size * size
    assert place_multipliers(module) == count
    assert len(set(places(module).values())) == count


@pytest.mark.parametrize(
    ("device", "asked", "router"),
    [("os_4x4_int8", None, "router1"), ("ecp5", None, "router2"), ("ecp5", "heap", "router1")],
)
def test_placer_suits_the_machine(tmp_path, monkeypatch, device, asked, router):
    calls = []

    def call(tool, arguments, folder, minutes=None):
        calls.append(arguments)
        report = {"fmax": {"clk": {"achieved": 9}}, "critical_paths": []}
        (folder / "report_1.json").write_text(json.dumps(report))

    monkeypatch.setattr(run._Flow, "_synthesise", lambda flow: (flow.folder, {}))
    monkeypatch.setattr(tools, "run", call)
    monkeypatch.setattr(tools, "version", lambda tool: "1")
    for _ in range(2):  # the second time it is kept
        result = synth(load_device(device), "ecp5-85f", (1,), cache=tmp_path, placer=asked)
    assert result.fmax_mhz == (9.0,) and len(calls) == 1
    assert calls[0][calls[0].index("--router") + 1] == router


@pytest.mark.slow
def test_small_design_placed_and_routed(tmp_path):
    device = load_device("os_8x8_int8", ("array.rows=2", "array.columns=2"))
    result = synth(device, "ecp5-85f", (1,), cache=tmp_path)
    assert result.dsp == 8 and result.fmax_mhz[0] > 60.0
    assert len(result.critical_path) >= 3


@pytest.mark.parametrize(
    ("script", "said"),
    [("exit 9", "no message"), ("echo 'it broke'; echo; exit 9", "it broke")],
    ids=["silent", "blank line"],
)
def test_a_tool_that_fails_is_quoted(script, said, tmp_path, monkeypatch):
    (tmp_path / "tool").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "tool").chmod(0o755)
    monkeypatch.setattr(tools, "find", lambda name: str(tmp_path / name))
    with pytest.raises(SynthError, match=f"^tool failed with exit status 9: {said}$"):
        tools.run("tool", [], tmp_path)
