"""The register map of the matrix engine's AXI4-Lite control: the one place that knows it."""

from __future__ import annotations

from dataclasses import dataclass

from hdl.matrix.engine import COUNTERS


@dataclass(frozen=True, slots=True)
class Register:
    """A 32-bit register: byte ``offset``, ``access`` (``rw``, ``ro``, ``wo``) and its meaning."""

    name: str
    offset: int
    access: str
    text: str


IDENTITY = 0x4D415431
"""``MAT1`` in ASCII: what the IDENTITY register reads."""

_JOB = (
    ("k", "inner dimension K"),
    ("groups", "groups of row tiles"),
    ("held", "row tiles in each group but the last"),
    ("last_held", "row tiles in the last group"),
    ("n_tiles", "column tiles"),
    ("last_rows", "rows of the last row tile"),
    ("stream_a", "bit 0: A comes again with every tile (held must be 1)"),
)

REGISTERS = (
    Register("control", 0x00, "wo", "bit 0 written 1: start the job (ignored while busy)"),
    Register("status", 0x04, "ro", "bit 0: busy; bit 1: a job has finished since the last start"),
    Register("identity", 0x08, "ro", f"0x{IDENTITY:08X}, 'MAT1'"),
    Register("parameters", 0x0C, "ro", "first 32 bits of the parameters' SHA-256"),
    *(Register(name, 0x10 + 4 * i, "rw", text) for i, (name, text) in enumerate(_JOB)),
    *(
        Register(f"{name}_cycles", 0x40 + 4 * i, "ro", f"counter: {name} of the last job")
        for i, name in enumerate(COUNTERS)
    ),
)

COUNT = 32
"""Registers decoded, the unused ones read 0."""

JOB_REGISTERS = tuple(r for r in REGISTERS if r.access == "rw")
