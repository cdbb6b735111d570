"""The cocotb bench itself: independent AXI agents, waves, bounded waits."""

from __future__ import annotations

import pytest

from archsim.config import load_device
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack
from cosim.bench_runner import simulate
from cosim.compiled import Stimulus
from cosim.design import open_design
from cosim.errors import HangError
from cosim.operands import draw
from cosim.runner import cosim

DEVICE = load_device("os_4x4_int8")


def work(stimulus):
    params = DEVICE.params
    operands = draw(params, 5, 9, 6, 1)
    job = plan(params, 5, 6, 9)
    return [(job, pack(params, job, operands.a, operands.b, operands.columns), stimulus)]


def test_axi_agents_see_the_same_bytes(require_system):
    require_system("iverilog")
    design = open_design(DEVICE.params)
    (run,) = simulate(design, DEVICE.params, work(Stimulus(seed=4)), "icarus", agents=True)
    assert run.counters["cycles"] > 0


def test_a_hung_handshake_ends(require_system):
    require_system("iverilog")
    stuck = Stimulus(stall=100, wait_limit=300)
    with pytest.raises(HangError, match="no handshake for 300 cycles"):
        simulate(open_design(DEVICE.params), DEVICE.params, work(stuck), "icarus")


def test_waves_on_request(require_system, tmp_path):
    require_system("iverilog")
    file = tmp_path / "waves.fst"
    cosim(DEVICE, [(2, 3, 2)], sim="icarus", waves=file)
    assert file.stat().st_size > 1000
