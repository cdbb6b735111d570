"""An out-of-context harness: a design of any width between two shift registers, three pins.

It is made of ECP5 cells, so that it needs no synthesis and the design's netlist stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HARNESS = "harness"
"""Name of the Verilog module."""

_FF = (
    'TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), .LSRMUX("LSR"), '
    '.REGSET("RESET"), .SRMODE("LSR_OVER_CE"))'
)
_SELECT = "16'hCACA"  # C ? B : A


def harness(module: str, ports: Sequence[dict[str, Any]]) -> str:
    """Return the Verilog of a harness around ``module``.

    ``ports`` have ``name``, ``width``, ``direction``, as a manifest; ``clk`` and ``rst`` are
    driven by the harness' clock and its first register.
    """
    data = [port for port in ports if port["name"] not in ("clk", "rst")]
    connections = [".clk(clk)", ".rst(i[0])"]
    at = {"input": 1, "output": 0}
    for port in data:
        bus = "i" if port["direction"] == "input" else "o"
        low = at[port["direction"]]
        connections.append(f".{port['name']}({bus}[{low}+:{port['width']}])")
        at[port["direction"]] = low + port["width"]
    ins, outs = at["input"], at["output"]
    if ins < 2 or outs < 2:
        raise ValueError(f"ports must have inputs and two or more output bits, not {data!r}")
    return "\n".join(
        [
            f"module {HARNESS}(input clk, input din, input load, output dout);",
            f"  wire [{ins - 1}:0] i;",
            f"  wire [{outs - 1}:0] o, d, q;",
            "  assign dout = q[0];",
            f"  {_FF} enter [{ins - 1}:0] (.CLK(clk), .LSR(1'b0), .CE(1'b1),",
            f"    .DI({{i[{ins - 2}:0], din}}), .Q(i));",
            f"  LUT4 #(.INIT({_SELECT})) pick [{outs - 1}:0] (",
            f"    .A({{1'b0, q[{outs - 1}:1]}}), .B(o), .C(load), .D(1'b0), .Z(d));",
            f"  {_FF} leave [{outs - 1}:0] (.CLK(clk), .LSR(1'b0), .CE(1'b1), .DI(d), .Q(q));",
            f"  {module} core ({', '.join(connections)});",
            "endmodule",
            "",
        ]
    )
