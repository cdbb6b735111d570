"""Tensor kernels against H200 measurements that no constant was fitted to, by class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import workloads.measured as measured
from archsim.models.gpu.recorded import price_recorded, rank_candidates, recorded_tile
from archsim.models.gpu.solve import solve
from archsim.models.gpu.vector import variants
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

FOLDER = Path(measured.__file__).parent
FILES = ("h200_kernels.json", "h200_operators.json")
LIMITS = {
    # mean absolute error in per cent on the check half of the random suites
    "gemm fp16": 6.5, "gemm bf16": 7.0, "gemm fp8": 7.5, "gemm int8": 8.0, "gemm tf32": 11.0,
    "gemm fp32": 8.0, "gemm fp64": 8.0, "bmm": 9.0, "gemm_sparse24": 9.0, "attention": 7.0,
    "conv2d dense": 14.0, "conv2d depthwise": 12.0, "conv2d grouped": 22.0,
}  # fmt: skip


def kind_of(case):
    if case["op"] == "gemm":
        return f"gemm {case['dtype']}"
    if case["op"] == "conv2d":
        groups = case["groups"]
        name = "dense" if groups == 1 else "depthwise" if groups == case["cin"] else "grouped"
        return f"conv2d {name}"
    return case["op"]


@pytest.fixture(scope="module")
def checked():
    found = {}
    for name in FILES:
        for case in json.loads((FOLDER / name).read_text())["cases"]:
            if is_check(case):
                found.setdefault(kind_of(case), []).append(case)
    return found


@pytest.mark.parametrize("kind", LIMITS)
def test_class_error_on_unseen_cases(kind, checked, h200_model):
    cases = checked[kind]
    error = [h200_model.price(spec_from_case(c)).us / c["us"] - 1 for c in cases]
    assert len(error) >= 8
    assert 100 * np.abs(error).mean() <= LIMITS[kind]


def test_library_choice_is_met_on_unseen_shapes(checked, h200):
    record = variants(h200).rows[0]
    first = third = count = 0
    for kind in ("gemm fp16", "gemm bf16", "gemm fp8", "bmm"):
        for case in checked[kind]:
            tile = recorded_tile(case["kernels"])
            ranked = rank_candidates(spec_from_case(case), record)
            if tile is None or not ranked:
                continue
            tiles = [c["tile"] for c in ranked[:3]]
            first += tiles[0] == tile
            third += tile in tiles
            count += 1
    assert count > 100
    assert first / count >= 0.4
    assert third / count >= 0.65


def test_recorded_kernels_are_priced_within_six_per_cent(checked, h200):
    devices = variants(h200)
    errors = []
    for kind in ("gemm fp16", "gemm bf16", "gemm fp8"):
        for case in checked[kind]:
            kernels = price_recorded(spec_from_case(case), case["kernels"])
            if kernels:
                out = solve(devices.rows[:1], devices.relevant[:1], kernels, [0.0] * len(kernels))
                errors.append(abs(out[0, :, :6].sum() / case["us"] - 1))
    assert len(errors) > 80
    assert 100 * np.mean(errors) <= 6.0
