"""The Edge-MoE units as ``hdl.generate`` wants every machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from amaranth.lib import wiring

from archsim.config.edgemoe_params import EdgeMoeParams
from hdl.edgemoe.gate import RECURRENCE
from hdl.edgemoe.linear import EPILOGUE_CYCLES
from hdl.edgemoe.norm import OUTPUT_CYCLES, STATISTICS_CYCLES
from hdl.edgemoe.softmax import OnlineSoftmax, SoftmaxWeight
from hdl.edgemoe.units import STREAMS, TOP, Units, make_unit
from hdl.rtl import Rtl
from hdl.verilog import convert


def rtl(params: EdgeMoeParams) -> Rtl:
    """Return all units in one module, their streams as ports."""
    latency = {
        "softmax_recurrence": RECURRENCE,
        "softmax_sum": OnlineSoftmax.LATENCY,
        "softmax_weight": SoftmaxWeight.LATENCY,
        "norm_statistics": STATISTICS_CYCLES,
        "norm_output": OUTPUT_CYCLES,
        "linear_epilogue": EPILOGUE_CYCLES,
    }
    return Rtl(params=params, top=TOP, verilog=flat(Units(params), TOP), latency=latency)


def synthesis_top(params: EdgeMoeParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of all units; there is no other top yet."""
    made = rtl(params)
    return made.top, made.verilog


def unit_verilog(params: EdgeMoeParams, name: str) -> tuple[str, str]:
    """Return module name and Verilog of one unit of ``STREAMS``, for its synthesis counts."""
    if name not in STREAMS:
        raise ValueError(f"unit must be one of {', '.join(STREAMS)}, not {name!r}")
    module = f"edgemoe_{name}"
    return module, flat(make_unit(params, name), module)


def handoff(_device: Any, _digest: str, _ports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return no further files: integration needs the controller."""
    return {}


def flat(component: wiring.Component, name: str) -> str:
    """Return Verilog whose stream ports are ``port_payload``, ``port_valid`` and ``port_ready``."""
    text = convert(component, name)
    return re.sub(r"\b(\w+?)__(payload|valid|ready)\b", r"\1_\2", text)
