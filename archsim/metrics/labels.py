"""What a metric's number rests on, for tables: metrics without an entry are the model's answer."""

from __future__ import annotations

BASIS = {
    "lut": "fitted",
    "ff": "fitted",
    "dsp": "counted",
    "bram": "counted",
    "uram": "counted",
    "fmax_mhz": "estimate",
    "min_period_ns": "estimate",
    "fpga_power_w": "estimate",
    "asic_area_180nm_mm2": "fitted",
    "asic_power_180nm_w": "fitted",
    "asic_area_45nm_mm2": "scaled",
    "asic_power_45nm_w": "scaled",
    "asic_area_7nm_mm2": "scaled",
    "asic_power_7nm_w": "scaled",
}
"""``counted`` follows from the structure, ``fitted`` is a model fitted to synthesis results,
``scaled`` is such a model's answer carried to another process, ``estimate`` an engineering figure.
"""

MEANING = {
    "counted": "counted: follows from the structure, equal to synthesis on the committed designs",
    "fitted": "fitted: a model fitted to synthesis results, docs/synthesis.md",
    "scaled": "scaled: the 180 nm model carried to another node by published fits",
    "estimate": "estimate: an engineering figure that no tool has checked",
}


def basis(metric: str) -> str:
    """Return a word of ``MEANING``; "" for the machine model's own answers."""
    return BASIS.get(metric, "")
