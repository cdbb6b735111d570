"""Resources, frequency and power of an engine on an UltraScale+ part of the ZCU102's class.

Estimates: LUT and FF are fitted to Yosys' counts (which are above Vivado's), DSP, BRAM and URAM
follow from the structure, frequency and power are engineering figures with a wide uncertainty.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from archsim.config.array import ArrayDevice
from archsim.config.matrix import MatrixParams
from archsim.models.fpga.features import bram, dsp, features, uram

CAPACITY = {"lut": 274080, "ff": 548160, "dsp": 2520, "bram": 912}
"""XCZU9EG (AMD DS891)."""

FMAX_MHZ = 300.0
"""Of a part at most half full: what published ZCU102 accelerators of this kind run at (Edge-MoE,
ICCAD 2023). Estimated; uncertainty 30 %."""

FMAX_FULL_MHZ = 200.0
"""Of a full part, where routing decides. Estimated; uncertainty 30 %."""

STATIC_W = 0.7
"""Programmable logic of an XCZU9EG at 25 degrees C. Estimated; uncertainty 50 %."""

UW_PER_MHZ = {"lut": 0.02, "ff": 0.01, "dsp": 2.5, "bram": 5.0}
"""Dynamic power of one used resource at 12.5 % toggling. Estimated; uncertainty 50 %."""


def fpga_metrics(device: ArrayDevice) -> dict[str, float]:
    """Return ``lut``, ``ff``, ``dsp``, ``bram``, ``uram``, ``fmax_mhz``, ``min_period_ns``,
    the time of a cycle at ``fmax_mhz``, and ``fpga_power_w``.

    ``bram`` counts 36 Kbit blocks, without UltraRAM; ``uram`` is what the deep buffers would take
    instead. Power is at the device's own clock, at most ``fmax_mhz``.
    """
    used = resources(device.params)
    fill = max(used[name] / limit for name, limit in CAPACITY.items())
    fmax = FMAX_MHZ - (FMAX_MHZ - FMAX_FULL_MHZ) * min(1.0, max(0.0, 2.0 * fill - 1.0))
    clock = min(fmax, float(device.clock.frequency_hz) / 1e6)
    dynamic = sum(microwatts * used[name] for name, microwatts in UW_PER_MHZ.items())
    speed = {"fmax_mhz": fmax, "min_period_ns": 1e3 / fmax}
    return {**used, **speed, "fpga_power_w": STATIC_W + dynamic * clock * 1e-6}


def resources(params: MatrixParams) -> dict[str, float]:
    """Return ``lut``, ``ff``, ``dsp``, ``bram`` and ``uram`` of an engine without AXI ports."""
    values = features(params)
    fitted = {
        name: float(round(sum(c * x for c, x in zip(coefficients, values, strict=True))))
        for name, coefficients in _coefficients().items()
    }
    return {**fitted, "dsp": float(dsp(params)), "bram": bram(params), "uram": float(uram(params))}


@cache
def _coefficients() -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(Path(__file__).with_name("fit.json").read_text())
    return found
