"""Area and power of an engine in standard cells: 180 nm fitted, 45 and 7 nm scaled from it.

Cell area and energy a cycle are linear in a few features, fitted to Yosys' mapping to Oklahoma
State University's cells and OpenSTA's power of small engines (``archsim synth --target osu018
--record``). Memories are an estimate (``archsim.config.standard_cells``) and take no power here.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from archsim.config.array import ArrayDevice
from archsim.config.matrix import MatrixParams
from archsim.config.node_scaling import NODES, factors
from archsim.config.standard_cells import memory_um2
from archsim.models.asic.features import features, memory_bits

FILE = Path(__file__).with_name("fit.json")


def asic_metrics(device: ArrayDevice) -> dict[str, float]:
    """Return ``asic_area_<node>_mm2`` and ``asic_power_<node>_w`` at 180, 45 and 7 nm.

    Area is that of cells and memories. Power is that of the cells at the device's own clock, one
    change in ten cycles and signal, whether or not the node's cells reach that clock.
    """
    params = device.params
    cells = fitted(params)
    area = (cells["area_um2"] + memory_um2(memory_bits(params))) * 1e-6
    power = cells["energy_pj"] * 1e-12 * float(device.clock.frequency_hz)
    metrics = {"asic_area_180nm_mm2": area, "asic_power_180nm_w": power}
    for nm, by_area, by_energy in _nodes():
        metrics[f"asic_area_{nm}nm_mm2"] = area * by_area
        metrics[f"asic_power_{nm}nm_w"] = power * by_energy
    return metrics


def fitted(params: MatrixParams) -> dict[str, float]:
    """Return ``area_um2`` of the cells and ``energy_pj`` a cycle at 180 nm, without AXI ports."""
    values = features(params)
    return {
        name: sum(c * x for c, x in zip(coefficients, values, strict=True))
        for name, coefficients in _coefficients().items()
    }


@cache
def _coefficients() -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(FILE.read_text())
    return found


@cache
def _nodes() -> tuple[tuple[int, float, float], ...]:
    return tuple((n.nm, factors(n)["area"], factors(n)["energy"]) for n in NODES)
