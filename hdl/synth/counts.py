"""From Yosys' cells to the resources that a data sheet counts."""

from __future__ import annotations

import json
from collections.abc import Mapping

_ECP5_LUT = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
_XILINX_LUT = {
    **{f"LUT{n}": 1 for n in range(1, 7)},
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4,
    "RAM256X1D": 8, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8, "RAM512X1S": 8,
    "RAM32X1S": 1, "RAM64X1S": 1, "RAM128X1S": 2, "RAM256X1S": 4,
}  # fmt: skip
_XILINX_FF = ("FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1")


def cells_by_type(stat: str) -> dict[str, int]:
    """Return the design's cells of ``stat -json``, without Yosys' own bookkeeping cells."""
    cells: dict[str, int] = json.loads(stat)["design"]["num_cells_by_type"]
    return {name: count for name, count in sorted(cells.items()) if not name.startswith("$")}


def resources(cells: Mapping[str, int], target: str) -> dict[str, float]:
    """Return ``lut``, ``ff``, ``dsp``, ``bram`` and ``uram`` of ``cells`` on ``target``."""
    if target.startswith("ecp5"):
        return {
            "lut": _weighted(cells, _ECP5_LUT),
            "ff": cells.get("TRELLIS_FF", 0),
            "dsp": cells.get("MULT18X18D", 0),
            "bram": cells.get("DP16KD", 0),
            "uram": 0,
        }
    return {
        "lut": _weighted(cells, _XILINX_LUT),
        "ff": sum(cells.get(name, 0) for name in _XILINX_FF),
        "dsp": sum(cells.get(name, 0) for name in ("DSP48E1", "DSP48E2")),
        "bram": sum(cells.get(f"RAMB36E{n}", 0) + cells.get(f"RAMB18E{n}", 0) / 2 for n in (1, 2)),
        "uram": sum(n for name, n in cells.items() if name.startswith("URAM288")),
    }


def _weighted(cells: Mapping[str, int], weights: Mapping[str, int]) -> int:
    return sum(weight * cells.get(name, 0) for name, weight in weights.items())
