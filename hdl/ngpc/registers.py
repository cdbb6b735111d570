"""The register map of the neural field processor's AXI4-Lite control."""

from __future__ import annotations

from archsim.config.ngpc_params import NfpParams
from archsim.config.ngpc_schedule import schedule
from hdl.matrix.registers import Register

IDENTITY = 0x4E465031
"""``NFP1`` in ASCII: what the IDENTITY register reads."""

COUNTERS = ("cycles", "working", "stall_output", "stall_input", "latency")
"""Counted from start to the last result; ``cycles`` is the sum of the others."""

SETTINGS = ("samples", "target", "address", "term_shift")
_SHIFTS = 0x80


def registers(params: NfpParams) -> tuple[Register, ...]:
    """Return the registers of ``params``' processor."""
    weights = params.engines + 1
    texts = (
        "samples of the next job",
        f"where the stream's beats go: 0 samples, 1 to {params.engines} grid memory of engine "
        f"target - 1, {weights} weights; writing it begins at word 'address'",
        "first word to load",
        "right shift of the harmonics (perceptrons with a direction)",
    )
    layers = schedule(params).tiles[-1].layer + 1
    return (
        Register("control", 0x00, "wo", "bit 0 written 1: start a job (ignored while busy)"),
        Register("status", 0x04, "ro", "bit 0: busy; bit 1: a job has ended since the last start"),
        Register("identity", 0x08, "ro", f"0x{IDENTITY:08X}, 'NFP1'"),
        Register("parameters", 0x0C, "ro", "first 32 bits of the parameters' SHA-256"),
        *(
            Register(name, 0x10 + 4 * i, "rw", text)
            for i, (name, text) in enumerate(zip(SETTINGS, texts, strict=True))
        ),
        *(
            Register(f"{name}_cycles", 0x40 + 4 * i, "ro", f"counter: {name} of the last job")
            for i, name in enumerate(COUNTERS)
        ),
        *(
            Register(f"shift_{n}", _SHIFTS + 4 * n, "rw", f"right shift after layer {n}")
            for n in range(layers)
        ),
    )
