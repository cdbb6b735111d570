"""Import of small models: folding, constants, dimensions, and what is refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_nodes import F32, ints, ms, node, specs, zeros

from archsim.errors import ConfigError, UnsupportedOperatorError
from archsim.graph.onnx_import import load_onnx
from archsim.graph.onnx_import_table import HANDLERS
from archsim.graph.ops import Attention, Conv2d, Elementwise, Gather, Gemm


def test_bias_after_a_product_is_part_of_it(load):
    nodes = [node("MatMul", "x w", "t"), node("Add", "t b", "y")]
    stored = {"w": zeros(8, 5), "b": zeros(5)}
    graph = load(nodes, {"x": (2, 3, 8)}, stored)
    assert specs(graph) == [Gemm(m=6, n=5, k=8, dtype=F32, bias=True, weight=True)]
    assert graph.parameters == 45
    both = load(nodes, {"x": (2, 3, 8)}, stored, outputs=("y", "t"))
    assert [s.kind for s in specs(both)] == ["gemm", "elementwise"]


def test_batchnorm_after_a_convolution_is_folded(load):
    nodes = [
        node("Conv", "x w", "t"),
        node("BatchNormalization", "t s b m v", "y"),
    ]
    stored = {"w": zeros(4, 4, 1, 1), **{n: zeros(4) for n in "sbmv"}}
    graph = load(nodes, {"x": (1, 4, 8, 8)}, stored)
    assert specs(graph) == [Conv2d(n=1, cin=4, cout=4, h=8, w=8, r=1, s=1, bias=True, dtype=F32)]
    assert graph.meta["folded_batchnorm"] == 1
    assert graph.parameters == 16 + 8  # running statistics are not trained


def test_what_depends_on_no_input_costs_nothing(load):
    nodes = [node("Transpose", "w", "t", perm=[1, 0]), node("MatMul", "x t", "y")]
    graph = load(nodes, {"x": (6, 8)}, {"w": zeros(5, 8)})
    assert specs(graph) == [Gemm(m=6, n=5, k=8, dtype=F32, weight=True)]
    assert graph.parameters == 40
    assert graph.ops[0].inputs == ("x", "w")


def test_a_shared_weight_counts_once(load):
    nodes = [node("MatMul", "x w", "t"), node("MatMul", "t w", "y")]
    graph = load(nodes, {"x": (6, 8)}, {"w": zeros(8, 8)})
    assert len(graph.ops) == 2
    assert graph.parameters == 64


def test_shape_arithmetic_is_folded(load):
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "b"),
        node("Unsqueeze", "b axes", "b1"),
        node("Concat", "b1 rest", "target", axis=0),
        node("Reshape", "x target", "t"),
        node("Relu", "t", "y"),
    ]
    stored = {"zero": np.array(0), "axes": ints(0), "rest": ints(24)}
    graph = load(nodes, {"x": ("n", 3, 8)}, stored, batch=5)
    assert specs(graph) == [Elementwise(function="relu", n=120, dtype=F32)]
    assert [t.shape for t in graph.tensors] == [(5, 3, 8), (5, 24)]


def test_named_dimensions(load):
    made = [node("Relu")]
    with pytest.raises(ConfigError, match="dimension 'seq' of input 'x' must have a size"):
        load(made, {"x": ("batch", "seq", 8)})
    graph = load(made, {"x": ("batch", "seq", 8)}, batch=2, dims={"seq": 7})
    assert specs(graph) == [Elementwise(function="relu", n=112, dtype=F32)]
    default = load(made, {"x": ("batch", 3, 8)})
    assert specs(default) == [Elementwise(function="relu", n=24, dtype=F32)]


def test_fixed_batch_cannot_be_changed(load):
    made = [node("Relu")]
    assert specs(load(made, {"x": (4, 8)}, batch=4))[0].n == 32
    with pytest.raises(ConfigError, match=r"workload\.batch must be 4, which the file fixes"):
        load(made, {"x": (4, 8)}, batch=8)


def test_type_is_changed_for_floats_only(load):
    nodes = [node("Gather", "w x", "t"), node("Cast", "t", "y", to=TensorProto.FLOAT16)]
    graph = load(nodes, {"x": (3, "INT64")}, {"w": zeros(10, 4)}, dtype="bf16")
    [spec] = specs(graph)  # the cast between floats is one type now, and costs nothing
    assert (spec.dtype, spec.index_dtype) == ("bf16", "int64")


@pytest.mark.parametrize(
    ("made", "shape", "text"),
    [
        (node("ConvTranspose", "x w"), (1, 4, 8, 8), "operator ConvTranspose of node 'the_Conv"),
        (node("NonZero", "x"), (4, 8), "operator NonZero of node 'the_NonZero' is not supported"),
        (node("TopK", "x k", "y i"), (4, 8), "operator TopK of node"),
        (node("Frobnicate"), (4, 8), "operator Frobnicate of node"),
        (ms("Frobnicate", "x"), (4, 8), r"operator com.microsoft.Frobnicate of node"),
        (node("RandomNormalLike"), (4, 8), "operator RandomNormalLike of node"),
        (node("Conv", "x w3"), (1, 4, 8, 8, 8), "over 3 dimensions is not supported"),
        (node("Einsum", "x z", equation="ij,jk"), (8, 8), "with equation 'ij,jk' is not"),
        (node("Resize", "x", mode="area"), (1, 4, 8, 8), None),
    ],
)
def test_unsupported_operators_are_named(load, made, shape, text):
    stored = {"w": zeros(4, 4, 3, 3), "w3": zeros(4, 4, 3, 3, 3), "k": ints(2)}
    inputs = {"x": shape, **({"z": (8, 8)} if "z" in made.input else {})}
    kind = UnsupportedOperatorError if text else ConfigError
    with pytest.raises(kind, match=text) as caught:
        load([made], inputs, stored, outputs=tuple(made.output), microsoft=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "inputs", "stored"),
    [
        ([node("MatMul", "x w")], {"x": (6, 7)}, {"w": zeros(8, 5)}),
        ([node("Add", "x z")], {"x": (6, 7), "z": (5, 3)}, {}),
        ([node("Reshape", "x s")], {"x": (6, 7)}, {"s": ints(5, 5)}),
        ([node("Relu", "missing")], {"x": (6, 7)}, {}),
        ([node("Relu", "t", "y"), node("Relu", "x", "t")], {"x": (6, 7)}, {}),
        ([node("Conv", "x w")], {"x": (1, 4, 2, 2)}, {"w": zeros(4, 4, 3, 3)}),
        ([node("Conv", "x w")], {"x": (1, 3, 8, 8)}, {"w": zeros(4, 4, 3, 3)}),
        ([node("Gemm", "x")], {"x": (6, 7)}, {}),
        ([ms("FusedMatMul", "x z")], {"x": (2, 3), "z": (4, 5)}, {}),
        ([ms("MultiHeadAttention", "x x x")], {"x": (2, 3, 8)}, {}),
        ([ms("SkipLayerNormalization", "x")], {"x": (2, 3, 8)}, {}),
        ([node("Relu")], {"x": (6, 7, "STRING")}, {}),
        ([node("Relu", "x", "y"), node("Neg", "x", "y")], {"x": (6, 7)}, {}),
        ([node("Reshape", "x s")], {"x": (6, 7), "s": (2, "INT64")}, {}),
    ],
)
def test_inconsistent_models_are_refused_in_one_sentence(load, nodes, inputs, stored):
    with pytest.raises(ConfigError) as caught:
        load(nodes, inputs, stored, microsoft=True)
    message = str(caught.value)
    assert "model.onnx: " in message
    assert "\n" not in message


def test_every_handler_belongs_to_a_known_operator():
    standard = {s.name for s in onnx.defs.get_all_schemas() if not s.domain}
    known = {op for domain, op in HANDLERS if not domain}
    assert known - standard <= {"SimplifiedLayerNormalization", "Upsample"}


def test_weights_in_constant_nodes_are_parameters(load):
    weight = numpy_helper.from_array(zeros(8, 5))
    scale = numpy_helper.from_array(zeros())
    nodes = [
        node("Constant", "", "w", value=weight),
        node("Constant", "", "s", value=scale),
        node("MatMul", "x w", "t"),
        node("Mul", "t s", "y"),
    ]
    nodes[0].name, nodes[1].name = "c0", "c1"
    graph = load(nodes, {"x": (6, 8)})
    assert graph.parameters == 40
    assert specs(graph)[1] == Elementwise(function="mul", n=30, dtype=F32)


def test_key_cache_lengthens_the_context(load):
    shapes = {"x": (2, 1, 32), "k": (2, 1, 16), "v": (2, 1, 16)}
    cache = {"pk": (2, 2, 100, 8), "pv": (2, 2, 100, 8)}
    made = ms("GroupQueryAttention", "x k v pk pv", num_heads=4, kv_num_heads=2)
    graph = load([made], {**shapes, **cache}, microsoft=True)
    assert specs(graph) == [Attention(b=2, h=4, h_kv=2, sq=1, skv=101, d=8, dtype=F32)]


def test_local_functions_are_inlined(tmp_path):
    body = [helper.make_node("Relu", ["a"], ["t"]), helper.make_node("Neg", ["t"], ["b"])]
    twice = helper.make_function("mine", "Both", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    graph = helper.make_graph(
        [helper.make_node("Both", ["x"], ["y"], domain="mine")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (2, 3))],
        [helper.make_empty_tensor_value_info("y")],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    model = helper.make_model(graph, functions=[twice], opset_imports=opsets, ir_version=10)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert [s.function for s in specs(load_onnx(path))] == ["relu", "neg"]


def test_quantised_convolution(load):
    stored = {
        "s": zeros() + 1, "zp": np.array(0, np.int8), "w": np.zeros((6, 4, 3, 3), np.int8),
    }  # fmt: skip
    graph = load([node("QLinearConv", "x s zp w s zp s zp")], {"x": (1, 4, 8, 8, "INT8")}, stored)
    assert specs(graph) == [Conv2d(n=1, cin=4, cout=6, h=8, w=8, r=3, s=3, dtype="int8")]
    assert graph.parameters == 6 * 4 * 9


def test_a_constant_choice_of_several_rows_is_a_gather(load):
    graph = load([node("Gather", "x i", axis=1)], {"x": (2, 9, 8)}, {"i": ints(0, 4, 7)})
    assert specs(graph) == [Gather(table=18, width=8, n=6, dtype=F32)]
