"""Integration files of a generated processor, as texts by file name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from archsim.config.ngpc import NgpcDevice
from archsim.config.ngpc_params import NfpParams
from hdl.arith.product import ECP5_MODEL
from hdl.ipxact import STREAM_BUSES, component
from hdl.ngpc.emit import TOP
from hdl.ngpc.processor import memory_words
from hdl.ngpc.registers import IDENTITY, registers
from hdl.ngpc.top import bus_bits, sample_bits

TEMPLATES = Path(__file__).parents[1] / "templates"


def handoff(device: NgpcDevice, digest: str, ports: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the hand-off files of ``device``, file name to text.

    ``digest`` is the design's, ``ports`` those of the top module.
    """
    hz = float(device.clock.frequency_hz)
    clock = f"create_clock -name clk -period {1e9 / hz:.3f} [get_ports clk]\n"
    found = registers(device.params)
    return {
        "constraints/ngpc.xdc": clock,
        "constraints/ngpc.sdc": clock,
        "constraints/ngpc.lpf": f'FREQUENCY PORT "clk" {hz / 1e6:.3f} MHZ;\n',
        "ip/component.xml": component(
            device.name, TOP, list(ports), STREAM_BUSES, {"registers": found}, ["top.v"]
        ),
        "sim/ecp5_models.v": ECP5_MODEL,
        "software/driver.py": _driver(device, digest),
        "software/registers.md": _markdown(device.name, device.params),
    }


def _driver(device: NgpcDevice, digest: str) -> str:
    p = device.params
    template = Template((TEMPLATES / "ngpc_driver.py.in").read_text())
    return template.substitute(
        name=device.name,
        digest=digest[:12],
        dims=p.grid.dims,
        position_bits=p.formats.position_bits,
        directions=p.directions,
        direction_bits=p.formats.direction_bits,
        outputs=p.outputs,
        output_bits=p.formats.activation_bits,
        in_bits=bus_bits(sample_bits(p)),
        out_bits=bus_bits(p.outputs * p.formats.activation_bits),
        grid_words=[memory_words(p, e) for e in range(p.engines)],
        word_bits=p.word_bits,
        weight_bits=p.mlp_columns * p.formats.weight_bits,
        parameters=p.digest[:8],
        identity=f"0x{IDENTITY:08X}",
        offsets={r.name: r.offset for r in registers(p)},
    )


def _markdown(name: str, params: NfpParams) -> str:
    rows = [f"| 0x{r.offset:02X} | {r.name} | {r.access} | {r.text} |" for r in registers(params)]
    columns = "| offset | name | access | meaning |\n|---|---|---|---|\n"
    head = f"# Registers of {name}\n\n32 bits each, AXI4-Lite, byte offsets.\n\n"
    return head + columns + "\n".join(rows) + "\n"
