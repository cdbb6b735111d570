"""From a device to a folder: Verilog, manifest, constraints and integration files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from archsim.config.array import ArrayDevice
from archsim.config.matrix import MatrixParams
from hdl.emit import TOP, emit
from hdl.handoff import handoff
from hdl.manifest import Manifest, design_digest, sources_digest
from hdl.matrix import array
from hdl.matrix.registers import REGISTERS


def generate(device: ArrayDevice, output: Path) -> Manifest:
    """Write ``top.v``, ``manifest.json`` and the hand-off files of ``device`` to ``output``.

    Existing files of the same names are replaced; the same device gives the same bytes.
    """
    params = device.params
    output.mkdir(parents=True, exist_ok=True)
    verilog = emit(params)
    (output / "top.v").write_text(verilog)
    files = {"top.v", "manifest.json"}
    digest = design_digest(params, sources_digest(), verilog)
    for name, text in handoff(device, digest, ports(verilog)).items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(text)
        files.add(name)
    manifest = describe(device.name, params, verilog, tuple(sorted(files)))
    manifest.write(output / "manifest.json")
    return manifest


def describe(
    name: str, params: MatrixParams, verilog: str, files: tuple[str, ...] = ("top.v",)
) -> Manifest:
    """Return the manifest of ``params``' design as ``verilog`` has it."""
    sources = sources_digest()
    return Manifest(
        name=name,
        top=TOP,
        params={field: getattr(params, field) for field in params.__dataclass_fields__},
        parameters_digest=params.digest,
        sources_digest=sources,
        design_digest=design_digest(params, sources, verilog),
        ports=tuple(ports(verilog)),
        latency={"array": array.latency(params)},
        counters={r.name: r.offset for r in REGISTERS if r.text.startswith("counter")},
        files=files,
    )


def ports(verilog: str, top: str = TOP) -> list[dict[str, Any]]:
    """Return name, width and direction of the ports of module ``top`` in Yosys' Verilog."""
    body = re.search(rf"^module {top}\((.*?)^endmodule", verilog, re.DOTALL | re.MULTILINE)
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
