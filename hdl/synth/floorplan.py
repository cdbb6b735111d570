"""Where the multipliers of a congested design go on an ECP5: those of a product in one DSP block.

A product of 32 by 32 bits is four MULT18X18D and adders. Left alone, nextpnr spreads the four over
a row of DSP blocks and runs out of the wires along it (docs/synthesis.md).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COLUMNS = (4, 13, 22, 31, 40, 49, 58, 69, 78, 87, 96, 105, 114)
ROWS = (10, 34, 58)
"""Where an LFE5U-85F has a DSP block: its first column, its row, as nextpnr counts them."""

PLACES = ((0, 0), (1, 1), (4, 4), (5, 5))
"""A block's four multipliers: columns behind its first, and nextpnr's number."""

Group = list[str]


def floorplan(file: Path, top: str) -> int:
    """Apply ``place_multipliers`` to module ``top`` of a netlist file; return how many."""
    netlist = json.loads(file.read_text())
    placed = place_multipliers(netlist["modules"][top])
    file.write_text(json.dumps(netlist))
    return placed


def place_multipliers(module: dict[str, Any]) -> int:
    """Give the multipliers of a mapped ``module`` (Yosys JSON) their places; return how many.

    Blocks are taken unit by unit, in a snake over the rows, in the middle of the part.
    """
    cells = module["cells"]
    blocks = list(_blocks(_products(cells)))
    if len(blocks) > len(COLUMNS) * len(ROWS):  # no block to spare for products of one or two
        flat = [name for block in blocks for name in block]
        blocks = list(_split(flat))
    used = -(-len(blocks) // len(ROWS))
    first = (len(COLUMNS) - used) // 2
    snake = [
        (column, row)
        for n, column in enumerate(COLUMNS[first : first + used])
        for row in ROWS[:: -1 if n % 2 else 1]
    ]
    for block, (column, row) in zip(blocks, snake, strict=False):
        for name, (behind, number) in zip(block, PLACES, strict=False):
            attributes = cells[name].setdefault("attributes", {})
            attributes["BEL"] = f"X{column + behind}/Y{row}/MULT18_{number}"
    return sum(map(len, blocks))


def _products(cells: dict[str, Any]) -> list[Group]:
    """Return the multipliers whose outputs the same adders sum up, sorted by their unit's name."""
    readers: dict[int, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        if cell["type"] == "CCU2C":
            for bit in _bits(cell, "input"):
                readers[bit].append(name)
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    multipliers = [name for name, cell in cells.items() if cell["type"] == "MULT18X18D"]
    waiting, seen = list(multipliers), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for bit in _bits(cells[name], "output"):
            for adder in readers.get(bit, ()):
                parent[root(adder)] = root(name)
                waiting.append(adder)
    groups: dict[str, Group] = defaultdict(list)
    for name in multipliers:
        groups[root(name)].append(name)
    return sorted(map(sorted, groups.values()), key=lambda group: _register(group[0]))


def _bits(cell: dict[str, Any], direction: str) -> Iterable[int]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == direction:
            yield from (bit for bit in bits if isinstance(bit, int))


def _register(cell: str) -> str:
    """Return the component or register that a mapped multiplier's name begins with."""
    return re.sub(r"\$\d+.*|_MULT.*|_TRELLIS.*", "", cell)


def _unit(cell: str) -> str:
    """Return the unit of a design that a cell belongs to."""
    found = re.match(r"core\.(?:datapath\.)?([a-z_]+(?:\.unit\.[a-z]+)?)", cell)
    return found[1] if found else ""


def _split(names: Group) -> Iterable[Group]:
    return (names[at : at + len(PLACES)] for at in range(0, len(names), len(PLACES)))


def _blocks(products: list[Group]) -> Iterable[Group]:
    """Share products out to blocks: whole blocks of a unit first, then its smaller products."""
    units: dict[str, list[Group]] = defaultdict(list)
    for product in products:
        units[_unit(product[0])] += _split(product)
    for groups in units.values():
        yield from (group for group in groups if len(group) == len(PLACES))
        block: Group = []
        for group in [g for g in groups if len(g) < len(PLACES)]:
            if len(block) + len(group) > len(PLACES):
                yield block
                block = []
            block = block + group
        if block:
            yield block
