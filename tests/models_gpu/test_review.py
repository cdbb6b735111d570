"""Answers far from any measured chip, and operand types no library multiplies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from archsim.config import load_device
from archsim.errors import CheckError, UnsupportedOperatorError
from archsim.graph.ops import (
    Attention,
    BatchedGemm,
    Conv2d,
    Elementwise,
    Gemm,
    LayerNorm,
    SparseGemm,
)
from archsim.models.gpu import GpuModel
from archsim.models.gpu import model as gpu_model
from workloads.models import build


@pytest.mark.parametrize("bandwidth", [2.4e13, 4.8e13])
def test_much_faster_memory_stays_above_the_l2_bound(bandwidth: float) -> None:
    device = load_device("h200").with_values({"memory.bandwidth_bytes_per_s": bandwidth})
    graph = build("llama2_7b", batch=4, phase="decode", kv_len=1000, dtype="fp16", layers=2)
    for op in GpuModel(device).evaluate(graph).operators:
        assert op.us >= op.bound_us * (1 - 1e-9)


@pytest.mark.parametrize(
    "spec",
    [
        Gemm(m=64, n=64, k=64, dtype="int16"),
        BatchedGemm(b=2, m=8, n=8, k=8, dtype="int64"),
        SparseGemm(m=64, n=64, k=64, dtype="int32"),
        Conv2d(n=1, cin=16, cout=16, h=16, w=16, r=3, s=3, padding=1, dtype="int16"),
        Attention(b=1, h=2, h_kv=2, sq=64, skv=64, d=64, dtype="fp64"),
    ],
    ids=lambda spec: f"{spec.kind}-{spec.dtype}",
)
def test_types_without_a_kernel_are_refused(spec: Gemm) -> None:
    with pytest.raises(UnsupportedOperatorError, match=f"{spec.dtype} operands.*{spec.kind}"):
        GpuModel(load_device("h200")).price(spec)


@pytest.mark.parametrize("dtype", ["fp16", "fp8", "int8", "tf32"])
def test_utilisation_is_that_of_the_operands_peak(dtype: str) -> None:
    device = load_device("rtx_4090")
    graph = build("gpt3_13b", batch=1, seq=512, layers=1, dtype=dtype)
    metrics = GpuModel(device).evaluate(graph).metrics
    assert 0.0 < metrics["mfu"] <= 1.0


def test_utilisation_by_hand() -> None:
    from archsim.graph import Graph, Op

    device = load_device("h200")
    matrix = Gemm(m=4096, n=4096, k=4096, dtype="fp8")
    point = Elementwise(function="add", n=1 << 20, arity=2, dtype="fp32")
    graph = Graph("pair", (Op("a", matrix), Op("b", point)))
    metrics = GpuModel(device).evaluate(graph).metrics
    rate = float(device.sm_count) * float(device.clock.boost_hz)
    busy = matrix.flops / (float(device.tensor.fp8_flop_per_clk) * rate)
    busy += point.flops / (float(device.sm.fp32_flop_per_clk) * rate)
    assert metrics["mfu"] == pytest.approx(busy / metrics["latency_us"] * 1e6)


def wrong_solve(variant: int, factor: float) -> Callable[..., Any]:
    """A solver that gives one variant of the device a wrong time."""
    solve = gpu_model.solved

    def wrong(*arguments: Any, **options: Any) -> Any:
        out = solve(*arguments, **options)
        out[variant] *= factor
        return out

    return wrong


@pytest.mark.parametrize("device", ["h200", "rtx_4090"])
@pytest.mark.parametrize(
    ("variant", "what"), [(-1, "more bandwidth"), (-2, "more SMs")], ids=["memory", "sms"]
)
def test_an_answer_that_more_hardware_would_slow_down_is_refused(
    device: str, variant: int, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = Conv2d(n=8, cin=512, cout=512, h=30, w=30, r=3, s=3, padding=1)
    model = GpuModel(load_device(device))
    assert model.price(spec).us > 0
    monkeypatch.setattr(gpu_model, "solved", wrong_solve(variant, 2.0))
    rule = f"conv2d n=8 cin=512 .* with {what} must not slow down from 1 to"
    with pytest.raises(CheckError, match=rule):
        GpuModel(load_device(device)).price(spec)


def test_a_kernel_written_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check sees a law that gets worse with SMs, not only a damaged table."""
    device = load_device("h200")
    rows = gpu_model.variants(device)
    slow = rows.rows.copy()
    slow["launch_kernel_us"][-2] *= 1.2  # as if launching took longer on more SMs
    monkeypatch.setattr(gpu_model, "variants", lambda _: replace(rows, rows=slow))
    with pytest.raises(CheckError, match="elementwise function=add n=4096 arity=2 dtype=fp16 with"):
        GpuModel(device).price(Elementwise(function="add", n=4096, arity=2))


def test_second_passes_and_the_tail_of_loads_are_the_only_exceptions() -> None:
    """Rows that no longer fit L2 with twice the SMs: the answer stands, slower as it may be."""
    device = load_device("rtx_4090")
    spec = LayerNorm(rows=8000, cols=4000)
    chips = [device.with_values({"sm_count": n}) for n in (256, 512)]
    once, twice = (GpuModel(chip).price(spec) for chip in chips)
    again_us = 2.0 * spec.rows * spec.cols / float(device.memory.bandwidth_bytes_per_s) * 1e6
    reached = float(device.memory.write_fraction)
    assert 1.1 * once.us < twice.us <= once.us + again_us / reached + float(device.memory.tail_us)
