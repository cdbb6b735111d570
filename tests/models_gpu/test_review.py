"""Answers far from any measured chip, and operand types no library multiplies."""

from __future__ import annotations

import pytest

from archsim.config import load_device
from archsim.errors import UnsupportedOperatorError
from archsim.graph.ops import Attention, BatchedGemm, Conv2d, Elementwise, Gemm, SparseGemm
from archsim.models.gpu import GpuModel
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


def test_an_answer_that_faster_memory_would_slow_down_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from archsim.errors import CheckError
    from archsim.models.gpu import model as gpu_model

    solve = gpu_model.solve

    def wrong(*arguments: object, **options: object) -> object:
        out = solve(*arguments, **options)  # type: ignore[arg-type]
        out[-1] *= 1.01
        return out

    monkeypatch.setattr(gpu_model, "solve", wrong)
    with pytest.raises(CheckError, match="gemm with more bandwidth must not slow down"):
        GpuModel(load_device("h200")).price(Gemm(m=64, n=64, k=64))
