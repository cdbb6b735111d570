"""From a device to a folder: Verilog, manifest, constraints and integration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hdl.manifest import Manifest, design_digest, sources_digest
from hdl.rtl import Rtl, design_module, rtl_of
from hdl.verilog import ports


def generate(device: Any, output: Path) -> Manifest:
    """Write ``top.v``, ``manifest.json`` and the hand-off files of ``device`` to ``output``.

    ``device`` is one with RTL: it has ``name`` and ``params`` (``hdl.rtl.RtlParams``). Existing
    files of the same names are replaced; the same device gives the same bytes.
    """
    made = rtl_of(device.params)
    output.mkdir(parents=True, exist_ok=True)
    (output / "top.v").write_text(made.verilog)
    files = {"top.v", "manifest.json"}
    digest = design_digest(made.params, sources_digest(), made.verilog)
    found = ports(made.verilog, made.top)
    handoff = design_module(device.params).handoff(device, digest, found)
    for name, text in {**made.companions, **handoff}.items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(text)
        files.add(name)
    manifest = describe(device.name, made, tuple(sorted(files)))
    manifest.write(output / "manifest.json")
    return manifest


def describe(name: str, made: Rtl, files: tuple[str, ...] = ("top.v",)) -> Manifest:
    """Return the manifest of ``made``."""
    sources = sources_digest()
    params = made.params
    return Manifest(
        name=name,
        top=made.top,
        params={field: getattr(params, field) for field in params.__dataclass_fields__},
        parameters_digest=params.digest,
        sources_digest=sources,
        design_digest=design_digest(params, sources, made.verilog),
        ports=tuple(ports(made.verilog, made.top)),
        latency=dict(made.latency),
        counters=dict(made.counters),
        files=files,
    )
