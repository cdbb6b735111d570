"""The kernels around the networks: in the CUDA simulator against the renderers, and an H200's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workloads.kernels.ngpc_frame_golden import (
    ANGLES,
    BITS,
    COLOR_SCALE,
    DENSITY_SCALE,
    DISTANCE_SCALE,
    EACH,
    STEP,
    draw,
    kept,
)
from workloads.neural.camera import camera
from workloads.neural.render import composite

SIZE = (24, 16)
GOLDEN = Path(__file__).parents[3] / "cosim" / "golden"
SIMULATED = """
import sys
import numpy as np
from workloads.kernels.ngpc_frame_golden import run
found, _ = run(24, 16)
np.savez(sys.argv[1], **found)
"""


def expected(width, height):
    """What the kernels compute, in double precision, by the renderers of ``workloads.neural``."""
    given = draw(width, height)
    rays = camera(width, height, azimuth=ANGLES[0], elevation=ANGLES[1])
    count = width * height
    which = np.repeat(np.arange(count), EACH)
    t = (rays.near[:, None] + (40 + np.arange(EACH) + 0.5) * STEP).ravel()
    points = rays.at(which, t)
    cell = np.minimum((points * 64).astype(int), 63)
    inside = (rays.near < rays.far)[which] & (t < rays.far[which])
    wanted = (given["occupied"][tuple(cell.T)] != 0) & inside
    top = 1 << BITS
    found = {
        "march_before_positions": np.minimum((points.astype(float) * top).astype(int), top - 1),
        "march_before_directions": np.rint(rays.directions[which] * 16384),
        "march_before_wanted": wanted,
    }
    for radiance in range(2):
        density, color = given["samples"][:, 0] * DENSITY_SCALE, given["samples"][:, 1:]
        color = color * COLOR_SCALE
        if radiance:
            density, color = np.exp(np.clip(density, -15, 11)), 1 / (1 + np.exp(-color))
        density = np.where(wanted, density, 0).reshape(count, EACH)
        weight, clear = composite(density, np.ones(count), STEP)
        color = (weight[..., None] * color.reshape(count, EACH, 3)).sum(axis=1)
        found |= {f"march_after_{radiance}_color": color, f"march_after_{radiance}_clear": clear}
    near = np.minimum(rays.near, 1e9)
    points = rays.at(np.arange(count), near)
    live = (near < rays.far).astype(int)
    distance = given["distances"] * DISTANCE_SCALE
    found |= {
        "trace_before_distance": near,
        "trace_before_positions": np.minimum((points.astype(float) * top).astype(int), top - 1),
        "trace_before_live": live,
        "trace_after_distance": near + distance * (live == 1),
        "trace_after_live": np.where((live == 1) & (distance < 1.5e-3), 2, live),
        "image_before_positions": np.stack(
            [(np.arange(count) % width + 0.5) / width, (np.arange(count) // width + 0.5) / height],
            axis=1,
        ) * top // 1,
        "image_after_picture": np.clip(given["colors"] * 2.0**-14, 0, 1) * 255 // 1,
    }  # fmt: skip
    return found


def close(name, found, wanted):
    """Single against double precision: positions within two of 2**18, flags but at edges."""
    error = np.abs(found.astype(float) - wanted)
    if name.endswith(("wanted", "live")):
        return (error != 0).mean() < 1e-3
    if name.endswith(("positions", "directions", "picture")):
        return np.quantile(error, 0.999) <= 2
    return np.quantile(error, 0.999) < 1e-4


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    file = tmp_path_factory.mktemp("frame") / "found.npz"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", SIMULATED, str(file)], check=True, env=environment)
    with np.load(file) as stored:
        return {name: stored[name] for name in stored.files}


def test_kernels_in_the_simulator_are_the_renderers(simulated):
    wanted = expected(*SIZE)
    assert set(simulated) == set(wanted)
    for name, values in wanted.items():
        assert close(name, simulated[name], values), name
    for name in ("march_before_wanted", "trace_before_live", "trace_after_live"):
        assert 0 < (simulated[name] != 0).sum() < simulated[name].size, name


@pytest.mark.slow
def test_an_h200_computed_the_same():
    meta = json.loads((GOLDEN / "ngpc_frame.json").read_text())
    assert meta["_meta"]["device"] == "NVIDIA H200"
    wanted = expected(meta["_meta"]["width"], meta["_meta"]["height"])
    with np.load(GOLDEN / "ngpc_frame.npz") as stored:
        assert set(stored.files) == set(wanted) == set(meta["sha256"])
        for name, values in wanted.items():
            assert close(name, stored[name], kept(values)), name
