"""Reading nextpnr's report: Fmax and the slowest path in words."""

from __future__ import annotations

import re
from typing import Any


def fmax_mhz(report: dict[str, Any]) -> float:
    """Return the achieved frequency of the slowest clock."""
    return min(float(clock["achieved"]) for clock in report["fmax"].values())


def critical_path(report: dict[str, Any]) -> tuple[str, ...]:
    """Return the slowest register-to-register path, a line a stage: what it is and how long."""
    paths = [
        path
        for path in report["critical_paths"]
        if "<async>" not in (path["from"].split(" ")[-1], path["to"].split(" ")[-1])
    ]
    if not paths:
        return ()
    worst = max(paths, key=lambda path: sum(stage["delay"] for stage in path["path"]))
    lines = []
    total = 0.0
    for stage in worst["path"]:
        total += stage["delay"]
        if stage["delay"] > 0.0:
            where = stage["to"] if stage["type"] != "clk-to-q" else stage["from"]
            lines.append(f"{total:5.2f} ns  {stage['type']:8} {readable(where['cell'])}")
    return tuple(lines)


def readable(cell: str) -> str:
    """Return the register or component that a mapped cell's name begins with."""
    name = re.sub(r"^core\.", "", cell)
    short = re.split(r"_(?:TRELLIS_FF|LUT4|CCU2C|PFUMX|L6MUX21|DPR16X4)_", name)[0]
    return short.split("$")[0] or name
