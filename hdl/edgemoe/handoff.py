"""Integration files of a generated Edge-MoE accelerator, as texts by file name."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Any

from archsim.config.edgemoe_layout import COUNTERS, FIELDS, READ_AHEAD, UNITS, Layout
from hdl.edgemoe.registers import IDENTITY, REGISTERS, TOP
from hdl.ipxact import Bus, component

TEMPLATES = Path(__file__).parents[1] / "templates"

BUSES: tuple[Bus, ...] = (
    ("m_axi", "AMBA4", "AXI4", "master", ""),
    ("s_axil", "AMBA4", "AXI4-Lite", "slave", "registers"),
)
OPCODES = ("END", "TASK", "LOAD", "PIXELS", "NORM", "LINEAR", "ATTENTION", "STORE")


def handoff(device: Any, digest: str, ports: list[dict[str, Any]]) -> dict[str, str]:
    """Return the hand-off files of ``device``, file name to text.

    ``digest`` is the design's, ``ports`` those of the top module.
    """
    hz = float(device.clock.frequency_hz)
    clock = f"create_clock -name clk -period {1e9 / hz:.3f} [get_ports clk]\n"
    values = _values(device, digest, hz)
    return {
        "constraints/edgemoe.xdc": clock,
        "constraints/edgemoe.sdc": clock,
        "constraints/edgemoe.lpf": f'FREQUENCY PORT "clk" {hz / 1e6:.3f} MHZ;\n',
        "ecp5/build.sh": _fill("edgemoe_ecp5.sh.in", values),
        "vivado/project.tcl": _fill("edgemoe_project.tcl.in", values),
        "ip/component.xml": component(
            device.name, TOP, ports, BUSES, {"registers": REGISTERS}, ["top.v"]
        ),
        "sim/waivers.vlt": _fill("waivers.vlt.in", values),
        "software/driver.py": _fill("edgemoe_driver.py.in", values),
        "software/registers.md": _markdown(device.name),
        "software/edgemoe.h": _header(digest),
    }


def _fill(template: str, values: dict[str, Any]) -> str:
    return Template((TEMPLATES / template).read_text()).substitute(values)


def _values(device: Any, digest: str, hz: float) -> dict[str, Any]:
    p, layout = device.params, Layout(device.params)
    names = (
        "channels",
        "image_height",
        "image_width",
        "patch",
        "dim",
        "depth",
        "experts",
        "top_k",
        "tasks",
    )
    sizes = {name: getattr(p, name) for name in names}
    return {
        "name": device.name, "digest": digest[:12], "mhz": f"{hz / 1e6:.3f}", "top": TOP,
        "parameters": p.digest[:8], "identity": f"0x{IDENTITY:08X}",
        "offsets": {r.name: r.offset for r in REGISTERS}, "counters": COUNTERS, "fields": FIELDS,
        "opcodes": ", ".join(OPCODES), "read_ahead": READ_AHEAD,
        "expert_by_expert": p.techniques.expert_by_expert, "units": UNITS,
        "sizes": sizes, "regions": layout.regions,
        "tile_out": p.tile_out, "granule": layout.granule, "port_bytes": layout.port_bytes,
        "packed": layout.packed,
        "tokens": p.tokens, "patches": p.patches,
    }  # fmt: skip


def _markdown(name: str) -> str:
    rows = [f"| 0x{r.offset:02X} | {r.name} | {r.access} | {r.text} |" for r in REGISTERS]
    fields = [f"| {n} | {low} | {bits} |" for n, (low, bits) in FIELDS.items()]
    return "\n".join([
        f"# Registers of {name}", "", "32 bits each, AXI4-Lite, byte offsets.", "",
        "| offset | name | access | meaning |", "|---|---|---|---|", *rows, "",
        "## Descriptors", "",
        "64 bytes each, one behind the other, ending with opcode 0. Opcodes: "
        + ", ".join(f"{n} {name}" for n, name in enumerate(OPCODES)) + ".",
        f"Up to {READ_AHEAD - 1} descriptors behind the end are read too: they must be readable.",
        "",
        "| field | lowest bit | bits |", "|---|---|---|", *fields, "",
    ])  # fmt: skip


def _header(digest: str) -> str:
    lines = []
    for r in REGISTERS:
        lines.append(f"#define EDGEMOE_{r.name.upper()} 0x{r.offset:02X}u /* {r.text} */")
    lines += [f"#define EDGEMOE_OP_{name} {n}u" for n, name in enumerate(OPCODES)]
    for name, (low, bits) in FIELDS.items():
        lines.append(f"#define EDGEMOE_FIELD_{name.upper()} {low}u /* lowest bit, {bits} bits */")
    body = "\n".join(lines)
    head = f"/* Registers and descriptors, design {digest[:12]}. */"
    return f"{head}\n#ifndef EDGEMOE_H\n#define EDGEMOE_H\n\n{body}\n\n#endif\n"
