"""Times of the neural-graphics kernels on a real GPU.

Grid encodings in half, as tiny-cuda-nn released them in 2022 (``tcnn``) and in integers, and fused
perceptrons, for the paper's grids, several sample counts, and positions that are random or lie
along camera rays in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.ngpc_applications import APPLICATIONS, ENCODINGS
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams, NfpFormats, NfpParams
from workloads.measure.device import METHOD, Nvml
from workloads.measure.store import Store
from workloads.measure.timing import Timer
from workloads.neural.camera import camera

Array = NDArray[Any]

COUNTS = (1 << 16, 1 << 18, 1 << 20, 1 << 21)
STEP = 3**0.5 / 1024
SIDE = 192


def cases() -> list[dict[str, Any]]:
    """Return what is timed."""
    found: list[dict[str, Any]] = []
    for app, encoding, count, order in product(
        ("nerf", "nsdf", "nvr", "gia"), ENCODINGS, COUNTS, ("random", "rays")
    ):
        grid = APPLICATIONS[app].grid(encoding)
        if app != "nerf" and encoding != "hashgrid" and (app, encoding) != ("gia", "densegrid"):
            continue  # the dense grids are the same for every 3-D application
        for number in ("half", "tcnn", "fixed"):
            if number == "half" and grid.features != 2:
                continue
            if number == "fixed" and count != 1 << 20:
                continue
            found.append({
                "class": "hashgrid", "name": f"{app}_{encoding}", "n": count, "order": order,
                "number": number, "grid": asdict(grid),
            })  # fmt: skip
    mlps = {
        f"{app}_{i}": mlp
        for app in ("nerf", "nsdf")
        for i, mlp in enumerate(APPLICATIONS[app].mlps(APPLICATIONS[app].grid("hashgrid")))
    }
    mlps["nsdf_densegrid"] = APPLICATIONS["nsdf"].mlps(APPLICATIONS["nsdf"].grid("densegrid"))[0]
    for (name, mlp), count in product(mlps.items(), COUNTS):
        found.append({
            "class": "mlp", "name": name, "n": count, "number": "half", "mlp": asdict(mlp),
        })  # fmt: skip
    return found


def positions_of(case: dict[str, Any]) -> Array:
    """Return float32 positions: random, along rays, or (2-D) pixels in order."""
    dims, count = case["grid"]["dims"], case["n"]
    if case["order"] == "random":
        return np.random.default_rng(1).random((count, dims), np.float32)
    if dims == 2:
        side = round(count**0.5)
        at = np.arange(count)
        pixels = np.stack((at % side + 0.5, at // side + 0.5), axis=1) / side
        return np.minimum(pixels, 1).astype(np.float32)
    rays = camera(SIDE, SIDE, azimuth=0.65, elevation=0.45)
    seen = np.flatnonzero(rays.near < rays.far)
    each = max(1, -(-count // len(seen)))
    which = np.repeat(seen, each)[:count]
    start = 0.5 * (rays.near + rays.far)[which]
    t = start + (np.arange(count) % each - each / 2) * STEP
    out = np.full((count, 3), 0.5, np.float32)
    out[: len(which)] = rays.at(which, t)
    return out


def build(case: dict[str, Any]) -> Callable[[], None]:
    """Return the launch of ``case`` on fresh data."""
    return _perceptron(case) if case["class"] == "mlp" else _encoding(case)


def _encoding(case: dict[str, Any]) -> Callable[[], None]:
    from numba import cuda

    from workloads.kernels import ngpc_grid, ngpc_half, ngpc_tcnn

    grid = GridParams(**case["grid"])
    rng = np.random.default_rng(2)
    positions = positions_of(case)
    if case["number"] == "half":
        x = cuda.to_device(positions)
        packed = rng.integers(0, 1 << 12, grid.entries, dtype=np.uint32)
        table = cuda.to_device(packed)
        out = cuda.to_device(np.zeros((case["n"], grid.levels), np.uint32))
        launch = ngpc_half.launch_grid(grid, case["n"])
        return lambda: launch(x, table, out)
    if case["number"] == "tcnn":
        x = cuda.to_device(np.ascontiguousarray(positions.T))
        words = grid.features // 2
        table = cuda.to_device(rng.integers(0, 1 << 12, (grid.entries, words), dtype=np.uint32))
        out = cuda.to_device(np.zeros((grid.levels, case["n"], words), np.uint32))
        launch = ngpc_tcnn.launch_grid(grid, case["n"])
        return lambda: launch(x, table, out)
    params = NfpParams(
        grid=grid, mlps=(MlpParams(inputs=grid.outputs, outputs=1),),
        formats=NfpFormats(position_bits=24),
    )  # fmt: skip
    raw = cuda.to_device((positions * 2.0**24).astype(np.uint32).clip(0, (1 << 24) - 1))
    table = cuda.to_device(rng.integers(-99, 99, (grid.entries, grid.features), dtype=np.int16))
    out = cuda.to_device(np.zeros((case["n"], grid.outputs), np.int16))
    launch = ngpc_grid.launch_fixed(params, case["n"])
    return lambda: launch(raw, table, out)


def _perceptron(case: dict[str, Any]) -> Callable[[], None]:
    from numba import cuda

    from workloads.kernels import ngpc_half

    mlp = MlpParams(**case["mlp"])
    rng = np.random.default_rng(3)
    halves = rng.normal(size=(case["n"], mlp.shapes[0][0])).astype(np.float16)
    x = cuda.to_device(halves.view(np.uint32))
    weights = tuple(rng.normal(size=s).astype(np.float16) / 8 for s in mlp.shapes)
    packed = cuda.to_device(ngpc_half.fragments(weights))
    out = cuda.to_device(np.zeros((case["n"], mlp.shapes[-1][1] // 2), np.uint32))
    launch = ngpc_half.launch_mlp(mlp, case["n"])
    launch(x, packed, out)
    _check(mlp, weights, halves, out.copy_to_host().view(np.float16))
    return lambda: launch(x, packed, out)


def _check(mlp: MlpParams, weights: tuple[Array, ...], x: Array, out: Array) -> None:
    """Raise where the kernel is not the perceptron, within half accumulators' rounding."""
    from archsim.functional.ngpc import float_perceptron

    rows = slice(0, 256)
    wanted = float_perceptron(mlp, x[rows, : mlp.inputs], weights)
    error = float(np.abs(out[rows].astype(np.float32) - wanted).max() / np.abs(wanted).max())
    if not error < 0.02:
        raise RuntimeError(f"the perceptron kernel is off by {error:.3f} of its largest output")


def suite(name: str, store: Store, nvml: Nvml, deadline: float) -> None:
    """Measure every case into ``store`` until ``deadline``."""
    from workloads.measure.runner import REPEATS, run_cases

    store.meta["method"] = METHOD.format(repeats=REPEATS)
    run_cases(store, cases(), Timer(REPEATS, REPEATS), deadline, build)
