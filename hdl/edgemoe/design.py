"""The Edge-MoE units as ``hdl.generate`` wants every machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from amaranth.lib import wiring

from archsim.config.edgemoe_params import EdgeMoeParams, Techniques, engine_params
from archsim.errors import ConfigError
from hdl.edgemoe.gate import RECURRENCE
from hdl.edgemoe.linear import EPILOGUE_CYCLES
from hdl.edgemoe.norm import OUTPUT_CYCLES, STATISTICS_CYCLES
from hdl.edgemoe.softmax import OnlineSoftmax, SoftmaxWeight
from hdl.edgemoe.units import TOP, Units
from hdl.matrix.emit import emit_parts
from hdl.rtl import Rtl
from hdl.verilog import convert

WIDEST_TILE = 16
"""Outputs of the linear unit: a row of full-width sums must fit the engine's widest port."""


def check(params: EdgeMoeParams) -> None:
    """Raise ``ConfigError`` where the units cannot be made."""
    slots = params.head_dim // params.lanes
    rules = (
        ("linear.tile_out", params.tile_out, params.tile_out <= WIDEST_TILE,
         f"at most {WIDEST_TILE}"),
        ("attention.queries", params.queries, params.queries <= slots,
         f"at most head dimension / attention.lanes ({slots})"),
        ("techniques", "some off", params.techniques == Techniques(), "all on"),
    )  # fmt: skip
    for name, value, good, rule in rules:
        if not good:
            raise ConfigError(f"device.{name} must be {rule} for RTL, not {value}")


def rtl(params: EdgeMoeParams) -> Rtl:
    """Return all units in one module, their streams as ports; see ``check``."""
    check(params)
    latency = {
        "softmax_recurrence": RECURRENCE,
        "softmax_sum": OnlineSoftmax.LATENCY,
        "softmax_weight": SoftmaxWeight.LATENCY,
        "norm_statistics": STATISTICS_CYCLES,
        "norm_output": OUTPUT_CYCLES,
        "linear_epilogue": EPILOGUE_CYCLES,
    }
    verilog = "\n".join([emit_parts(engine_params(params)), flat(Units(params), TOP)])
    return Rtl(params=params, top=TOP, verilog=verilog, latency=latency)


def synthesis_top(params: EdgeMoeParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of all units; there is no other top yet."""
    made = rtl(params)
    return made.top, made.verilog


def handoff(_device: Any, _digest: str, _ports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return no further files: integration needs the controller."""
    return {}


def flat(component: wiring.Component, name: str) -> str:
    """Return Verilog whose stream ports are ``port_payload``, ``port_valid`` and ``port_ready``."""
    text = convert(component, name)
    return re.sub(r"\b(\w+?)__(payload|valid|ready)\b", r"\1_\2", text)
