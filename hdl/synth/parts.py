"""Counts of a design's parts: every part is synthesised for itself, in one run of Yosys."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdl.rtl import RtlParams, design_module, synthesis_top
from hdl.synth import counts, tools
from hdl.synth.kept import Kept, default_cache
from hdl.synth.result import RESOURCES, SynthError
from hdl.synth.targets import TARGETS

FLOW = "parts 1"
"""Counted up when the flow changes, so that kept results of another flow are not taken."""

TOP = "top"
"""The part of what lies in no other part."""

Counts = dict[str, dict[str, float]]


def count_parts(params: RtlParams, target: str = "xcup", cache: Path | None = None) -> Counts:
    """Return ``RESOURCES`` of each part of ``params``' design, all instances together.

    Nothing is optimised across the bounds of a part, and equal modules of a part are mapped once:
    the sum is a little above the counts of the design as a whole. Raises ``SynthError`` where the
    machine's design names no parts, or the tool is missing.
    """
    patterns: Mapping[str, str] = getattr(design_module(params), "PARTS", {})
    if not patterns:
        raise SynthError(f"parts must be named by the design of machine: {params.MACHINE}")
    top, verilog = synthesis_top(params, "core", ecp5=False)
    command = TARGETS[target].command
    identity = [FLOW, command, top, verilog, json.dumps(patterns), tools.version(tools.YOSYS)]
    kept = Kept(cache or default_cache(), identity)
    stat = kept.get("stat", lambda: _synthesise(top, verilog, command, patterns))
    return sum_up(stat, top, patterns, target)


def modules_of(verilog: str, top: str, patterns: Mapping[str, str]) -> dict[str, str]:
    """Return the modules that are bounds of a part, and its name.

    A pattern matches the whole name of a module, without ``top`` and a point before it.
    """
    names = re.findall(r"^module \\?([^\s(#]+)", verilog, re.MULTILINE)
    return {name: part for name in names if (part := _part(name, top, patterns))}


def _part(name: str, top: str, patterns: Mapping[str, str]) -> str:
    inner = name.removeprefix(f"{top}.")
    return next((part for part, pattern in patterns.items() if re.fullmatch(pattern, inner)), "")


def _synthesise(top: str, verilog: str, command: str, patterns: Mapping[str, str]) -> Any:
    script = ["read_verilog top.v"]
    script += [
        f"setattr -mod -set keep_hierarchy 1 \\{name}"
        for name in modules_of(verilog, top, patterns)
    ]
    script += [f"{command} -top {top}", "tee -q -o stat.json stat -json"]
    with tempfile.TemporaryDirectory(prefix="archsim-parts-") as scratch:
        folder = Path(scratch)
        (folder / "top.v").write_text(verilog)
        tools.run(tools.YOSYS, ["-q", "-p", "; ".join(script)], folder)
        return json.loads((folder / "stat.json").read_text())


def sum_up(stat: Any, top: str, patterns: Mapping[str, str], target: str) -> Counts:
    """Return the counts of each part of Yosys' ``stat -json``, ``TOP`` first."""
    modules = {
        name.removeprefix("\\"): module["num_cells_by_type"]
        for name, module in stat["modules"].items()
    }
    instances: Counter[str] = Counter()

    def walk(name: str, times: int) -> None:
        instances[name] += times
        for kind, count in modules[name].items():
            if kind in modules:
                walk(kind, times * count)

    walk(top, 1)
    found = {part: dict.fromkeys(RESOURCES, 0.0) for part in (TOP, *patterns)}
    for name, times in instances.items():
        part = found[_part(name, top, patterns) or TOP]
        for resource, count in counts.resources(modules[name], target).items():
            part[resource] += times * count
    return found
