"""Verilog text of the neural field processor: each repeated module once."""

from __future__ import annotations

from archsim.config.ngpc_params import NfpParams
from hdl.lib.memory import VERILOG
from hdl.ngpc.cluster import make_processor
from hdl.ngpc.lane import MODULE as LANE
from hdl.ngpc.perceptron import PE, make_lane, make_pe
from hdl.ngpc.top import ProcessorTop
from hdl.verilog import Part, convert_all

TOP = "ngpc_top"
CORE = "ngpc_core"


def emit(params: NfpParams, multiplier: str = "generic") -> str:
    """Return the Verilog of the processor with its AXI ports, top module ``ngpc_top``."""
    top = ProcessorTop(params, multiplier=multiplier, verilog=True)
    return _text([*_parts(params, multiplier), (top, TOP)])


def emit_core(params: NfpParams, multiplier: str = "generic") -> str:
    """Return the Verilog of the processor without its AXI ports, top module ``ngpc_core``."""
    core = make_processor(params, multiplier=multiplier, verilog=True)
    return _text([*_parts(params, multiplier), (core, CORE)])


def _text(parts: list[Part]) -> str:
    return "\n".join([VERILOG, *convert_all(parts).values()])


def _parts(params: NfpParams, multiplier: str) -> list[Part]:
    """Return the modules that are instantiated more than once."""
    element = make_pe(params, multiplier=multiplier, verilog=True)
    return [(element, PE), (make_lane(params), LANE)]
