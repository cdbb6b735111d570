"""Verilog text of the matrix engine: each repeated module once."""

from __future__ import annotations

from archsim.config.matrix import MatrixParams
from hdl.arith.requant import PostLane
from hdl.lib.memory import VERILOG
from hdl.matrix.array import PE, ROW, SystolicRow, make_pe
from hdl.matrix.engine import LANE, MatrixEngine
from hdl.matrix.memory_top import MatrixMemoryTop
from hdl.matrix.top import MatrixTop
from hdl.verilog import Part, convert_all

TOP = "matrix_top"
MEMORY_TOP = "matrix_memory_top"
CORE = "matrix_core"


def emit(params: MatrixParams) -> tuple[str, str]:
    """Return the Verilog of the whole engine, top module ``matrix_top``, and of
    ``matrix_memory_top``, which instantiates it.
    """
    memory = (MatrixMemoryTop(params, engine=TOP), MEMORY_TOP)
    texts = convert_all([*_parts(params), (MatrixTop(params, verilog=True), TOP), memory])
    memory_text = texts.pop(MEMORY_TOP)
    return "\n".join([VERILOG, *texts.values()]), memory_text


def emit_core(params: MatrixParams) -> str:
    """Return the Verilog of the engine without its AXI ports, top module ``matrix_core``."""
    texts = convert_all([*_parts(params), (MatrixEngine(params, verilog=True), CORE)])
    return "\n".join([VERILOG, *texts.values()])


def emit_parts(params: MatrixParams) -> str:
    """Return the Verilog of the modules that an engine made with ``verilog=True`` instantiates."""
    return "\n".join([VERILOG, *convert_all(_parts(params)).values()])


def _parts(params: MatrixParams) -> list[Part]:
    """Return the modules that are instantiated more than once."""
    return [
        (make_pe(params, verilog=True), PE),
        (SystolicRow(params, verilog=True), ROW),
        (PostLane(params, verilog=True), LANE),
    ]
