"""Verilog text of Amaranth components, with the bus names that other tools expect."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from amaranth._toolchain.yosys import find_yosys
from amaranth.back import rtlil
from amaranth.lib import wiring

_HIDDEN = ("generator", "top", "src", "amaranth.hierarchy", "amaranth.decoding")
"""Attributes that only Amaranth reads."""

Part = tuple[wiring.Component, str]
"""A component and the name of its Verilog module."""


def convert(component: wiring.Component, name: str) -> str:
    """Return the Verilog of ``component`` as module ``name``, with all those below it."""
    return convert_all([(component, name)])[name]


def convert_all(parts: Sequence[Part]) -> dict[str, str]:
    """Return the Verilog of each of ``parts`` by module name: the module, and all those below it.

    Yosys runs once for all of them; starting it costs as much as a small module's conversion.
    """
    with _uncollected():
        texts = [rtlil.convert(component, name=name, emit_src=False) for component, name in parts]
    hidden = " ".join(f"-remove {name}" for name in _HIDDEN)
    script = [f"read_rtlil <<rtlil\n{text}\nrtlil" for text in texts]
    script += ["proc -nomux -norom", "memory_collect", f"attrmap {hidden}"]
    script += [f"attrmap -modattr {hidden}", "write_verilog -norename"]
    yosys = find_yosys(lambda version: version >= (0, 40))
    text: str = yosys.run(["-q", "-"], "\n".join(script), ignore_warnings=True)
    text = re.sub(r"\b([sm]_ax\w*?)__", r"\1_", text)  # s_axis__tdata -> s_axis_tdata
    return _by_part(text, [name for _, name in parts])


def _by_part(text: str, names: Sequence[str]) -> dict[str, str]:
    """Share out the modules: one that belongs to no part by its name's beginning is an error."""
    head, *modules = re.split(r"^(?=(?:\(\*[^\n]*\*\)\n)*module )", text, flags=re.MULTILINE)
    found = dict.fromkeys(names, head)
    for module in modules:
        match = re.search(r"^module \\?([\w.$]+)", module, re.MULTILINE)
        name = match.group(1).split(".")[0] if match else ""
        found[name] += module
    return found


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector off: elaboration makes many objects and drops none of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
