"""Standard cells: memories counted, estimates scaled, one tiny design through the real tools."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from archsim.config import load_device
from archsim.config import node_scaling as scaling
from hdl.rtl import rtl_of
from hdl.synth import SynthError, asic, synth_asic

DEVICE = load_device("os_4x4_int8")


def test_memory_bits_are_those_of_the_buffers():
    p = load_device("ws_4x4_int8").params
    words = (
        p.a_word_bits * p.a_depth + p.b_word_bits * p.b_depth + p.out_word_bits * p.out_depth
        + p.columns * p.acc_bits * p.acc_depth + 16 * p.param_word_bits
    )  # fmt: skip
    assert asic.memory_bits(rtl_of(p).verilog) == words


def test_scaling_follows_the_published_fits():
    """The corrigendum's example: 65 nm at 1.3 V to 32 nm at 0.9 V takes 0.1755 of the energy."""
    at_32 = scaling._polynomial((0.8367, -0.4341, 0.1701), 0.9)
    at_65 = scaling._polynomial((3.755, -4.398, 1.975), 1.3)
    assert at_32 / at_65 == pytest.approx(0.1755, rel=1e-3)
    small, smaller = (scaling.factors(node) for node in scaling.NODES)
    for name in ("area", "delay", "energy"):
        assert 1 > small[name] > smaller[name] > 0


def test_missing_cells_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(asic, "PLACES", (tmp_path,))
    with pytest.raises(SynthError, match=r"osu018_stdcells\.lib must be installed"):
        synth_asic(DEVICE)


def test_a_tiny_engine_in_standard_cells(require_system, tmp_path):
    require_system("sta")
    params = replace(
        DEVICE.params, rows=1, columns=1, requantise=False, bias=False, a_depth=8, b_depth=8,
        out_depth=4,
    )  # fmt: skip
    device = SimpleNamespace(name="tiny", params=params, clock=DEVICE.clock)
    result = synth_asic(device, cache=tmp_path)
    assert result == synth_asic(device, cache=tmp_path)  # from the kept results
    assert 0 < result.sequential_area_um2 < result.area_um2 < 1e6
    assert result.fmax_mhz is not None and 20 < result.fmax_mhz < 2000
    assert result.power_w is not None and 1e-5 < result.power_w < 1
    assert [row["node_nm"] for row in result.scaled] == [45, 7]
    assert all(row["basis"] == "estimated" for row in result.scaled)
