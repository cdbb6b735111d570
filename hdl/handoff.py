"""Integration files of a generated engine, as texts by file name."""

from __future__ import annotations

from archsim.config.array import ArrayDevice


def handoff(device: ArrayDevice, verilog: str) -> dict[str, str]:
    """Return the hand-off files of ``device``, file name to text."""
    del device, verilog
    return {}
