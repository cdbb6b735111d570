"""Graph: counts, identity and the checks on its tensors."""

import subprocess
import sys

import pytest

from archsim.graph import Graph, Op, Tensor
from archsim.graph.ops import Elementwise, Gemm

SPEC = Elementwise(function="relu", n=4)


def chain(**changes):
    tensors = changes.pop("tensors", (Tensor("x", (4,), "fp16"), Tensor("y", (4,), "fp16")))
    ops = changes.pop("ops", (Op("a", SPEC, ("x",), ("y",)),))
    return Graph("g", ops, tensors, **changes)


def test_sums_count_repeated_operators():
    gemm = Gemm(m=2, n=3, k=4, bias=True, weight=True)
    graph = Graph("g", (Op("a", gemm), Op("b", SPEC), Op("c", gemm)))
    assert graph.counts == {gemm: 2, SPEC: 1}
    assert graph.macs == 2 * gemm.macs
    assert graph.flops == 2 * gemm.flops + SPEC.flops
    assert graph.bytes == 2 * gemm.bytes + SPEC.bytes
    assert graph.parameters == 2 * gemm.parameters
    assert [op.name for op in graph] == ["a", "b", "c"]


def test_parameters_are_those_of_unique_tensors():
    weight = Tensor("w", (3, 4), "fp16", parameter=True)
    gemm = Gemm(m=2, n=3, k=4, weight=True)
    ops = (Op("a", gemm, ("x", "w"), ("y",)), Op("b", gemm, ("x", "w"), ("z",)))
    others = tuple(Tensor(n, (2, 4), "fp16") for n in "xyz")
    graph = Graph("g", ops, (weight, *others))
    assert graph.parameters == 12
    assert graph.parameter_bytes == 24


def test_digest_is_stable_and_sees_every_change():
    same = chain()
    assert chain().digest == same.digest
    changed = [
        Graph("h", same.ops, same.tensors),
        chain(ops=(Op("b", SPEC, ("x",), ("y",)),)),
        chain(ops=(Op("a", Elementwise(function="silu", n=4), ("x",), ("y",)),)),
        chain(tensors=(Tensor("x", (4,), "fp16"), Tensor("y", (4,), "bf16"))),
    ]
    digests = {g.digest for g in changed} | {same.digest}
    assert len(digests) == 5
    assert chain(meta={"shown": 1}).digest == same.digest


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"tensors": (Tensor("x", (4,), "fp16"), Tensor("x", (5,), "fp16"))},
            "graph.tensors must have unique names, not 'x' twice",
        ),
        ({"tensors": (Tensor("x", (4,), "fp16"),)}, "must name known tensors, not 'y'"),
        (
            {"ops": (Op("a", SPEC, ("x",), ("y",)), Op("b", SPEC, ("x",), ("y",)))},
            "tensor 'y' must be produced once",
        ),
        (
            {"ops": (Op("a", SPEC, ("y",), ("x",)), Op("b", SPEC, ("x",), ("y",)))},
            "operator 'a' must come after 'b', which produces its input 'y'",
        ),
    ],
)
def test_broken_graphs_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        chain(**change)


def test_graphs_and_builders_load_neither_onnx_nor_numpy():
    code = "import sys, archsim.graph, archsim.graph.onnx_import, workloads.models as m; "
    code += "m.build('resnet18'); print([n for n in ('onnx', 'numpy') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
