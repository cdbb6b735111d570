"""IP-XACT (IEEE 1685-2014) descriptions of generated tops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as Xml

from hdl.matrix.registers import Register

SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
Bus = tuple[str, str, str, str, str]
"""Prefix of the ports, IP-XACT library, name, and mode; and the memory map behind it, if any."""

STREAM_BUSES: tuple[Bus, ...] = (
    ("s_axis", "AMBA4", "AXI4Stream", "slave", ""),
    ("m_axis", "AMBA4", "AXI4Stream", "master", ""),
    ("s_axil", "AMBA4", "AXI4-Lite", "slave", "registers"),
)
MEMORY_BUSES: tuple[Bus, ...] = (
    ("m_axi", "AMBA4", "AXI4", "master", ""),
    ("s_axil", "AMBA4", "AXI4-Lite", "slave", "registers"),
    ("s_axil_mover", "AMBA4", "AXI4-Lite", "slave", "mover"),
)
_ACCESS = {"rw": "read-write", "ro": "read-only", "wo": "write-only"}


def component(
    name: str,
    module: str,
    ports: list[dict[str, Any]],
    buses: Sequence[Bus],
    maps: Mapping[str, Sequence[Register]],
    files: Sequence[str],
) -> str:
    """Return the XML of ``module``: buses, register maps by name, ports and source files."""
    Xml.register_namespace("ipxact", SPACE)
    root = Xml.Element(_tag("component"))
    for tag, text in (
        ("vendor", "archsim"),
        ("library", "hdl"),
        ("name", name),
        ("version", "1.0"),
    ):
        _add(root, tag, text)
    interfaces = _add(root, "busInterfaces")
    prefixes = [bus[0] for bus in buses]
    for bus in buses:
        _bus(interfaces, bus, [p for p in ports if _prefix(p["name"], prefixes) == bus[0]])
    memory_maps = _add(root, "memoryMaps")
    for map_name, registers in maps.items():
        _memory_map(memory_maps, map_name, registers)
    model = _add(root, "model")
    view = _add(_add(model, "views"), "view")
    _add(view, "name", "rtl")
    _add(view, "componentInstantiationRef", "rtl")
    instance = _add(_add(model, "instantiations"), "componentInstantiation")
    _add(instance, "name", "rtl")
    _add(instance, "language", "verilog")
    _add(instance, "moduleName", module)
    _add(_add(instance, "fileSetRef"), "localName", "sources")
    _ports(_add(model, "ports"), ports)
    sources = _add(_add(root, "fileSets"), "fileSet")
    _add(sources, "name", "sources")
    for text in files:
        file = _add(sources, "file")
        _add(file, "name", f"../{text}")
        _add(file, "fileType", "verilogSource")
    Xml.indent(root)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"
    )


def _prefix(port: str, prefixes: Sequence[str]) -> str:
    """Return the longest of ``prefixes`` that ``port`` begins with; empty without."""
    found = [prefix for prefix in prefixes if port.startswith(f"{prefix}_")]
    return max(found, key=len, default="")


def _tag(name: str) -> str:
    return f"{{{SPACE}}}{name}"


def _add(parent: Xml.Element, tag: str, text: str | None = None) -> Xml.Element:
    child = Xml.SubElement(parent, _tag(tag))
    child.text = text
    return child


def _bus(parent: Xml.Element, bus: Bus, ports: Sequence[dict[str, Any]]) -> None:
    prefix, library, name, mode, memory_map = bus
    interface = _add(parent, "busInterface")
    _add(interface, "name", prefix)
    identity = {"vendor": "amba.com", "library": library, "name": name, "version": "r0p0_0"}
    Xml.SubElement(interface, _tag("busType"), identity)
    abstraction = _add(_add(interface, "abstractionTypes"), "abstractionType")
    rtl = {**identity, "name": f"{name}_rtl"}
    Xml.SubElement(abstraction, _tag("abstractionRef"), rtl)
    maps = _add(abstraction, "portMaps")
    for port in ports:
        entry = _add(maps, "portMap")
        logical = port["name"].removeprefix(f"{prefix}_").upper()
        _add(_add(entry, "logicalPort"), "name", logical)
        _add(_add(entry, "physicalPort"), "name", port["name"])
    side = _add(interface, mode)
    if memory_map:
        Xml.SubElement(side, _tag("memoryMapRef"), {"memoryMapRef": memory_map})


def _memory_map(parent: Xml.Element, name: str, registers: Sequence[Register]) -> None:
    space = _add(parent, "memoryMap")
    _add(space, "name", name)
    block = _add(space, "addressBlock")
    size = 4 << (max(r.offset for r in registers) // 4).bit_length()
    for tag, text in (("name", "block"), ("baseAddress", "0"), ("range", str(size))):
        _add(block, tag, text)
    _add(block, "width", "32")
    for r in registers:
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
