"""Pictures, cameras, renderers, and what is shipped."""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
import pytest

from archsim.app.rendering import calibration, rendering
from archsim.cli import main
from archsim.config import load_device
from archsim.config.ngpc_applications import APPLICATIONS
from archsim.functional.ngpc import FixedNetwork, FloatNetwork, quantise
from workloads.neural import shipped
from workloads.neural.camera import camera, cross_cube
from workloads.neural.fields import network_field
from workloads.neural.picture import psnr, write_png
from workloads.neural.render import STEP, composite, march, occupancy, render
from workloads.neural.scenes import TRUTH


def test_png_holds_the_pixels(tmp_path):
    picture = np.random.default_rng(0).random((5, 7, 3))
    write_png(tmp_path / "p.png", picture)
    data = (tmp_path / "p.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (7, 5)
    length = struct.unpack(">I", data[33:37])[0]
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + length]), np.uint8).reshape(5, 22)
    assert (rows[:, 1:].reshape(5, 7, 3) == np.rint(picture * 255)).all()


def test_psnr():
    zeros = np.zeros((4, 4, 3))
    assert psnr(zeros, zeros) == math.inf
    assert math.isclose(psnr(zeros + 0.1, zeros), 20)


def test_rays_cross_the_cube():
    rays = camera(9, 9, azimuth=0.3, elevation=0.4)
    middle = 40
    reached = rays.origins[middle] + rays.directions[middle] * 1.55
    np.testing.assert_allclose(reached, 0.5, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(rays.directions, axis=1), 1)
    straight = cross_cube(np.array([[0.25, 0.5, 3.0]]), np.array([[0.0, 0.0, -2.0]]))
    assert np.isclose(straight.near, 2.0) and np.isclose(straight.far, 3.0)


def test_absorption_follows_the_law():
    weight, clear = composite(np.full((1, 100), 3.0), np.ones(1))
    assert np.isclose(clear[0], math.exp(-3 * 100 * STEP))
    assert np.isclose(weight.sum() + clear[0], 1)


def test_a_uniform_volume_is_marched_exactly():
    def fog(positions, _directions):
        return np.tile([2.0, 1.0, 0.5, 0.25], (len(positions), 1))

    rays = cross_cube(np.array([[0.5, 0.5, 3.0]]), np.array([[0.0, 0.0, -1.0]]))
    color, counts = march(fog, rays, occupancy(fog), np.zeros(3))
    samples = counts.sum()
    steps = math.floor(1 / STEP + 0.5)  # samples lie in the middle of their steps
    np.testing.assert_allclose(
        color[0], (1 - math.exp(-2 * steps * STEP)) * np.array([1, 0.5, 0.25])
    )
    assert samples == steps


@pytest.mark.parametrize("application", list(APPLICATIONS))
def test_truth_renders(application):
    frame = render(application, TRUTH[application], 40, 30)
    assert frame.picture.shape == (30, 40, 3)
    assert 0.05 < frame.picture.std() < 0.5
    assert frame.samples >= 1200 * (application == "gia")


@pytest.mark.parametrize("application", list(APPLICATIONS))
def test_shipped_weights_fixed_against_float(application):
    # a silhouette's pixels weigh much in a small picture: the traced one is larger
    size = (144, 108) if application == "nsdf" else (48, 36)
    result = rendering(application, load_device("ngpc/small").params_for(application), *size)
    assert result.float_psnr_db > 25
    assert result.loss_db <= 0.2
    assert result.fixed_to_float_psnr_db > result.float_psnr_db


def test_a_small_pictures_loss_is_one_pixels():
    # what docs/ngpc.md says of nsdf at 32x24
    params = load_device("ngpc/small").params_for("nsdf")
    network, _ = shipped.find("nsdf", params)
    data = quantise(params, network, *calibration("nsdf"))
    exact, fixed = FloatNetwork(params), FixedNetwork(params)
    truth, in_float, in_fixed = (
        render("nsdf", field, 32, 24).picture.reshape(-1, 3)
        for field in (
            TRUTH["nsdf"],
            network_field("nsdf", lambda p, d: exact(network, p, d)),
            network_field("nsdf", lambda p, d: fixed(data, p, d)),
        )
    )
    assert psnr(in_float, truth) - psnr(in_fixed, truth) > 0.2
    worst = np.abs(in_fixed - in_float).sum(axis=1).argmax()
    rest = np.arange(len(truth)) != worst
    assert abs(psnr(in_float[rest], truth[rest]) - psnr(in_fixed[rest], truth[rest])) <= 0.05


def test_shipped_weights_are_what_the_hardware_holds():
    # 16-bit numbers: quantising to the processor's 16 bits keeps every weight as it is
    params = load_device("ngpc/small").params_for("nsdf")
    network, described = shipped.find("nsdf", params)
    data = quantise(params, network, *calibration("nsdf"))
    assert described["_meta"]["steps"] > 0
    scale = 2.0 ** -data.fractions[0][0]
    np.testing.assert_allclose(data.table * scale, network.table, atol=scale)
    raw = FixedNetwork(params).raw(data, np.array([[0, 0, 0], [1 << 17, 1, 5]]))
    assert raw.shape == (2, 1)


def test_saved_network_comes_back(tmp_path):
    params = load_device("ngpc/small").params_for("gia")
    network, _ = shipped.find("gia", params)
    shipped.save(tmp_path / "n.npz", params, network, {"by": "test"})
    again, described = shipped.load(tmp_path / "n.npz")
    assert described["_meta"] == {"by": "test"}
    assert (again.table == network.table).all()


def test_render_verb(tmp_path, capsys):
    output, data = tmp_path / "out.png", tmp_path / "out.json"
    arguments = ["render", "gia", "--device", "ngpc/small", "--size", "32x24"]
    assert main([*arguments, "--output", str(output), "--json", str(data)]) == 0
    assert output.stat().st_size > 500
    assert '"samples_per_pixel": 1.0' in data.read_text()
    assert "loss dB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["teapot", "--device", "ngpc/small"], "the application must be one of nerf"),
        (["gia", "--device", "h200"], "--device must be of machine ngpc, not 'gpu'"),
        (
            ["gia", "--device", "ngpc/small", "--size", "9x7"],
            "--size must be WxH with sides from 8",
        ),
        (["gia", "--device", "ngpc/small", "--output", "a.jpg"], "--output must be a .png file"),
        (
            ["gia", "--device", "ngpc/small", "--set", "device.grid.levels=7"],
            "device.grid must be one",
        ),
        (["gia", "--device", "ngpc/small", "--set", "device.grid.levels=99"], "levels must be"),
    ],
)
def test_render_refuses(arguments, message, capsys):
    assert main(["render", *arguments]) == 2
    assert message in capsys.readouterr().err
