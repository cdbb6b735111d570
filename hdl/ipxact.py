"""The IP-XACT (IEEE 1685-2014) description of the engine's top."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as Xml

from hdl.matrix.registers import COUNT, REGISTERS

SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
BUSES = (
    ("s_axis", "axis", "amba.com", "AMBA4", "AXI4Stream", "slave"),
    ("m_axis", "axis", "amba.com", "AMBA4", "AXI4Stream", "master"),
    ("s_axil", "aximm", "amba.com", "AMBA4", "AXI4-Lite", "slave"),
)
_ACCESS = {"rw": "read-write", "ro": "read-only", "wo": "write-only"}


def component(name: str, ports: list[dict[str, Any]]) -> str:
    """Return the XML of a component with ``ports``: buses, registers, ports and the source file."""
    Xml.register_namespace("ipxact", SPACE)
    root = Xml.Element(_tag("component"))
    for tag, text in (
        ("vendor", "archsim"),
        ("library", "hdl"),
        ("name", name),
        ("version", "1.0"),
    ):
        _add(root, tag, text)
    buses = _add(root, "busInterfaces")
    for prefix, _, vendor, library, kind, mode in BUSES:
        _bus(buses, prefix, (vendor, library, kind), mode, ports)
    _memory_map(_add(root, "memoryMaps"))
    model = _add(root, "model")
    view = _add(_add(model, "views"), "view")
    _add(view, "name", "rtl")
    _add(view, "componentInstantiationRef", "rtl")
    instance = _add(_add(model, "instantiations"), "componentInstantiation")
    _add(instance, "name", "rtl")
    _add(instance, "language", "verilog")
    _add(instance, "moduleName", "matrix_top")
    _add(_add(instance, "fileSetRef"), "localName", "sources")
    _ports(_add(model, "ports"), ports)
    files = _add(_add(root, "fileSets"), "fileSet")
    _add(files, "name", "sources")
    file = _add(files, "file")
    _add(file, "name", "../top.v")
    _add(file, "fileType", "verilogSource")
    Xml.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )


def _tag(name: str) -> str:
    return f"{{{SPACE}}}{name}"


def _add(parent: Xml.Element, tag: str, text: str | None = None) -> Xml.Element:
    child = Xml.SubElement(parent, _tag(tag))
    child.text = text
    return child


def _bus(
    parent: Xml.Element,
    prefix: str,
    kind: tuple[str, str, str],
    mode: str,
    ports: list[dict[str, Any]],
) -> None:
    bus = _add(parent, "busInterface")
    _add(bus, "name", prefix)
    vendor, library, name = kind
    identity = {"vendor": vendor, "library": library, "name": name, "version": "r0p0_0"}
    Xml.SubElement(bus, _tag("busType"), identity)
    abstraction = _add(_add(bus, "abstractionTypes"), "abstractionType")
    rtl = {**identity, "name": f"{name}_rtl"}
    Xml.SubElement(abstraction, _tag("abstractionRef"), rtl)
    maps = _add(abstraction, "portMaps")
    for port in ports:
        if port["name"].startswith(f"{prefix}_"):
            entry = _add(maps, "portMap")
            logical = port["name"].removeprefix(f"{prefix}_").upper()
            _add(_add(entry, "logicalPort"), "name", logical)
            _add(_add(entry, "physicalPort"), "name", port["name"])
    side = _add(bus, mode)
    if prefix == "s_axil":
        Xml.SubElement(side, _tag("memoryMapRef"), {"memoryMapRef": "registers"})


def _memory_map(parent: Xml.Element) -> None:
    space = _add(parent, "memoryMap")
    _add(space, "name", "registers")
    block = _add(space, "addressBlock")
    for tag, text in (("name", "block"), ("baseAddress", "0"), ("range", str(4 * COUNT))):
        _add(block, tag, text)
    _add(block, "width", "32")
    for r in REGISTERS:
        entry = _add(block, "register")
        _add(entry, "name", r.name)
        _add(entry, "description", r.text)
        _add(entry, "addressOffset", f"'h{r.offset:X}")
        _add(entry, "size", "32")
        _add(entry, "access", _ACCESS[r.access])


def _ports(parent: Xml.Element, ports: list[dict[str, Any]]) -> None:
    for port in ports:
        entry = _add(parent, "port")
        _add(entry, "name", port["name"])
        wire = _add(entry, "wire")
        _add(wire, "direction", "in" if port["direction"] == "input" else "out")
        if port["width"] > 1:
            vector = _add(_add(wire, "vectors"), "vector")
            _add(vector, "left", str(port["width"] - 1))
            _add(vector, "right", "0")
