"""Integration files of a generated engine, as texts by file name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.wiring import Flow

from archsim.config.array import ArrayDevice
from archsim.config.matrix import MatrixParams
from archsim.numeric import gelu_table
from hdl.arith.product import ECP5_MODEL
from hdl.ipxact import MEMORY_BUSES, STREAM_BUSES, component
from hdl.matrix.emit import MEMORY_TOP, TOP
from hdl.matrix.memory_top import MOVER_REGISTERS, memory_top_signature
from hdl.matrix.registers import IDENTITY, JOB_REGISTERS, REGISTERS, Register
from hdl.synth.harness import harness

TEMPLATES = Path(__file__).parents[1] / "templates"

ECP5_PINS = 365
"""User pins of an LFE5U-85F in a CABGA756 (Lattice FPGA-DS-02012, pin and package table)."""


def handoff(device: ArrayDevice, digest: str, ports: list[dict[str, Any]]) -> dict[str, str]:
    """Return the hand-off files of ``device``, file name to text.

    ``digest`` is the design's, ``ports`` those of the top module.
    """
    values = _values(device, digest)
    stimulus = _stimulus(device.params)
    hz = float(device.clock.frequency_hz)
    clock = f"create_clock -name clk -period {1e9 / hz:.3f} [get_ports clk]\n"
    memory_ports = _memory_ports(device.params)
    return {
        **_harnesses({TOP: ports, MEMORY_TOP: memory_ports}),
        "constraints/matrix.xdc": clock,
        "constraints/matrix.sdc": clock,
        "constraints/matrix.lpf": f'FREQUENCY PORT "clk" {hz / 1e6:.3f} MHZ;\n',
        "ecp5/build.sh": _fill("ecp5.sh.in", values),
        "vivado/project.tcl": _fill("project.tcl.in", values),
        "ip/component.xml": component(
            device.name, TOP, ports, STREAM_BUSES, {"registers": REGISTERS}, ["top.v"]
        ),
        "ip/memory_component.xml": component(
            f"{device.name}_memory",
            MEMORY_TOP,
            memory_ports,
            MEMORY_BUSES,
            {"registers": REGISTERS, "mover": MOVER_REGISTERS},
            ["top.v", "top_memory.v"],
        ),
        "sim/ecp5_models.v": ECP5_MODEL,
        "sim/waivers.vlt": _fill("waivers.vlt.in", values),
        "sim/testbench.v": _fill("testbench.v.in", {**values, **stimulus}),
        "sim/testbench_memory.v": _fill("testbench_memory.v.in", {**values, **stimulus}),
        "software/driver.py": _fill("driver.py.in", values),
        "software/registers.md": _markdown(device.name),
        "software/matrix_engine.h": _header(digest),
        "software/registers.py": _python(digest),
    }


def _fill(template: str, values: dict[str, Any]) -> str:
    return Template((TEMPLATES / template).read_text()).substitute(values)


def _values(device: ArrayDevice, digest: str) -> dict[str, Any]:
    p = device.params
    return {
        "name": device.name,
        "digest": digest[:12],
        "rows": p.rows,
        "columns": p.columns,
        "a_bytes": p.a_bits // 8,
        "b_bytes": p.b_bits // 8,
        "acc_bytes": p.acc_bits // 8,
        "out_bytes": p.out_bits // 8,
        "bias": p.bias,
        "requantise": p.requantise,
        "a_depth": p.a_depth,
        "b_depth": p.b_depth,
        "weights_stay": p.weights_stay,
        "most_group_rows": p.most_group_rows,
        "dataflow": p.dataflow.replace("_", "-"),
        "port_bytes": p.port_bytes,
        "parameters": p.digest[:8],
        "identity": f"0x{IDENTITY:08X}",
        "offsets": {r.name: r.offset for r in REGISTERS},
        "mover_offsets": {r.name: r.offset for r in MOVER_REGISTERS},
        "pins": ECP5_PINS,
        "mhz": f"{float(device.clock.frequency_hz) / 1e6:.3f}",
    }


def _stimulus(p: MatrixParams) -> dict[str, Any]:
    """Return the testbench's values: one tile or block of ones with K = 4, ``rows`` rows of A."""
    fields = [(0, p.acc_bits)] if p.bias else []
    if p.requantise:
        fields += [(1 << 14, 16), (14, 16)]
    head = p.columns * fields
    words = [_word(p, head)] if head else []
    m, k = min(p.rows, p.most_group_rows) if p.weights_stay else p.rows, 4
    if p.weights_stay:
        blocks = -(-k // p.rows)
        for block in range(blocks):
            ones = [min(1, max(0, k - block * p.rows - i)) for i in range(p.rows)]
            words += [_word(p, p.columns * [(one, p.b_bits)]) for one in ones]
            words += m * [_word(p, [(one, p.a_bits) for one in ones])]
        job = {"k": m, "groups": 1, "held": blocks, "last_held": blocks, "n_tiles": 1}
        job["last_rows"] = m
    else:
        for _ in range(k):
            words.append(_word(p, m * [(1, p.a_bits)]))
            words.append(_word(p, p.columns * [(1, p.b_bits)]))
        job = {"k": k, "groups": 1, "held": 1, "last_held": 1, "n_tiles": 1, "last_rows": m}
    beats = [beat for word in words for beat in word]
    result = 4
    if p.activation == "gelu":
        result = gelu_table(p.out_bits, p.table_fraction_bits)[4]
    row = _word(p, p.columns * [(result, p.out_bits)])
    port = 8 * p.port_bytes
    expected = sum(beat << (port * i) for i, beat in enumerate(row))
    writes = [(r.offset, job.get(r.name, 0)) for r in JOB_REGISTERS]
    return {
        "port_bits": port,
        "port_shift": p.port_bytes.bit_length() - 1,
        "memory": "\n".join(
            f"    memory[SOURCE+{i}] = {port}'h{b:x};" for i, b in enumerate(beats)
        ),
        "port_high": port - 1,
        "tile_rows": m,
        "beats": len(beats),
        "row_beats": len(row),
        "out_row_bits": port * len(row),
        "out_row_high": port * len(row) - 1,
        "expected": f"{expected:x}",
        "stimulus": "\n".join(f"    stimulus[{i}] = {port}'h{b:x};" for i, b in enumerate(beats)),
        "writes": "\n".join(f"    write(7'd{a}, 32'd{v});" for a, v in [*writes, (0, 1)]),
    }


def _word(p: MatrixParams, fields: list[tuple[int, int]]) -> list[int]:
    """Return the beats of a word of (value, bits) fields, lowest first."""
    value = at = 0
    for field, bits in fields:
        value |= field << at
        at += bits
    port = 8 * p.port_bytes
    return [(value >> (port * i)) & ((1 << port) - 1) for i in range(p.beats(at))]


def _memory_ports(params: MatrixParams) -> list[dict[str, Any]]:
    """Return name, width and direction of the ports of ``matrix_memory_top``."""
    found = [("clk", 1, "input"), ("rst", 1, "input")]
    for prefix, bus in memory_top_signature(params).members.items():
        ports = {prefix: bus}
        if bus.is_signature:
            ports = {f"{prefix}_{name}": port for name, port in bus.signature.members.items()}
        found += [
            (name, Shape.cast(port.shape).width, "input" if port.flow is Flow.In else "output")
            for name, port in ports.items()
        ]
    return [{"name": name, "width": w, "direction": way} for name, w, way in sorted(found)]


def _harnesses(tops: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, str]:
    """Return a harness for each top that has more ports than the ECP5 recipe's package has pins."""
    pins = {top: sum(port["width"] for port in tops[top]) for top in tops}
    return {
        f"ecp5/harness_{top}.v": f"// {top} has {pins[top]} ports.\n{harness(top, ports)}"
        for top, ports in tops.items()
        if pins[top] > ECP5_PINS
    }


def _markdown(name: str) -> str:
    columns = "| offset | name | access | meaning |\n|---|---|---|---|\n"

    def table(registers: Sequence[Register]) -> str:
        rows = [f"| 0x{r.offset:02X} | {r.name} | {r.access} | {r.text} |" for r in registers]
        return columns + "\n".join(rows) + "\n"

    head = f"# Registers of {name}\n\n32 bits each, AXI4-Lite, byte offsets.\n\n"
    note = "\n## Mover: `s_axil_mover` of `matrix_memory_top` (`top_memory.v` with `top.v`)\n\n"
    return head + table(REGISTERS) + note + table(MOVER_REGISTERS)


def _named() -> list[tuple[str, Register]]:
    """Return all registers with the names that software knows them by."""
    mover = [(f"mover_{r.name}", r) for r in MOVER_REGISTERS]
    return [*((r.name, r) for r in REGISTERS), *mover]


def _header(digest: str) -> str:
    lines = [f"#define MATRIX_{n.upper()} 0x{r.offset:02X}u /* {r.text} */" for n, r in _named()]
    guard = "MATRIX_ENGINE_H"
    body = "\n".join(lines)
    head = f"/* Register offsets, design {digest[:12]}. */\n#ifndef {guard}\n#define {guard}\n"
    return f"{head}\n{body}\n\n#endif\n"


def _python(digest: str) -> str:
    lines = [f"{n.upper()} = 0x{r.offset:02X}  # {r.text}" for n, r in _named()]
    return f'"""Register offsets, design {digest[:12]}."""\n\n' + "\n".join(lines) + "\n"
