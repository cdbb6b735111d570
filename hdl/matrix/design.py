"""The matrix engine as ``hdl.generate`` wants every machine: its RTL, tops and hand-off files."""

from __future__ import annotations

from dataclasses import replace

from archsim.config.matrix import MatrixParams
from hdl.matrix import array
from hdl.matrix.emit import CORE, TOP, emit, emit_core
from hdl.matrix.handoff import handoff
from hdl.matrix.registers import REGISTERS
from hdl.rtl import Rtl

__all__ = ["handoff", "rtl", "synthesis_top"]


def rtl(params: MatrixParams) -> Rtl:
    """Return the engine with its AXI ports."""
    top, memory_top = emit(params)
    return Rtl(
        params=params,
        top=TOP,
        verilog=top,
        latency={"array": array.latency(params)},
        counters={r.name: r.offset for r in REGISTERS if r.text.startswith("counter")},
        companions={"top_memory.v": memory_top},
    )


def synthesis_top(params: MatrixParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of ``top`` (core or axi), for an ECP5 part or another."""
    fitting = params if ecp5 else replace(params, multiplier="generic")
    return (TOP, emit(fitting)[0]) if top == "axi" else (CORE, emit_core(fitting))
