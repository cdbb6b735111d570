"""Records what the neural-graphics kernels compute on a real GPU, for CI to compare with.

``python -m workloads.kernels.ngpc_golden --output DIR`` writes ``ngpc.npz`` (the first results of
each case) and ``ngpc.json`` (provenance, and the digest of all results of each case). Inputs are
drawn from the seed and not stored.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpFormats, NfpParams

Array = NDArray[Any]

SAMPLES = 1 << 20
KEPT = 512
"""Results of a case that are stored; all enter the digest."""
SEED = 2026
MLP_SAMPLES = 1 << 16


def _grid(**choices: Any) -> GridParams:
    return GridParams(**{"levels": 8, "log2_entries": 12, "base": 8, "growth": 1.6, **choices})


GRIDS: dict[str, tuple[GridParams, NfpFormats]] = {
    "small": (_grid(), NfpFormats()),
    "small_2d": (_grid(dims=2), NfpFormats()),
    "smooth": (_grid(interpolation="smoothstep"), NfpFormats()),
    "dense": (_grid(kind="dense", levels=4), NfpFormats()),
    "dense_2d_smooth": (_grid(kind="dense", dims=2, interpolation="smoothstep"), NfpFormats()),
    "tiled": (_grid(kind="tiled", levels=3, growth=1.2), NfpFormats()),
    "one_feature": (_grid(features=1), NfpFormats()),
    "four_features": (_grid(features=4), NfpFormats()),
    "eight_features": (_grid(features=8, levels=2, base=32, growth=1.0), NfpFormats()),
    "eight_bits": (_grid(), NfpFormats(feature_bits=8)),
    "wide": (
        _grid(levels=16, log2_entries=14, base=16, growth=1.38191),
        NfpFormats(position_bits=24, scale_fraction_bits=12, fraction_bits=12),
    ),
    "paper_nerf": (
        GridParams(growth=1.51572),
        NfpFormats(position_bits=24, scale_fraction_bits=8, fraction_bits=8),
    ),
}
"""Integer encodings: twelve configurations."""

MLPS: dict[str, MlpParams] = {
    "nerf_density": MlpParams(inputs=32, outputs=16, hidden=1),
    "nerf_color": MlpParams(inputs=32, outputs=3),
    "volume": MlpParams(inputs=16, outputs=4, output_activation="relu"),
    "narrow": MlpParams(inputs=20, outputs=5, width=16, hidden=3),
}
"""Integer perceptrons."""

HALVES = ("small", "small_2d", "smooth", "wide")
"""Grids that are also encoded in half precision."""


def params_of(name: str) -> NfpParams:
    """Return a processor around the grid ``name``."""
    grid, formats = GRIDS[name]
    return NfpParams(grid=grid, mlps=(MlpParams(inputs=grid.outputs, outputs=1),), formats=formats)


def draw_grid(name: str, count: int = SAMPLES) -> tuple[Array, Array]:
    """Return raw positions ``[count, dims]`` and a raw table for the grid ``name``."""
    grid, formats = GRIDS[name]
    rng = np.random.Generator(np.random.PCG64([SEED, sorted(GRIDS).index(name)]))
    half = 1 << (formats.feature_bits - 1)
    table = rng.integers(-half, half, (grid.entries, grid.features))
    return rng.integers(0, 1 << formats.position_bits, (count, grid.dims)), table


def draw_mlp(name: str) -> tuple[Array, list[Array], tuple[int, ...]]:
    """Return raw samples ``[MLP_SAMPLES, inputs]``, weights and shifts of a perceptron."""
    mlp = MLPS[name]
    rng = np.random.Generator(np.random.PCG64([SEED, 1000 + sorted(MLPS).index(name)]))
    x = rng.integers(-(1 << 15), 1 << 15, (MLP_SAMPLES, mlp.inputs))
    weights = [rng.integers(-(1 << 13), 1 << 13, shape) for shape in mlp.shapes]
    return x, weights, (15, 16, 14, 15)[: len(weights)]


def half_inputs(name: str) -> tuple[Array, Array]:
    """Return float32 positions and a float16 table of the grid ``name``."""
    raw, table = draw_grid(name, KEPT)
    formats = GRIDS[name][1]
    positions = (raw / 2.0**formats.position_bits).astype(np.float32)
    return positions, (table / 2.0**15).astype(np.float16)


def digest(values: Array) -> str:
    """Return the SHA-256 over ``values`` as little-endian int16."""
    return hashlib.sha256(np.ascontiguousarray(values.astype("<i2")).tobytes()).hexdigest()


@dataclass
class _Recording:
    stored: dict[str, Array] = field(default_factory=dict)
    cases: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, out: Array) -> None:
        self.stored[name] = out[:KEPT].astype(np.int16)
        self.cases[name] = {"results": list(out.shape), "sha256": digest(out)}


def record(output: Path) -> None:
    """Run every case on the GPU and write ``ngpc.npz`` and ``ngpc.json``."""
    from workloads.kernels import ngpc_grid, ngpc_mlp
    from workloads.kernels.golden import platform_facts

    found = _Recording()
    for name in GRIDS:
        found.add(f"grid_{name}", ngpc_grid.encode_fixed(params_of(name), *draw_grid(name)))
    for name, mlp in MLPS.items():
        x, weights, shifts = draw_mlp(name)
        out = ngpc_mlp.perceptron_fixed(mlp, NfpFormats(), x, weights, shifts)
        found.add(f"mlp_{name}", out)
    for name in HALVES:
        found.add(f"half_{name}", _half(name))
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "ngpc.npz", **found.stored)
    meta = {**platform_facts(), "kernels": "workloads.kernels.ngpc_grid, ngpc_mlp, ngpc_half"}
    text = json.dumps({"_meta": meta, "cases": found.cases}, indent=1, sort_keys=True)
    (output / "ngpc.json").write_text(text + "\n")


def _half(name: str) -> Array:
    from numba import cuda

    from workloads.kernels import ngpc_half

    grid = GRIDS[name][0]
    positions, table = half_inputs(name)
    out = cuda.to_device(np.zeros((len(positions), grid.levels), np.uint32))
    packed = np.ascontiguousarray(table).view(np.uint32).ravel()
    launch = ngpc_half.launch_grid(grid, len(positions))
    launch(cuda.to_device(positions), cuda.to_device(packed), out)
    return np.asarray(out.copy_to_host().view(np.int16))


def main() -> None:
    """Record all cases."""
    parser = argparse.ArgumentParser(description="record neural-graphics kernels on a GPU")
    parser.add_argument("--output", type=Path, required=True)
    record(parser.parse_args().output)


if __name__ == "__main__":
    main()
