"""The Edge-MoE accelerator as ``hdl.generate`` wants every machine: RTL, tops, hand-off files."""

from __future__ import annotations

import re

from amaranth.lib import wiring

from archsim.config.edgemoe_layout import Layout
from archsim.config.edgemoe_params import LINEAR_MODULES, EdgeMoeParams, engine_params
from archsim.errors import ConfigError
from hdl.edgemoe.gate import RECURRENCE
from hdl.edgemoe.handoff import handoff
from hdl.edgemoe.linear import EPILOGUE_CYCLES
from hdl.edgemoe.norm import OUTPUT_CYCLES, STATISTICS_CYCLES
from hdl.edgemoe.registers import REGISTERS, TOP
from hdl.edgemoe.softmax import OnlineSoftmax, SoftmaxWeight
from hdl.edgemoe.top import EdgeMoeTop
from hdl.edgemoe.units import TOP as UNITS_TOP
from hdl.edgemoe.units import Units
from hdl.matrix.emit import emit_parts
from hdl.rtl import Rtl
from hdl.verilog import convert

__all__ = ["PARTS", "check", "handoff", "rtl", "synthesis_top", "units_verilog"]

WIDEST_TILE = 32
"""Outputs of the linear unit: a row of full-width sums must fit the engine's widest port."""

PARTS = {
    "elements": r"matrix_pe",
    "engine": r"datapath\.linear\.unit\.engine",
    "epilogue": r"datapath\.linear\.unit\.epilogue",
    "feed": r"datapath\.feed",
    "transposer": r"datapath\.transposer",
    "scores": r"datapath\.scores",
    "kept_scores": r"datapath\.kept_scores",
    "mix": r"datapath\.mix",
    "norm": r"datapath\.norm",
    "gate": r"datapath\.gate",
    "queues": r"datapath\.queues",
    "scratchpads": r"datapath\.U\$\d+",
    "payload": r"datapath\.source",
    "paths": r"datapath(\.linear)?",
    "fetcher": r"fetcher",
    "ports": r"reader|writer",
    "control": r"sequencer|control(\$\d+)?",
}
"""Parts whose counts are kept, and the modules that are theirs: ``hdl.synth.parts``.

``paths``: what connects units and scratchpads: walks, the experts' table, choices.
"""


def check(params: EdgeMoeParams) -> None:
    """Raise ``ConfigError`` where the RTL cannot be made."""
    slots = params.head_dim // params.lanes
    rules = [
        ("linear.tile_out", params.tile_out, params.tile_out <= WIDEST_TILE,
         f"at most {WIDEST_TILE}"),
        ("attention.queries", params.queries, params.queries <= slots,
         f"at most head dimension / attention.lanes ({slots})"),
        ("linear.tile_in", params.tile_in, params.tile_rows * LINEAR_MODULES == params.tile_in
         or params.techniques.unified_linear, f"a multiple of {LINEAR_MODULES}"),
    ]  # fmt: skip
    rules += [(name, value, False, rule) for name, value, rule in Layout(params).faults()]
    for name, value, good, rule in rules:
        if not good:
            raise ConfigError(f"device.{name} must be {rule} for RTL, not {value}")


def rtl(params: EdgeMoeParams) -> Rtl:
    """Return the accelerator with its AXI ports; see ``check``."""
    check(params)
    latency = {
        "softmax_recurrence": RECURRENCE,
        "softmax_sum": OnlineSoftmax.LATENCY,
        "softmax_weight": SoftmaxWeight.LATENCY,
        "norm_statistics": STATISTICS_CYCLES,
        "norm_output": OUTPUT_CYCLES,
        "linear_epilogue": EPILOGUE_CYCLES,
    }
    top = convert(EdgeMoeTop(params, verilog=True), TOP)
    verilog = "\n".join([emit_parts(engine_params(params)), top])
    counters = {r.name: r.offset for r in REGISTERS if r.text.startswith("counter")}
    return Rtl(params=params, top=TOP, verilog=verilog, latency=latency, counters=counters)


def units_verilog(params: EdgeMoeParams) -> str:
    """Return all units in one module ``edgemoe_units``, their streams as ports."""
    check(params)
    return "\n".join([emit_parts(engine_params(params)), flat(Units(params), UNITS_TOP)])


def synthesis_top(params: EdgeMoeParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of the accelerator: it has no top without AXI ports."""
    made = rtl(params)
    return made.top, made.verilog


def flat(component: wiring.Component, name: str) -> str:
    """Return Verilog whose stream ports are ``port_payload``, ``port_valid`` and ``port_ready``."""
    text = convert(component, name)
    return re.sub(r"\b(\w+?)__(payload|valid|ready)\b", r"\1_\2", text)
