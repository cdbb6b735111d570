"""Verilog text of the matrix engine: each repeated module once."""

from __future__ import annotations

from amaranth.lib import wiring

from archsim.config.matrix import MatrixParams
from hdl.arith.requant import PostLane
from hdl.lib.memory import VERILOG
from hdl.matrix.array import PE, ROW, SystolicRow, make_pe
from hdl.matrix.engine import LANE, MatrixEngine
from hdl.matrix.memory_top import MatrixMemoryTop
from hdl.matrix.top import MatrixTop
from hdl.verilog import convert

TOP = "matrix_top"
MEMORY_TOP = "matrix_memory_top"
CORE = "matrix_core"


def emit(params: MatrixParams) -> str:
    """Return the Verilog of the whole engine, top module ``matrix_top``."""
    return _with_parts(params, MatrixTop(params, verilog=True), TOP)


def emit_core(params: MatrixParams) -> str:
    """Return the Verilog of the engine without its AXI ports, top module ``matrix_core``."""
    return _with_parts(params, MatrixEngine(params, verilog=True), CORE)


def emit_parts(params: MatrixParams) -> str:
    """Return the Verilog of the modules that an engine made with ``verilog=True`` instantiates."""
    parts = (
        (PE, make_pe(params, verilog=True)),
        (ROW, SystolicRow(params, verilog=True)),
        (LANE, PostLane(params, verilog=True)),
    )
    return "\n".join([VERILOG, *(convert(component, name) for name, component in parts)])


def _with_parts(params: MatrixParams, top: wiring.Component, name: str) -> str:
    return "\n".join([emit_parts(params), convert(top, name)])


def emit_memory_top(params: MatrixParams) -> str:
    """Return the Verilog of ``matrix_memory_top``, which instantiates ``matrix_top``."""
    return convert(MatrixMemoryTop(params, engine=TOP), MEMORY_TOP)
