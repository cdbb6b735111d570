"""Packing registers behind an ECP5 block memory into its output register, as Yosys does not.

A DP16KD needs 5.8 ns from its clock to its outputs without that register, 150 MHz's whole period.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

_OUTPUTS = {side: tuple(f"DO{side}{i}" for i in range(18)) for side in "AB"}


def pack_netlist(file: Path, top: str) -> int:
    """Apply ``pack_output_registers`` to module ``top`` of a netlist file; return how many."""
    netlist = json.loads(file.read_text())
    moved = pack_output_registers(netlist["modules"][top])
    file.write_text(json.dumps(netlist))
    return moved


def pack_output_registers(module: dict[str, Any]) -> int:
    """Move registers into the block memories of a mapped ``module`` (Yosys JSON); return how many.

    A port is packed when each of its used outputs feeds one plain register only (rising edge of the
    port's clock, no reset) and all of them have the same enable. Other ports stay as they are.
    """
    cells = module["cells"]
    readers: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in bits:
                    if isinstance(bit, int):
                        readers[bit].append((name, port))
    for port in module["ports"].values():
        for bit in port["bits"]:
            readers[bit].append(("", ""))
    moved = 0
    for memory in [cell for cell in cells.values() if cell["type"] == "DP16KD"]:
        for side in "AB":
            moved += _pack(cells, readers, memory, side)
    return moved


def _pack(
    cells: dict[str, Any],
    readers: dict[int, list[tuple[str, str]]],
    memory: dict[str, Any],
    side: str,
) -> int:
    pins = memory["connections"]
    used = {
        port: pins[port][0]
        for port in _OUTPUTS[side]
        if pins.get(port) and isinstance(pins[port][0], int) and readers[pins[port][0]]
    }
    registers = {}
    for port, bit in used.items():
        (name, pin), *more = readers[bit]
        if more or pin != "DI" or not _plain(cells[name], pins[f"CLK{side}"]):
            return 0
        registers[port] = name
    enables = Counter(_enable(cells[name]) for name in registers.values())
    if len(enables) != 1:
        return 0
    enable = next(iter(enables))
    for port, name in registers.items():
        pins[port] = cells.pop(name)["connections"]["Q"]
    pins[f"OCE{side}"] = [enable]
    memory["port_directions"][f"OCE{side}"] = "input"
    memory["parameters"][f"REGMODE_{side}"] = "OUTREG"
    return len(registers)


def _plain(cell: dict[str, Any], clock: list[Any]) -> bool:
    """Whether a cell is a register of ``clock``'s rising edge without reset."""
    if cell["type"] != "TRELLIS_FF" or cell["connections"]["CLK"] != clock:
        return False
    reset = cell["connections"].get("LSR", ["0"])[0]
    unused = reset in ("0", "x") and cell["parameters"].get("LSRMUX", "LSR") == "LSR"
    return unused and cell["parameters"].get("CLKMUX", "CLK") == "CLK"


def _enable(cell: dict[str, Any]) -> Any:
    mode = cell["parameters"].get("CEMUX", "CE").strip()  # Yosys pads strings that look like bits
    return "1" if mode == "1" else cell["connections"]["CE"][0]
