"""Metrics without results are those of the whole answer to the bit, and their checks the same."""

from __future__ import annotations

import random

import numpy as np
import pytest

from archsim.errors import CheckError
from archsim.graph import Graph, Op
from archsim.graph.ops import Gemm
from archsim.metrics.checks import check_operator
from archsim.models.gpu import GpuModel
from archsim.models.gpu import plan as plans
from archsim.models.gpu.assemble import operators
from archsim.models.gpu.columns import Folded, doubtful, starts_of
from archsim.models.gpu.lower import lower
from archsim.models.gpu.model import _solve
from archsim.models.gpu.vector import patched, variants
from workloads import models

WORKLOADS = (
    ("vit_base_patch16_224", {"batch": 8}),
    ("vit_tiny_patch16_224", {"batch": 1, "dtype": "fp8"}),
    ("resnet18", {"batch": 4}),
    ("m3vit", {}),
)
AXES = {
    "sm_count": (16, 78, 114, 132, 200),
    "clock.boost_hz": (1.7e9, 1.98e9),
    "memory.bandwidth_bytes_per_s": (5e11, 3.35e12, 4.8e12, 2e13),
    "l2.capacity_bytes": (6e6, 5e7, 2e8),
    "sm.shared_bytes": (65536, 233472),
}


@pytest.mark.parametrize(("name", "choices"), WORKLOADS)
def test_the_metrics_are_those_of_the_whole_answer(h200, name, choices):
    graph = models.build(name, **choices)
    chance, base = random.Random(name), GpuModel(h200)
    for execution in ("graph", "eager", "kernels"):
        values = {path: chance.choice(some) for path, some in AXES.items()}
        device = h200.with_values(values)
        whole = GpuModel(device).evaluate(graph, execution)
        for model in (GpuModel(device), base.like(device, values), base.like(device, values)):
            assert model.metrics(graph, execution) == whole.metrics


def test_a_patched_record_is_the_record_of_the_device(h200):
    known = variants(h200)
    for values in ({path: some[0] for path, some in AXES.items()}, {"launch.graph_gap_us": 2.0}):
        device = h200.with_values(values)
        expected, found = variants(device), patched(known, h200, device, values)
        assert found.rows.tobytes() == expected.rows.tobytes()
        assert found.paths == expected.paths
        assert (found.relevant == expected.relevant).all()


def _answer(h200):
    """One product's plans with their numbers."""
    specs = [Gemm(m=197, n=768, k=3072, dtype="fp16")]
    devices = variants(h200)
    lowered = [lower(specs[0], devices.rows[0])]
    out = _solve(devices.rows, devices.relevant, [(specs[0], 0.0, 0.0, False)], lowered)
    return specs, devices, lowered, out


def _judged(h200, out, devices, specs, lowered):
    """Whether the columns are doubted, and whether the results are refused."""
    starts = starts_of(lowered)
    folded = Folded.of(out, starts, 100.0)
    done = np.array([plan.flops for plan in lowered[0]])
    flops, least = np.array([float(specs[0].flops)]), np.array([float(specs[0].bytes)])
    doubted = doubtful(out, starts, folded.times, folded.table, done, flops, least)
    try:
        (result,) = operators(specs, lowered, out, devices, 100.0)
        check_operator(result, cold=True, compulsory_bytes=float(specs[0].bytes))
    except CheckError:
        return doubted, True
    return doubted, False


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, 0.0, 1e12])
@pytest.mark.parametrize("column", range(plans.OUTPUTS))
def test_columns_are_doubted_where_results_are_refused(h200, column, value):
    specs, devices, lowered, out = _answer(h200)
    assert _judged(h200, out, devices, specs, lowered) == (False, False)
    out[0, 0, column] = value
    doubted, refused = _judged(h200, out, devices, specs, lowered)
    assert doubted == refused


def test_a_slower_variant_and_missing_work_are_doubted(h200):
    specs, devices, lowered, out = _answer(h200)
    for variant in (-1, -2):
        worse = out.copy()
        worse[variant, 0, plans.COMPUTE] += 1e3
        assert _judged(h200, worse, devices, specs, lowered) == (True, True)
    more = [Gemm(m=198, n=768, k=3072, dtype="fp16")]
    assert _judged(h200, out, devices, more, lowered) == (True, True)


def test_a_doubted_point_says_what_is_wrong(h200, monkeypatch):
    import archsim.models.gpu.model as module

    solve = module.solved

    def wrong(*arguments):
        out = solve(*arguments)
        out[0, 0, plans.HBM_BYTES] = -1.0
        return out

    monkeypatch.setattr(module, "solved", wrong)
    graph = Graph("one", (Op("gemm", Gemm(m=64, n=64, k=64, dtype="fp16")),))
    with pytest.raises(CheckError, match=r"gemm .*must move"):
        GpuModel(h200).metrics(graph)
