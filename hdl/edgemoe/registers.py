"""The register map of the Edge-MoE accelerator's AXI4-Lite control: the one place that knows it."""

from __future__ import annotations

from archsim.config.edgemoe_layout import COUNTERS
from hdl.matrix.registers import Register

TOP = "edgemoe_top"
"""Name of the Verilog module."""

IDENTITY = 0x4D4F4531
"""``MOE1`` in ASCII: what the IDENTITY register reads."""

CONTROLS = 3
_NAMES = (
    ("control", "rw", "bit 0 written 1: start (ignored while busy); bit 1: interrupt enabled"),
    ("list_low", "rw", "address of the descriptor list, bits 31 to 0, a multiple of 64"),
    ("list_high", "rw", "address of the descriptor list, bits 63 to 32"),
    ("status", "ro", "bit 0: busy; 1: a list has ended since the last start; 2: a transfer failed; "
     "3: the list ended with an unknown opcode"),
    ("identity", "ro", f"0x{IDENTITY:08X}, 'MOE1'"),
    ("parameters", "ro", "first 32 bits of the parameters' SHA-256"),
    *((f"{name}_cycles", "ro", f"counter: {name} of the last list") for name in COUNTERS),
)  # fmt: skip
REGISTERS = tuple(
    Register(name, 4 * index, access, text) for index, (name, access, text) in enumerate(_NAMES)
)
"""Registers of ``s_axil``."""
