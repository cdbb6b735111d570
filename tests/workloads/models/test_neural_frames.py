"""Frames: their rays, passes and samples are those of our renderers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workloads.models import build
from workloads.models.neural_frames import GRADIENT_SAMPLES, PASSES
from workloads.neural.camera import camera
from workloads.neural.passes import passes, ray_samples
from workloads.neural.render import occupancy, track
from workloads.neural.scenes import TRUTH

SIDE = (96, 54)


@pytest.mark.parametrize("application", list(PASSES))
def test_passes_of_a_frame(application):
    samples, hits = ray_samples(application)
    found = passes(application, samples)
    hundred = samples.size / 100
    queries = sum(p.rays * p.steps for p in found) + GRADIENT_SAMPLES * hits.sum()
    wanted = PASSES[application]
    assert queries / hundred == pytest.approx(wanted.samples, rel=0.01)
    assert sum(p.rays for p in found) / hundred == pytest.approx(wanted.rays, rel=0.01)
    assert hits.sum() / hundred == pytest.approx(wanted.hits, rel=0.01)
    assert (len(found), sum(p.steps for p in found)) == (wanted.passes, wanted.steps)


def test_frame_holds_networks_and_rest():
    graph = build("nerf_frame", pixels=1000, samples_per_100_pixels=200)
    spec = next(op.spec for op in graph.ops if op.name == "encoding")
    assert spec.n == 2000
    assert graph.macs == 2000 * 10_240
    assert sum(op.name.startswith("rest.") for op in graph.ops) == 4 * 96 + 1 + 2 + 2


def test_a_steeper_camera_sees_the_same_scene():
    rays = camera(*SIDE, azimuth=0.65, elevation=0.45)
    nearer = replace(rays, near=rays.near + 5)
    found = track(TRUTH["nvr"], nearer, occupancy(TRUTH["nvr"]), np.random.default_rng(0))
    assert found.sum() == 0
