"""Throughput and size of encoding engines' variants, each simulated and synthesised alone.

``python -m cosim.ngpc_throughput [--samples N] [--counts]``: samples a cycle of the RTL at random
positions and along rays, without waiting outside, beside the model's; with ``--counts`` what Yosys
needs for the finest level of ``small`` on an ECP5, and the throughput for a thousand LUTs and for
a block memory.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from amaranth.back import verilog

from archsim.config.ngpc_params import NfpParams
from cosim.ngpc_campaign import along_rays
from cosim.ngpc_engine import run_engine
from cosim.place import build_folder
from hdl.lib.memory import VERILOG
from hdl.ngpc.engine import EncodingEngine
from hdl.ngpc.serial import SerialEngine
from hdl.synth import counts, tools
from hdl.synth.targets import TARGETS
from workloads.kernels.ngpc_golden import draw_grid, params_of

TARGET = "ecp5-85f"


@dataclass(frozen=True)
class Variant:
    """An engine for level ``level`` of ``grid``; one bank: levels take turns."""

    grid: str
    level: int
    banks: int
    queue_depth: int

    @property
    def params(self) -> NfpParams:
        """The processor that holds such an engine."""
        return replace(params_of(self.grid), banks=self.banks, queue_depth=self.queue_depth)

    @property
    def hashed(self) -> bool:
        """Whether the level's entries are found by the hash."""
        return self.params.grid.tables[self.level].hashed


@dataclass(frozen=True)
class Throughput:
    """What the RTL did; ``enqueue``: requests that enter the queues in a cycle."""

    grid: str
    level: int
    hashed: bool
    banks: int
    ports: int
    queue_depth: int
    enqueue: int
    order: str
    samples: int
    wrong: int
    rtl_rate: float
    model_rate: float


SIZED = (
    Variant("small", 7, 1, 8),
    Variant("small", 7, 2, 8),
    Variant("small", 7, 4, 8),
    Variant("small", 7, 8, 2),
    Variant("small", 7, 8, 8),
)
"""One grid in several sizes."""
OTHERS = (
    Variant("small", 0, 8, 8),
    Variant("dense_2d_smooth", 7, 8, 8),
    Variant("small_2d", 7, 8, 8),
    Variant("four_features", 7, 8, 8),
    Variant("wide", 15, 8, 8),
    Variant("wide", 9, 8, 8),
)
"""Other levels and grids on eight banks."""


def measure(variant: Variant, samples: int, folder: Path | None = None) -> list[Throughput]:
    """Return the throughput at random positions and along rays."""
    place = folder or build_folder() / "cosim"
    params = variant.params
    positions, table = draw_grid(variant.grid, samples)
    level = None if variant.banks == 1 else variant.level
    turns = params.grid.levels if level is None else 1
    found = []
    for order, given in (("random", positions), ("rays", along_rays(params, samples))):
        run = run_engine(params, level, given, table, place)
        found.append(
            Throughput(
                variant.grid, variant.level, variant.hashed, variant.banks, 1, variant.queue_depth,
                1 if level is None else params.grid.corners, order, samples, run.mismatches,
                round(samples * turns / run.rtl_cycles, 4),
                round(samples * turns / run.model_cycles, 4),
            )
        )  # fmt: skip
    return found


def size(variant: Variant) -> dict[str, float]:
    """Return ``lut``, ``ff``, ``dsp`` and ``bram`` of the engine alone on an ECP5."""
    params = variant.params
    engine: SerialEngine | EncodingEngine
    if variant.banks == 1:
        engine = SerialEngine(params, (variant.level,), multiplier="ecp5", verilog=True)
    else:
        engine = EncodingEngine(params, variant.level, multiplier="ecp5", verilog=True)
    text = f"{VERILOG}\n{verilog.convert(engine, name='engine')}"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "top.v").write_text(text)
        script = ["read_verilog top.v", f"{TARGETS[TARGET].command} -top engine",
                  "tee -q -o stat.json stat -json"]  # fmt: skip
        tools.run(tools.YOSYS, ["-q", "-p", "; ".join(script)], folder)
        cells = counts.cells_by_type((folder / "stat.json").read_text())
    return counts.resources(cells, TARGET)


def main() -> None:
    """Measure all variants, a line each."""
    parser = argparse.ArgumentParser(description="throughput of encoding engines' variants")
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--counts", action="store_true")
    chosen = parser.parse_args()
    for variant in (*SIZED, *OTHERS):
        rows = measure(variant, chosen.samples)
        for row in rows:
            print(json.dumps(asdict(row)), flush=True)
        if chosen.counts and variant in SIZED:
            used = size(variant)
            rate = float(np.mean([row.rtl_rate for row in rows]))
            used["rate_per_klut"] = round(1e3 * rate / used["lut"], 3)
            used["rate_per_bram"] = round(rate / used["bram"], 4)
            print(json.dumps({**asdict(variant), **used}), flush=True)


if __name__ == "__main__":
    main()
