"""What a machine's hardware package gives the generator, whatever the machine.

``hdl.<package>.design`` of each machine defines ``rtl(params)``, ``synthesis_top(params, top,
ecp5)`` and ``handoff(device, digest, ports)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Protocol

_DESIGNS = {
    "array": "hdl.matrix.design",
    "edgemoe": "hdl.edgemoe.design",
    "ngpc": "hdl.ngpc.design",
}
"""Machine to the module that makes its RTL."""


class RtlParams(Protocol):
    """The frozen parameters that a machine's RTL depends on: one object for all layers."""

    MACHINE: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def digest(self) -> str:
        """SHA-256 over the parameters."""
        ...


@dataclass(frozen=True)
class Rtl:
    """Verilog of ``params`` with top module ``top``.

    ``latency`` are fixed cycles by name, ``counters`` byte offsets of performance counters,
    ``companions`` Verilog files beside it, by name: tops that use this one.
    """

    params: RtlParams
    top: str
    verilog: str
    latency: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)


def design_module(params: RtlParams) -> Any:
    """Return the module that makes the RTL of ``params``' machine."""
    return import_module(_DESIGNS[params.MACHINE])


def rtl_of(params: RtlParams) -> Rtl:
    """Return the RTL of ``params``."""
    made: Rtl = design_module(params).rtl(params)
    return made


def synthesis_top(params: RtlParams, top: str, ecp5: bool) -> tuple[str, str]:
    """Return module name and Verilog of ``top`` (core or axi), for an ECP5 part or another."""
    name, text = design_module(params).synthesis_top(params, top, ecp5)
    return str(name), str(text)
