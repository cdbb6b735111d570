"""GpuModel: graphs, residency, execution modes, ranges, and what it refuses."""

from __future__ import annotations

import math
import time

import pytest

from archsim.config import load_device
from archsim.errors import UnsupportedOperatorError
from archsim.graph import Graph, Op, OpSpec, Tensor
from archsim.graph.ops import Attention, BatchedGemm, Conv2d, Copy, Elementwise, Gemm, SparseGemm
from archsim.metrics.checks import check_point
from archsim.models.gpu import GpuModel
from archsim.models.gpu.residency import reuse
from workloads import models


def chain(elements, length, meta=None):
    """``length`` additions, each of the result before and itself."""
    spec = Elementwise(function="relu", n=elements)
    ops = tuple(Op(f"op{i}", spec, (f"t{i}",), (f"t{i + 1}",)) for i in range(length))
    tensors = tuple(Tensor(f"t{i}", (elements,), "fp16") for i in range(length + 1))
    return Graph("chain", ops, tensors, meta or {})


def test_metrics_of_a_model(h200_model):
    graph = models.build("vit_base_patch16_224", batch=4)
    point = h200_model.evaluate(graph)
    check_point(point)
    m = point.metrics
    assert m["flops"] == graph.flops
    assert m["throughput_per_s"] == pytest.approx(4 / (m["latency_us"] * 1e-6))
    assert m["tflops"] == pytest.approx(graph.flops / m["latency_us"] * 1e-6)
    assert m["power_w"] == pytest.approx(m["energy_j"] / m["latency_us"] * 1e6)
    assert m["latency_low_us"] <= m["latency_us"] <= m["latency_high_us"]
    assert 0 < m["mfu"] < 1
    assert 0 < m["hbm_utilisation"] < 1
    total = sum(op.count * op.us for op in point.operators)
    assert m["kernel_sum_us"] == pytest.approx(total)


def test_operators_come_in_order_of_first_occurrence_with_counts(h200_model):
    graph = models.build("vit_base_patch16_224", batch=4)
    point = h200_model.evaluate(graph)
    assert [op.kind for op in point.operators] == [spec.kind for spec in graph.counts]
    assert [op.count for op in point.operators] == list(graph.counts.values())


def test_execution_modes_differ_by_their_gaps(h200_model, h200):
    graph = chain(1 << 20, 10)
    alone = h200_model.evaluate(graph, "kernels").metrics["latency_us"]
    replay = h200_model.evaluate(graph, "graph").metrics["latency_us"]
    eager = h200_model.evaluate(graph, "eager").metrics["latency_us"]
    launch = h200.launch
    gaps = 10 * (float(launch.graph_gap_us) + float(launch.graph_node_us))
    assert replay == pytest.approx(alone + gaps + float(launch.graph_start_us))
    assert eager == pytest.approx(10 * float(h200.launch.stream_us))
    with pytest.raises(ValueError, match="execution must be graph, eager or kernels, not 'fast'"):
        h200_model.evaluate(graph, "fast")


def test_same_question_same_answer(h200):
    graph = models.build("resnet18", batch=2)
    assert GpuModel(h200).evaluate(graph) == GpuModel(h200).evaluate(graph)


def test_equal_operators_are_priced_once(h200):
    model = GpuModel(h200)
    model.evaluate(chain(4096, 50))
    assert len(model._priced) == 1


def test_an_unknown_operator_is_named(h200_model):
    class Mystery(OpSpec):
        kind = "mystery"

    with pytest.raises(UnsupportedOperatorError, match="no kernel for operator 'mystery'"):
        h200_model.price(Mystery())


@pytest.mark.parametrize(
    ("device", "spec", "type_"),
    [
        ("h200", Gemm(m=256, n=256, k=256, dtype="int4"), "int4"),
        ("h100_sxm", BatchedGemm(b=2, m=256, n=256, k=256, dtype="int4"), "int4"),
        ("a100_sxm", Gemm(m=256, n=256, k=256, dtype="fp8"), "fp8"),
        ("rtx_3090", Gemm(m=256, n=256, k=256, dtype="fp8"), "fp8"),
        ("v100_sxm", Gemm(m=256, n=256, k=256, dtype="bf16"), "bf16"),
        ("t4", Gemm(m=256, n=256, k=256, dtype="tf32"), "tf32"),
        ("v100_sxm", Conv2d(n=1, cin=8, cout=8, h=8, w=8, r=3, s=3, dtype="int8"), "int8"),
        ("t4", Attention(b=1, h=8, h_kv=8, sq=64, skv=64, d=64, dtype="bf16"), "bf16"),
    ],
)
def test_operand_types_a_device_lacks_are_refused(device, spec, type_):
    model = GpuModel(load_device(device))
    with pytest.raises(UnsupportedOperatorError, match=f"no tensor instructions for {type_}"):
        model.price(spec)


def test_sparsity_before_ampere_is_refused():
    model = GpuModel(load_device("v100_sxm"))
    with pytest.raises(UnsupportedOperatorError, match="no 2:4 sparse tensor instructions"):
        model.price(SparseGemm(m=256, n=256, k=256))


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_resident_must_be_a_fraction(h200_model, share):
    with pytest.raises(ValueError, match="resident must be a fraction from 0 to 1"):
        h200_model.price(Copy(n=4096), share)


def test_warm_data_are_never_slower(h200_model):
    for n in (4096, 1 << 18, 1 << 22, 1 << 26):
        spec = Elementwise(function="add", arity=2, n=n)
        times = [h200_model.price(spec, share).us for share in (0.0, 0.5, 1.0)]
        assert times == sorted(times, reverse=True)


def test_reuse_distance_counts_what_lies_between():
    graph = chain(1000, 3)
    uses = reuse(graph)
    # In steady state t0 is only read: its distance is the whole loop. Others were just written.
    # The third result takes the block of the first, which was read last before the second was made.
    assert uses.reads.distance_bytes.tolist() == [6000.0, 2000.0, 2000.0]
    assert uses.reads.draining.tolist() == [False, True, True]
    assert uses.writes.distance_bytes.tolist() == [6000.0, 6000.0, 4000.0]
    assert uses.reads.found((3000.0, 4000.0), (3000.0, 4000.0)) == pytest.approx([2.8 / 3])
    assert reuse(graph) is uses


def test_an_operator_in_place_writes_where_it_read():
    size, spec = 1_000_000, Elementwise(function="relu", n=500_000)
    tensors = tuple(Tensor(name, (size // 2,), "fp16") for name in ("x", "y", "z"))
    ops = (Op("f", spec, ("x",), ("y",)), Op("g", spec, ("y",), ("z",), in_place=True))
    uses = reuse(Graph("two", ops, tensors))
    assert uses.reads.distance_bytes.tolist() == [2e6, 1e6]
    assert uses.writes.distance_bytes.tolist() == [2e6, 1e6]
    # Nothing drains under g: what it overwrites need not be written back before.
    assert uses.reads.draining.tolist() == [False, False]
    assert uses.writes.draining.tolist() == [True, False]


def test_written_tensors_leave_l2_earlier_than_read_ones():
    uses = reuse(chain(1_000_000, 3))
    assert uses.reads.found((9e6, 10e6), (9e6, 10e6)) == pytest.approx([1.0])
    assert uses.reads.found((9e6, 10e6), (1e6, 3e6)) == pytest.approx([2 / 3])


def test_large_tensors_do_not_stay_in_l2():
    uses = reuse(chain(100_000_000, 3))
    assert uses.reads.found((33e6, 50e6), (4e6, 14e6)) == [0.0]


def test_estimates_give_a_range_and_are_named():
    model = GpuModel(load_device("rtx_3090"))
    point = model.evaluate(models.build("resnet18", batch=8))
    m = point.metrics
    assert m["latency_low_us"] < 0.99 * m["latency_us"]
    assert m["latency_high_us"] > 1.01 * m["latency_us"]
    assert point.estimated
    device = load_device("rtx_3090")
    bases = {path: c.basis for path, c in device.constants()}
    assert all(bases[path] == "estimated" for path in point.estimated)
    assert list(point.estimated.values()) == sorted(point.estimated.values(), reverse=True)


def test_a_new_device_prices_a_model_within_its_budget(h200):
    graph = models.build("vit_base_patch16_224", batch=32)
    GpuModel(h200).evaluate(graph)
    devices = [h200.with_values({"memory.bandwidth_bytes_per_s": 4e12 + i}) for i in range(20)]
    times = []
    for device in devices:
        begin = time.process_time()
        GpuModel(device).evaluate(graph)
        times.append(time.process_time() - begin)
    assert sorted(times)[5] < 8e-3
