"""A million positions in each of many grids on the encoding engines' RTL, resumable.

``python -m cosim.ngpc_campaign [--only NAME] [--samples N]``. A point is a grid of
``workloads.kernels.ngpc_golden`` on an engine with one bank, all levels in turn (an engine a level
where one memory cannot hold all), whose features must have the digest of those that a real GPU
computed; or its finest level on eight banks, at random and along rays, against the reference.
Each finished point is a line of a file below the build folder, named after the hardware sources:
another run goes on where one was stopped.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_layout import level_offsets
from archsim.config.ngpc_params import NfpParams
from cosim.ngpc_engine import predicted, run_engine, simulate
from cosim.place import build_folder
from hdl.manifest import sources_digest
from hdl.ngpc.design import MOST_WORDS
from workloads.kernels.ngpc_golden import GRIDS, SAMPLES, digest, draw_grid, params_of

Array = NDArray[Any]

KINDS = ("serial", "banked", "rays")


@dataclass(frozen=True)
class Result:
    """One point; ``wrong`` samples are -1 where the digest differs, so that they are not known."""

    name: str
    samples: int
    wrong: int
    rtl_cycles: int
    model_cycles: int


def run_point(name: str, samples: int = SAMPLES, folder: Path | None = None) -> Result:
    """Run the point ``kind grid``."""
    kind, grid = name.split(" ")
    place = folder or build_folder() / "cosim"
    params = params_of(grid)
    positions, table = draw_grid(grid, SAMPLES)
    positions = positions[:samples]
    if kind == "serial":
        found, cycles, model = _one_bank(params, positions, table, place)
        wrong = _wrong(params, grid, found)
    else:
        given = positions if kind == "banked" else along_rays(params, samples)
        run = run_engine(params, params.grid.levels - 1, given, table, place)
        wrong, cycles, model = run.mismatches, run.rtl_cycles, run.model_cycles
    return Result(name, samples, wrong, cycles, model)


def _one_bank(
    params: NfpParams, positions: Array, table: Array, place: Path
) -> tuple[Array, int, int]:
    """Return all levels' features, and the RTL's and the model's cycles of the slowest engine."""
    if level_offsets(params.grid, range(params.grid.levels))[-1] <= MOST_WORDS:
        found, cycles = simulate(params, None, positions, table, place)
        return found, cycles, predicted(params, None, positions)
    alone = replace(params, banks=1, levels_per_engine=1)
    levels = range(params.grid.levels)
    runs = [simulate(alone, level, positions, table, place) for level in levels]
    return (
        np.concatenate([features for features, _ in runs], axis=1),
        max(cycles for _, cycles in runs),
        max(predicted(alone, level, positions) for level in levels),
    )


def along_rays(params: NfpParams, count: int) -> Array:
    """Return raw positions, 32 along each of many rays, 1024 to the cube's side; 2-D: in rows."""
    rng = np.random.Generator(np.random.PCG64([2026, params.grid.dims]))
    top = 1 << params.formats.position_bits
    runs = -(-count // 32)
    start = rng.random((runs, 1, params.grid.dims))
    way = rng.normal(size=(runs, 1, params.grid.dims))
    way /= np.linalg.norm(way, axis=2, keepdims=True)
    points = start + way * (np.arange(32) * 3**0.5 / 1024)[None, :, None]
    raw = (np.clip(points, 0, 1) * top).astype(np.int64).reshape(-1, params.grid.dims)
    return np.asarray(np.minimum(raw, top - 1)[:count])


def _wrong(params: NfpParams, grid: str, found: Array) -> int:
    """Samples that are not what the GPU computed: by the digest of all of them."""
    recorded = json.loads(files("cosim").joinpath("golden").joinpath("ngpc.json").read_text())
    if len(found) == SAMPLES:
        return 0 if digest(found) == recorded["cases"][f"grid_{grid}"]["sha256"] else -1
    from archsim.functional.ngpc import FixedGrid

    positions, table = draw_grid(grid, SAMPLES)
    wanted = FixedGrid(params)(positions[: len(found)], table)
    return int((found != wanted).any(axis=1).sum())


def main() -> None:
    """Run what is not done yet, and print the state."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--only", help="a kind, or a point's whole name")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    chosen = parser.parse_args()
    kept = build_folder() / f"ngpc_campaign_{sources_digest()[:16]}_{chosen.samples}.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    done = {line["name"]: line for line in map(json.loads, lines)}
    for name in (f"{kind} {grid}" for kind in KINDS for grid in GRIDS):
        if name not in done and (chosen.only is None or name.startswith(chosen.only)):
            done[name] = asdict(run_point(name, chosen.samples))
            kept.parent.mkdir(parents=True, exist_ok=True)
            with kept.open("a") as out:
                out.write(json.dumps(done[name]) + "\n")
            print(json.dumps(done[name]), flush=True)
    wrong = [name for name, line in done.items() if line["wrong"]]
    print(f"{len(done)} of {len(KINDS) * len(GRIDS)} points, {len(wrong)} with wrong bits {wrong}")


if __name__ == "__main__":
    main()
