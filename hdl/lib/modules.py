"""Placing a component either as an Amaranth submodule or as an instance of its Verilog module.

Amaranth emits one module per object, however many are alike. For Verilog, a repeated part is
therefore converted once and placed with ``Instance``; for simulation in Python it is placed as
it is. Both have the same ports.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow


def place(
    m: Module,
    name: str,
    make: Callable[[], wiring.Component],
    signature: wiring.Signature,
    verilog: str | None = None,
) -> Any:
    """Add the component of ``make`` to ``m`` as ``name`` and return an object with its ports.

    With ``verilog``, the name of a Verilog module with the flat ports of ``signature``, an
    instance of that is placed instead.
    """
    if verilog is None:
        component = make()
        m.submodules[name] = component
        return component
    ports = SimpleNamespace()
    arguments: dict[str, Any] = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
    for port, member in signature.members.items():
        signal = Signal(member.shape, name=f"{name}_{port}")
        setattr(ports, port, signal)
        arguments[f"{'i' if member.flow is Flow.In else 'o'}_{port}"] = signal
    m.submodules[name] = Instance(verilog, **arguments)
    return ports
