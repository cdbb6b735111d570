"""Verilog text of an Amaranth component, with the bus names that other tools expect."""

from __future__ import annotations

import re
from typing import Any

from amaranth.back import verilog
from amaranth.lib import wiring


def convert(component: wiring.Component, name: str) -> str:
    """Return the Verilog of ``component`` as module ``name``."""
    text: str = verilog.convert(component, name=name, emit_src=False, strip_internal_attrs=True)
    # s_axis__tdata -> s_axis_tdata
    return re.sub(r"\b([sm]_ax\w*?)__", r"\1_", text)


def ports(verilog_text: str, top: str) -> list[dict[str, Any]]:
    """Return name, width and direction of the ports of module ``top`` in Yosys' Verilog."""
    body = re.search(rf"^module {top}\((.*?)^endmodule", verilog_text, re.DOTALL | re.MULTILINE)
    if body is None:
        raise ValueError(f"verilog must define module {top}")
    found = re.findall(
        r"^  (input|output) (?:signed )?(?:\[(\d+):0\] )?(\w+);", body.group(1), re.MULTILINE
    )
    return sorted(
        (
            {"name": name, "width": int(high or 0) + 1, "direction": direction}
            for direction, high, name in found
        ),
        key=lambda port: str(port["name"]),
    )
