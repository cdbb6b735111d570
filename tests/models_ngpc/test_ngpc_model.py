"""The cluster's model: its pipeline, its host, its laws on an H200, and what it answers."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from archsim.config import load_device
from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_params import MlpParams
from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.models.ngpc import NgpcModel
from archsim.models.ngpc.cluster import Frame, closed_us, simulate_us
from archsim.models.ngpc.gpu_kernels import (
    FITTED_COUNTS,
    HALF,
    PERCEPTRON,
    RAY_STEP,
    RELEASE,
    Order,
    grid_us,
    perceptron_us,
)
from archsim.models.ngpc.host import host_times, work_of
from archsim.validate import load_dataset
from workloads.models import build

FRAME = Frame(
    samples=400_000, processors=8, batches=4, host_us=900.0, sample_us=0.005,
    transfer_us=0.0001, fill_us=0.05, load_us=3.0,
)  # fmt: skip
PAPER = load_device("paper_64")


def metrics(device, model="nsdf_frame", **choices):
    return NgpcModel(device).evaluate(build(model, **choices)).metrics


@pytest.mark.parametrize(
    "change",
    [
        {}, {"processors": 1}, {"processors": 64}, {"host_us": 10.0}, {"batches": 1},
        {"transfer_us": 0.004}, {"transfer_us": 0.0}, {"processors": 32, "transfer_us": 0.002},
    ],
)  # fmt: skip
def test_formula_and_simulation_agree(change):
    frame = replace(FRAME, **change)
    assert np.isclose(closed_us(frame), simulate_us(frame), rtol=0.02)


def test_frame_is_bounded_by_its_parts():
    frame = replace(FRAME, batches=400)
    compute = frame.samples / frame.processors * frame.sample_us
    assert closed_us(frame) >= max(compute, frame.host_us)
    assert closed_us(frame) <= (max(compute, frame.host_us) + frame.load_us) * 1.15


def off_by(device, name, kind, costs):
    """Mean error over the sample counts that were not fitted."""
    errors = []
    for case in load_dataset(f"workloads/measured/{name}_neural.json").cases:
        if kind not in (case["class"], case["number"]) or case["n"] in FITTED_COUNTS:
            continue
        if kind == "mlp":
            ours = perceptron_us(device, MlpParams(**case["mlp"]), case["n"], costs)
        elif case["class"] == "mlp":
            continue
        else:
            ours = grid_us(
                device, GridParams(**case["grid"]), case["n"],
                along_rays=case["order"] == "rays", costs=costs,
            )  # fmt: skip
        errors.append(abs(ours / case["us_warm"] - 1))
    assert errors
    return np.mean(errors)


def test_gpu_laws_predict_an_h200():
    device = load_device("h200")
    assert off_by(device, "h200", "half", HALF) < 0.08
    assert off_by(device, "h200", "mlp", PERCEPTRON) < 0.08


def test_gpu_laws_predict_an_h100_and_the_release_of_2022():
    device = load_device("h100_sxm").with_values({"l2.sectors_per_clk": 66.95})
    assert off_by(device, "h100", "half", HALF) < 0.08
    assert off_by(device, "h100", "mlp", PERCEPTRON) < 0.08
    assert off_by(device, "h100", "tcnn", RELEASE) < 0.1


@pytest.mark.parametrize("entries", [2, 8])
@pytest.mark.parametrize("step", [0.02, 0.1, 0.3, 1.0, 2.0, 8.0])
def test_sectors_along_a_ray_are_those_counted(entries, step):
    rng = np.random.default_rng(0)
    found = []
    for _ in range(200):
        way = rng.normal(size=3)
        at = rng.random(3) * 64 + np.arange(32)[:, None] * step * way / np.linalg.norm(way)
        cells = np.floor(at).astype(int)
        corners = cells[:, None] + np.stack(np.meshgrid(*[[0, 1]] * 3), axis=-1).reshape(-1, 3)
        corners[..., 0] //= entries
        found.append(len(np.unique(corners.reshape(-1, 3), axis=0)))
    assert Order(along=step).sectors(1.0, entries) == pytest.approx(np.mean(found), rel=0.08)


def test_rest_of_a_frame_is_what_was_measured():
    text = files("workloads").joinpath("measured/h100_neural_passes.json").read_text()
    for application, measured in json.loads(text)["frames"].items():
        graph = build(f"{application}_frame")
        gaps = sum(op.name.startswith("rest.") for op in graph.ops)
        ours = host_times("h100_sxm", graph, work_of(graph)).rest_us
        gap = float(load_device("h100_sxm").launch.stream_gap_us)
        assert ours - gaps * gap == pytest.approx(measured["us"], rel=0.03)
    nerf = build("nerf_frame")
    slower = [
        host_times(name, nerf, work_of(nerf)).rest_us for name in ("h200", "h100_sxm", "rtx_3090")
    ]
    assert slower == sorted(slower)


def test_samples_of_a_warp_lie_in_their_order():
    one = Order()
    assert one.lines(100.0, 1) == pytest.approx(1 + 1.5 * 32 * RAY_STEP * 100)
    assert one.lines(100.0, 32) == pytest.approx(1 + (1 + 1 / 64) * 32 * RAY_STEP * 100)
    beside = Order(abreast=1.0, along=0.0, pitch=RAY_STEP / 2)
    assert beside.lines(100.0, 8) < one.lines(100.0, 8)
    assert beside.sectors(100.0, 8) < one.sectors(100.0, 8)
    assert Order(2.0, RAY_STEP, RAY_STEP).lines(1e6, 8) == 32.0
    assert Order(2.0, RAY_STEP, RAY_STEP).sectors(1e6, 8) == 32 * 4.5
    pixels = work_of(build("nsdf_frame")).order
    assert pixels is not None and pixels.abreast == 1.0
    assert work_of(build("nvr_frame")).order is None
    assert work_of(build("nsdf")).order == one


def test_more_hardware_is_never_slower():
    times = [
        metrics(PAPER.with_values({"cluster.processors": n}))["latency_us"]
        for n in (1, 2, 8, 32, 128, 1024)
    ]
    assert times == sorted(times, reverse=True)
    plateau = metrics(PAPER)["rest_us"]
    assert times[-1] > plateau
    banks = [
        metrics(PAPER.with_values({"encoding.banks": b}))["encoding_cycles"] for b in (1, 2, 4, 8)
    ]
    assert banks == sorted(banks, reverse=True)


def test_wide_features_spill():
    answer = NgpcModel(PAPER.with_values({"formats.feature_bits": 16})).evaluate(
        build("nsdf_frame")
    )
    (note,) = answer.notes
    assert (
        "the largest level has 2097152 bytes of 16-bit features, an engine's memory 1048576" in note
    )
    assert 0.4 < answer.metrics["kept_fraction"] < 0.6
    narrow = NgpcModel(PAPER).evaluate(build("nsdf_frame"))
    assert narrow.notes == () and narrow.metrics["kept_fraction"] == 1.0


def test_shares_tile_the_baseline():
    m = metrics(PAPER)
    assert np.isclose(m["encoding_share"] + m["perceptron_share"], m["network_share"])
    assert m["speedup"] == pytest.approx(m["baseline_us"] / m["latency_us"])


def test_networks_of_a_graph():
    nerf, nsdf = work_of(build("nerf_frame")), work_of(build("nsdf"))
    assert [m.hidden for m in nerf.perceptrons] == [1, 2]
    assert sum(m.macs for m in nerf.perceptrons) == 10_240
    assert [m.macs for m in nsdf.perceptrons] == [7168]
    assert nerf.grid == GridParams(growth=1.51572)


def test_other_graphs_are_refused():
    with pytest.raises(UnsupportedOperatorError, match="needs one grid encoding"):
        NgpcModel(PAPER).evaluate(build("resnet50"))
    with pytest.raises(ConfigError, match=r"device\.host must be a GPU, not 'os_8x8_int8'"):
        metrics(PAPER.with_values({"host": "os_8x8_int8"}))


def test_networks_without_a_frame_have_no_rest():
    m = metrics(PAPER, "gia")
    assert m["rest_us"] == 0.0 and m["network_share"] == 1.0


def test_estimated_constants_span_a_range():
    answer = NgpcModel(PAPER.with_values({"cluster.processors": 1024})).evaluate(build("gia_frame"))
    assert "cluster.l2_bytes_per_clk" in answer.estimated
    assert answer.metrics["latency_low_us"] < answer.metrics["latency_us"]


def test_area_adds_up():
    one = metrics(PAPER.with_values({"cluster.processors": 1}))["area_mm2"]
    assert metrics(PAPER)["area_mm2"] == pytest.approx(64 * one)
    assert one > 16 * 0.42  # sixteen memories of 1 MiB
