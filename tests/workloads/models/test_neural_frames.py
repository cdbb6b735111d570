"""Frames: their samples are those of our renderers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workloads.models import build
from workloads.models.neural_frames import SAMPLES_PER_100_PIXELS
from workloads.neural.camera import camera
from workloads.neural.render import march, occupancy, render, track
from workloads.neural.scenes import TRUTH

SIDE = (96, 54)


@pytest.mark.parametrize("application", list(SAMPLES_PER_100_PIXELS))
def test_samples_of_a_frame(application):
    rays = camera(*SIDE, azimuth=0.65, elevation=0.45)
    truth = TRUTH[application]
    if application == "nerf":
        samples = march(truth, rays, occupancy(truth), np.zeros(3), step=3**0.5 / 1024)[1]
    elif application == "nvr":
        samples = track(truth, rays, occupancy(truth), np.random.default_rng(0))
    else:
        samples = render(application, truth, *SIDE).samples
    found = 100 * samples / (SIDE[0] * SIDE[1])
    assert found == pytest.approx(SAMPLES_PER_100_PIXELS[application], rel=0.05)


def test_frame_holds_networks_and_rest():
    graph = build("nerf_frame", pixels=1000, samples_per_100_pixels=200)
    spec = next(op.spec for op in graph.ops if op.name == "encoding")
    assert spec.n == 2000
    assert graph.macs == 2000 * 10_240
    assert sum(op.name.startswith("rest.") for op in graph.ops) == 7


def test_a_steeper_camera_sees_the_same_scene():
    rays = camera(*SIDE, azimuth=0.65, elevation=0.45)
    nearer = replace(rays, near=rays.near + 5)
    assert track(TRUTH["nvr"], nearer, occupancy(TRUTH["nvr"]), np.random.default_rng(0)) == 0
