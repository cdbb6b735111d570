"""The unfused kernels around the networks, in the CUDA simulator, against closed forms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from workloads.kernels.ngpc_passes_times import full_frame, kernels_digest
from workloads.neural.passes import Pass, passes, ray_samples

WIDTH, HEIGHT = 6, 4
RAW = 8192
SIMULATED = f"""
import sys
import numpy as np
from workloads.kernels.ngpc_passes_times import FrameKernels, FrameRays
samples = np.arange({WIDTH * HEIGHT}) % 7
hits = samples % 2 == 1
found = {{}}
for application in ("nerf", "nsdf", "nvr", "gia"):
    own = np.ones_like(samples) if application == "gia" else samples
    frame = FrameKernels(application, FrameRays({WIDTH}, {HEIGHT}, own, hits), raw={RAW})
    for _ in range(2):
        frame.launch()
    for name in ("frame", "total", "surface", "counters"):
        found[f"{{application}}_{{name}}"] = getattr(frame, name).copy_to_host()
    if application == "gia":
        found["gia_values"] = frame.values.copy_to_host()
np.savez(sys.argv[1], **found)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    target = tmp_path_factory.mktemp("passes") / "found.npz"
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", SIMULATED, str(target)], env=environment, check=True)
    return np.load(target)


def rays():
    samples = np.arange(WIDTH * HEIGHT) % 7
    return samples, samples % 2 == 1


def test_every_ray_ends_where_its_samples_end(found):
    samples, _ = rays()
    live = [int((samples > k).sum()) for k in range(7)]
    steps, at = [], 0
    for each in passes("nerf", samples):
        assert each.rays == live[at]
        steps.append(each.rays)
        at += each.steps
    counters = found["nerf_counters"]
    assert counters[0] == samples.size  # all end, and are shaded
    assert list(counters[1 : 1 + len(steps)]) == steps
    tracked = found["nvr_counters"]
    assert list(tracked[1:8]) == [*live[:6], 0]


def test_nerf_composites_each_rays_samples(found):
    samples, _ = rays()
    unit = RAW * 2.0**-14
    alpha = 1 - np.exp(-np.exp(unit) * 3**0.5 / 1024)
    weight = 1 - (1 - alpha) ** samples
    value = weight / (1 + np.exp(-unit))
    shaded = value * (value * (value * 0.305 + 0.682) + 0.0125)
    np.testing.assert_allclose(found["nerf_frame"][:, 3], weight, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["nerf_frame"][:, 0], shaded, rtol=1e-3, atol=1e-7)


def test_volume_adds_each_rays_samples(found):
    samples, _ = rays()
    clear = 0.5**samples  # every sample covers half of what is left
    wanted = np.where(samples == 0, 0.5, 0.5 * (1 - clear) + 0.5 * clear)
    np.testing.assert_allclose(found["nvr_frame"][:, 0], wanted, rtol=1e-5)


def test_only_hits_are_lit(found):
    _, hits = rays()
    assert ((found["nsdf_frame"][:, 3] == 1) == hits).all()
    assert found["nsdf_counters"][0] == hits.sum()


def test_an_image_is_its_networks_outputs(found):
    np.testing.assert_allclose(found["gia_values"], RAW * 2.0**-14)
    np.testing.assert_allclose(found["gia_total"][:, :3], 0.5)
    np.testing.assert_allclose(found["gia_surface"][:, 0], 1.055 * 0.5**0.41666 - 0.055, rtol=1e-5)


def test_passes_of_our_scenes():
    assert passes("gia", ray_samples("gia")[0]) == (Pass(96 * 54, 1),)
    samples = np.array([0, 1, 1, 2, 12])
    assert passes("nerf", samples) == (Pass(4, 1), Pass(2, 2), Pass(1, 5), Pass(1, 5))
    assert passes("nsdf", samples) == (Pass(4, 1), Pass(2, 2), Pass(1, 4), Pass(1, 4), Pass(1, 4))
    assert [p.rays for p in passes("nvr", samples)] == [4, 2, *[1] * 10]
    for application in ("nerf", "nsdf", "nvr"):
        own = ray_samples(application)[0]
        found = passes(application, own)
        assert sum(p.rays * p.steps for p in found) >= own.sum()
        assert found[0].rays == (own > 0).sum()


def test_recorded_times_are_of_these_kernels_and_passes():
    text = files("workloads").joinpath("measured/h100_neural_passes.json").read_text()
    recorded = json.loads(text)
    assert recorded["_meta"]["kernels_sha256"] == kernels_digest()
    for application, frame in recorded["frames"].items():
        rays = full_frame(application)
        own = passes(application, rays.samples)
        assert frame["passes"] == [[p.rays, p.steps] for p in own]
        total = sum(row["us"] for row in frame["kernels"].values())
        assert frame["us"] == pytest.approx(total, rel=1e-3)
