"""Runs the kernels around the networks on drawn data: golden vectors, and what must come out.

``python -m workloads.kernels.ngpc_frame_golden --output DIR`` on a GPU writes ``ngpc_frame.npz``
(some results) and ``ngpc_frame.json`` (provenance, digests of all results, times).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Launch = Callable[[], None]

SEED = 2026
KEPT = 2048
EACH = 8
STEP = 3**0.5 / 256
ANGLES = (0.65, 0.45)
BITS = 18
WIDTH, HEIGHT = 1920, 1080
DENSITY_SCALE, COLOR_SCALE = 2.0**-11, 2.0**-14
DISTANCE_SCALE = 2.0**-15


def draw(width: int, height: int) -> dict[str, Array]:
    """Return occupancy uint8 ``[64, 64, 64]`` and raw network outputs int16 for a frame."""
    rng = np.random.Generator(np.random.PCG64([SEED, 77]))
    count = width * height
    return {
        "occupied": (rng.random((64, 64, 64)) < 0.5).astype(np.uint8),
        "samples": rng.integers(-(1 << 13), 1 << 14, (count * EACH, 4), dtype=np.int16),
        "distances": rng.integers(0, 1 << 12, count, dtype=np.int16),
        "colors": rng.integers(-(1 << 14), 1 << 15, (count, 3), dtype=np.int16),
    }


def run(width: int, height: int) -> tuple[dict[str, Array], dict[str, Launch]]:
    """Return the results of all kernels, and launches of each again, by name."""
    from numba import cuda

    from workloads.kernels import ngpc_frame as frame

    given = {name: cuda.to_device(values) for name, values in draw(width, height).items()}
    count = width * height
    camera = cuda.to_device(frame.camera_numbers(width, height, *ANGLES))
    found: dict[str, Array] = {}
    launches: dict[str, Launch] = {}

    def launch(name: str, threads: int, *arguments: Any, **outputs: Array) -> None:
        on_device = {key: cuda.to_device(values) for key, values in outputs.items()}
        kernel = getattr(frame, name.rstrip("_01"))[frame.blocks(threads)]
        kernel(*arguments, *on_device.values())
        for key, values in on_device.items():
            found[f"{name}_{key}"] = values.copy_to_host()
        launches[name] = lambda: kernel(*arguments, *on_device.values())

    zeros = np.zeros
    launch(
        "march_before",
        count * EACH,
        camera,
        width,
        height,
        given["occupied"],
        STEP,
        40,
        EACH,
        BITS,
        positions=zeros((count * EACH, 3), np.uint32),
        directions=zeros((count * EACH, 3), np.int16),
        wanted=zeros(count * EACH, np.uint8),
    )
    wanted = cuda.to_device(found["march_before_wanted"])
    for radiance in range(2):
        launch(
            f"march_after_{radiance}",
            count,
            given["samples"],
            wanted,
            DENSITY_SCALE,
            COLOR_SCALE,
            radiance,
            STEP,
            EACH,
            color=zeros((count, 3), np.float32),
            clear=np.ones(count, np.float32),
        )
    launch(
        "trace_before",
        count,
        camera,
        width,
        height,
        BITS,
        distance=np.full(count, -1, np.float32),
        positions=zeros((count, 3), np.uint32),
        live=np.ones(count, np.uint8),
    )
    launch(
        "trace_after",
        count,
        given["distances"],
        DISTANCE_SCALE,
        distance=found["trace_before_distance"].copy(),
        live=found["trace_before_live"].copy(),
    )
    launch("image_before", count, width, height, BITS, positions=zeros((count, 2), np.uint32))
    launch("image_after", count, given["colors"], 2.0**-14, picture=zeros((count, 3), np.uint8))
    return found, launches


def network_launches() -> dict[str, Launch]:
    """Return launches of the integer networks of the device ``small`` on a million samples."""
    from numba import cuda

    from archsim.config.ngpc_params import MlpParams, NfpFormats
    from workloads.kernels import ngpc_grid, ngpc_mlp
    from workloads.kernels.ngpc_golden import SAMPLES, draw_grid, params_of

    params = params_of("small")
    positions, table = draw_grid("small")
    features = cuda.to_device(np.zeros((SAMPLES, params.grid.outputs), np.int16))
    encode = ngpc_grid.launch_fixed(params, SAMPLES)
    raw, entries = (
        cuda.to_device(positions.astype(np.uint32)),
        cuda.to_device(table.astype(np.int16)),
    )
    mlp = MlpParams(inputs=16, outputs=1)
    rng = np.random.Generator(np.random.PCG64([SEED, 5]))
    flat = np.concatenate([rng.integers(-99, 99, a * b, dtype=np.int16) for a, b in mlp.shapes])
    weights = cuda.to_device(flat)
    outputs = cuda.to_device(np.zeros((SAMPLES, mlp.shapes[-1][1]), np.int16))
    perceptron = ngpc_mlp.launch_fixed(mlp, NfpFormats(), (15, 16, 14), SAMPLES)
    return {
        "encode_small": lambda: encode(raw, entries, features),
        "perceptron_small": lambda: perceptron(features, weights, outputs),
    }


def kept(values: Array) -> Array:
    """Return results spread over all of ``values``: what is stored of them."""
    step = max(1, len(values) // KEPT)
    return np.ascontiguousarray(values[::step][:KEPT])


def record(output: Path) -> None:
    """Run every kernel on the GPU for a full-HD frame and write the files."""
    from workloads.kernels.golden import platform_facts
    from workloads.measure.device import METHOD, Nvml, provenance, require_gpu
    from workloads.measure.runner import REPEATS
    from workloads.measure.timing import Timer

    found, launches = run(WIDTH, HEIGHT)
    launches |= network_launches()
    cases = [{"class": "ngpc_frame", "name": name} for name in launches]
    times = Timer(REPEATS, REPEATS).measure(cases, lambda case: launches[case["name"]])
    output.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(output / "ngpc_frame.npz", **{n: kept(v) for n, v in found.items()})
    digests = {
        n: hashlib.sha256(np.ascontiguousarray(v).tobytes()).hexdigest() for n, v in found.items()
    }
    meta = {
        **provenance(require_gpu(), Nvml()),
        **platform_facts(),
        "kernels": "workloads.kernels.ngpc_frame",
        "width": WIDTH,
        "height": HEIGHT,
        "method": METHOD.format(repeats=REPEATS),
    }
    text = json.dumps({"_meta": meta, "sha256": digests, "times": times}, indent=1, sort_keys=True)
    (output / "ngpc_frame.json").write_text(text + "\n")


def main() -> None:
    """Record all kernels."""
    parser = argparse.ArgumentParser(description="record the kernels around networks on a GPU")
    parser.add_argument("--output", type=Path, required=True)
    record(parser.parse_args().output)


if __name__ == "__main__":
    main()
