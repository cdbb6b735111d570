"""Import of single nodes: what each operator of the table becomes."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx_nodes import F32, ints, ms, node, specs, zeros

from archsim.graph.ops import (
    Attention,
    BatchedGemm,
    Conv2d,
    Copy,
    Elementwise,
    Embedding,
    Gather,
    Gemm,
    LayerNorm,
    Pool2d,
    Reduce,
    RmsNorm,
    ScatterAdd,
    Softmax,
    Transpose,
)

MATRIX = [
    (node("MatMul", "x w"), {"x": (2, 3, 8)}, {"w": zeros(8, 5)},
     [Gemm(m=6, n=5, k=8, dtype=F32, weight=True)]),
    (node("MatMul", "x z"), {"x": (2, 3, 8), "z": (8, 5)}, {},
     [Gemm(m=6, n=5, k=8, dtype=F32)]),
    (node("MatMul", "x z"), {"x": (2, 4, 3, 8), "z": (2, 4, 8, 5)}, {},
     [BatchedGemm(b=8, m=3, n=5, k=8, dtype=F32)]),
    (node("MatMul", "x w"), {"x": (4, 3, 8)}, {"w": zeros(4, 8, 5)},
     [BatchedGemm(b=4, m=3, n=5, k=8, dtype=F32, weight=True)]),
    (node("MatMul", "x z"), {"x": (3, 8), "z": (4, 8, 5)}, {},
     [BatchedGemm(b=4, m=3, n=5, k=8, dtype=F32)]),
    (node("MatMul", "x z"), {"x": (8,), "z": (8, 5)}, {}, [Gemm(m=1, n=5, k=8, dtype=F32)]),
    (node("MatMul", "x z"), {"x": (5, 8), "z": (8,)}, {}, [Gemm(m=5, n=1, k=8, dtype=F32)]),
    (node("Gemm", "x w b", transB=1), {"x": (6, 8)}, {"w": zeros(5, 8), "b": zeros(5)},
     [Gemm(m=6, n=5, k=8, dtype=F32, bias=True, weight=True)]),
    (node("Gemm", "x w", transA=1), {"x": (8, 6)}, {"w": zeros(8, 5)},
     [Gemm(m=6, n=5, k=8, dtype=F32, weight=True)]),
    (node("Gemm", "x w c"), {"x": (6, 8), "c": (6, 5)}, {"w": zeros(8, 5)},
     [Gemm(m=6, n=5, k=8, dtype=F32, weight=True),
      Elementwise(function="add", n=30, arity=2, dtype=F32)]),
    (node("Einsum", "x z", equation="bqd,bkd->bqk"), {"x": (2, 3, 8), "z": (2, 5, 8)}, {},
     [BatchedGemm(b=2, m=3, n=5, k=8, dtype=F32)]),
    (node("Einsum", "x w", equation="bsd,dhe->bshe"), {"x": (2, 3, 8)}, {"w": zeros(8, 2, 4)},
     [Gemm(m=6, n=8, k=8, dtype=F32, weight=True)]),
    (node("MatMulInteger", "x w"), {"x": (6, 8, "INT8")}, {"w": np.zeros((8, 5), np.int8)},
     [Gemm(m=6, n=5, k=8, dtype="int8", weight=True)]),
    (ms("FusedMatMul", "x z", transB=1), {"x": (2, 3, 8), "z": (2, 5, 8)}, {},
     [BatchedGemm(b=2, m=3, n=5, k=8, dtype=F32)]),
]  # fmt: skip

IMAGE = [
    (node("Conv", "x w b", strides=[2, 2], pads=[1, 1, 1, 1]),
     {"x": (1, 4, 8, 8)}, {"w": zeros(6, 4, 3, 3), "b": zeros(6)},
     [Conv2d(n=1, cin=4, cout=6, h=8, w=8, r=3, s=3, stride=2, padding=1, bias=True, dtype=F32)]),
    (node("Conv", "x w", group=4, dilations=[2, 2]), {"x": (1, 4, 8, 8)}, {"w": zeros(4, 1, 3, 3)},
     [Conv2d(n=1, cin=4, cout=4, h=8, w=8, r=3, s=3, groups=4, dilation=2, dtype=F32)]),
    (node("Conv", "x w", pads=[0, 1, 0, 1], strides=[1, 2]),
     {"x": (1, 4, 8, 8)}, {"w": zeros(6, 4, 1, 3)},
     [Conv2d(n=1, cin=4, cout=6, h=8, w=8, r=1, s=3, padding_w=1, stride_w=2, dtype=F32)]),
    (node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2, 2]),
     {"x": (1, 4, 8, 8)}, {"w": zeros(6, 4, 3, 3)},
     [Conv2d(n=1, cin=4, cout=6, h=8, w=8, r=3, s=3, stride=2, extra_h=1, extra_w=1, dtype=F32)]),
    (node("Conv", "x w", pads=[1, 1]), {"x": (2, 4, 9)}, {"w": zeros(6, 4, 3)},
     [Conv2d(n=2, cin=4, cout=6, h=1, w=9, r=1, s=3, padding=0, padding_w=1, dtype=F32)]),
    (node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
     {"x": (1, 4, 8, 8)}, {},
     [Pool2d(function="max", n=1, c=4, h=8, w=8, r=3, s=3, stride=2, stride_w=2, padding=1,
             padding_w=1, dtype=F32)]),
    (node("AveragePool", kernel_shape=[2, 2], strides=[2, 2]), {"x": (1, 4, 8, 8)}, {},
     [Pool2d(function="mean", n=1, c=4, h=8, w=8, r=2, s=2, stride=2, stride_w=2, padding_w=0,
             dtype=F32)]),
    (node("GlobalAveragePool"), {"x": (2, 4, 8, 8)}, {},
     [Reduce(rows=8, cols=64, function="mean", dtype=F32)]),
    (node("BatchNormalization", "x s b m v"), {"x": (2, 4, 8, 8)},
     {"s": zeros(4), "b": zeros(4), "m": zeros(4), "v": zeros(4)},
     [Elementwise(function="scale_shift", n=512, arity=2, broadcast=16, dtype=F32,
                  held_parameters=8)]),
    (node("InstanceNormalization", "x s b"), {"x": (2, 4, 8, 8)}, {"s": zeros(4), "b": zeros(4)},
     [Reduce(rows=8, cols=64, function="mean", dtype=F32),
      Elementwise(function="scale_shift", n=512, arity=2, broadcast=24, dtype=F32,
                  held_parameters=8)]),
    (node("Resize", "x  s", mode="linear"), {"x": (1, 4, 8, 8)},
     {"s": np.array([1, 1, 2, 2], np.float32)}, None),
    (node("DepthToSpace", blocksize=2), {"x": (1, 4, 8, 8)}, {},
     [Copy(n=256, pattern="strided", dtype=F32)]),
]  # fmt: skip
IMAGE[-2][0].input[:] = ["x", "", "s"]
IMAGE[-2] = (*IMAGE[-2][:3], [Elementwise(function="bilinear", n=1024, broadcast=256, dtype=F32)])

ROWS = [
    (node("Softmax", axis=-1), {"x": (2, 3, 8)}, {}, [Softmax(rows=6, cols=8, dtype=F32)]),
    (node("Softmax", axis=1), {"x": (2, 3, 8)}, {}, [Softmax(rows=16, cols=3, dtype=F32)]),
    (node("LogSoftmax"), {"x": (2, 3, 8)}, {}, [Softmax(rows=6, cols=8, dtype=F32)]),
    (node("LayerNormalization", "x s b"), {"x": (2, 3, 8)}, {"s": zeros(8), "b": zeros(8)},
     [LayerNorm(rows=6, cols=8, dtype=F32)]),
    (ms("SimplifiedLayerNormalization", "x s"), {"x": (2, 3, 8)}, {"s": zeros(8)},
     [RmsNorm(rows=6, cols=8, dtype=F32)]),
    (ms("SkipLayerNormalization", "x z s b"), {"x": (2, 3, 8), "z": (2, 3, 8)},
     {"s": zeros(8), "b": zeros(8)},
     [Elementwise(function="add", n=48, arity=2, dtype=F32), LayerNorm(rows=6, cols=8, dtype=F32)]),
    (node("ReduceMean", "x a"), {"x": (2, 3, 8)}, {"a": ints(-1)},
     [Reduce(rows=6, cols=8, function="mean", dtype=F32)]),
    (node("ReduceSum", "x a", keepdims=0), {"x": (2, 3, 8)}, {"a": ints(0, 2)},
     [Reduce(rows=3, cols=16, function="sum", dtype=F32)]),
    (node("ReduceMax"), {"x": (2, 3, 8)}, {},
     [Reduce(rows=1, cols=48, function="max", dtype=F32)]),
]  # fmt: skip

POINTWISE = [
    (node("Add", "x z"), {"x": (2, 3, 8), "z": (2, 3, 8)}, {},
     [Elementwise(function="add", n=48, arity=2, dtype=F32)]),
    (node("Mul", "x w"), {"x": (2, 3, 8)}, {"w": zeros(8)},
     [Elementwise(function="mul", n=48, arity=2, broadcast=8, dtype=F32, held_parameters=8)]),
    (node("Mul", "x w"), {"x": (2, 3, 8)}, {"w": zeros()},
     [Elementwise(function="mul", n=48, dtype=F32)]),
    (node("Add", "x z"), {"x": (4, 1), "z": (1, 5)}, {},
     [Elementwise(function="add", n=20, broadcast=9, dtype=F32)]),
    (node("Relu"), {"x": (2, 3)}, {}, [Elementwise(function="relu", n=6, dtype=F32)]),
    (node("Clip", "x l h"), {"x": (2, 3)}, {"l": zeros(), "h": zeros()},
     [Elementwise(function="clip", n=6, dtype=F32)]),
    (node("Gelu"), {"x": (2, 3)}, {}, [Elementwise(function="gelu", n=6, dtype=F32)]),
    (node("HardSwish"), {"x": (2, 3)}, {}, [Elementwise(function="hardswish", n=6, dtype=F32)]),
    (node("Cast", to=TensorProto.FLOAT16), {"x": (2, 3)}, {},
     [Elementwise(function="cast", n=6, dtype=F32, out_dtype="fp16")]),
    (node("Equal", "x z"), {"x": (2, 3), "z": (2, 3)}, {},
     [Elementwise(function="compare", n=6, arity=2, dtype=F32, out_dtype="int8")]),
    (ms("BiasGelu", "x w"), {"x": (2, 8)}, {"w": zeros(8)},
     [Elementwise(function="gelu", n=16, arity=2, broadcast=8, dtype=F32, held_parameters=8)]),
]  # fmt: skip

LAYOUT = [
    (node("Reshape", "x s"), {"x": (2, 3, 8)}, {"s": ints(6, 8)}, []),
    (node("Flatten"), {"x": (2, 3, 8)}, {}, []),
    (node("Unsqueeze", "x a"), {"x": (2, 3, 8)}, {"a": ints(0)}, []),
    (node("Transpose", perm=[0, 2, 1]), {"x": (1, 3, 8)}, {},
     [Transpose(rows=3, cols=8, dtype=F32)]),
    (node("Transpose", perm=[1, 0, 2]), {"x": (1, 3, 8)}, {}, []),
    (node("Transpose", perm=[0, 2, 1, 3]), {"x": (2, 3, 4, 8)}, {},
     [Copy(n=192, pattern="strided", dtype=F32)]),
    (node("Slice", "x b e a"), {"x": (1, 6, 8)}, {"b": ints(0), "e": ints(3), "a": ints(1)}, []),
    (node("Slice", "x b e a"), {"x": (2, 6, 8)}, {"b": ints(0), "e": ints(3), "a": ints(1)},
     [Copy(n=48, pattern="strided", dtype=F32)]),
    (node("Slice", "x b e a s"), {"x": (6, 8)},
     {"b": ints(0), "e": ints(6), "a": ints(0), "s": ints(2)},
     [Copy(n=24, pattern="strided", dtype=F32)]),
    (node("Split", "x", "y y2", axis=1, num_outputs=2), {"x": (2, 8)}, {},
     [Copy(n=8, pattern="strided", dtype=F32)] * 2),
    (node("Concat", "x z", axis=1), {"x": (2, 8), "z": (2, 4)}, {},
     [Copy(n=24, pattern="concat_aligned", dtype=F32)]),
    (node("Concat", "x z", axis=-1), {"x": (2, 8), "z": (2, 3)}, {},
     [Copy(n=22, pattern="concat", dtype=F32)]),
    (node("Expand", "x s"), {"x": (2, 1, 8)}, {"s": ints(2, 5, 8)},
     [Elementwise(function="copy", n=80, broadcast=16, dtype=F32)]),
    (node("Pad", "x p"), {"x": (2, 8)}, {"p": ints(0, 1, 0, 1)},
     [Elementwise(function="copy", n=20, broadcast=16, dtype=F32)]),
    (node("Gather", "w x"), {"x": (2, 5, "INT64")}, {"w": zeros(100, 8)},
     [Embedding(table=100, width=8, n=10, dtype=F32)]),
    (node("Gather", "z x"), {"x": (7, "INT32"), "z": (100, 8)}, {},
     [Gather(table=100, width=8, n=7, dtype=F32, index_dtype="int32")]),
    (node("Gather", "x i", axis=1), {"x": (2, 3, 8)}, {"i": np.array(0)},
     [Copy(n=16, pattern="strided", dtype=F32)]),
    (node("Gather", "x i", axis=0), {"x": (2, 3, 8)}, {"i": np.array(0)}, []),
    (node("GatherElements", "x i", axis=1), {"x": (2, 8), "i": (2, 3, "INT64")}, {},
     [Gather(table=16, width=1, n=6, dtype=F32)]),
    (node("ScatterND", "x i u"), {"x": (10, 8), "i": (3, 1, "INT64"), "u": (3, 8)}, {},
     [Copy(n=80, dtype=F32), ScatterAdd(table=10, n=3, width=8, dtype=F32)]),
]  # fmt: skip

HEADS = {"b": 2, "h": 4, "h_kv": 4, "sq": 3, "skv": 3, "d": 8}
ATTENTION = [
    (ms("MultiHeadAttention", "x k v", num_heads=4),
     {"x": (2, 3, 32), "k": (2, 3, 32), "v": (2, 3, 32)}, {}, [Attention(**HEADS, dtype=F32)]),
    (ms("GroupQueryAttention", "x k v", num_heads=4, kv_num_heads=2),
     {"x": (2, 3, 32), "k": (2, 3, 16), "v": (2, 3, 16)}, {},
     [Attention(**{**HEADS, "h_kv": 2}, dtype=F32)]),
    (ms("Attention", "x w b", num_heads=4), {"x": (2, 3, 16)},
     {"w": zeros(16, 96), "b": zeros(96)},
     [Gemm(m=6, n=96, k=16, dtype=F32, bias=True, weight=True), Attention(**HEADS, dtype=F32)]),
    (ms("Attention", "x w b", num_heads=4, unidirectional=1), {"x": (2, 3, 16)},
     {"w": zeros(16, 96), "b": zeros(96)},
     [Gemm(m=6, n=96, k=16, dtype=F32, bias=True, weight=True),
      Attention(**HEADS, causal=True, dtype=F32)]),
]  # fmt: skip

CASES = [*MATRIX, *IMAGE, *ROWS, *POINTWISE, *LAYOUT, *ATTENTION]


@pytest.mark.parametrize(
    ("made", "inputs", "stored", "expected"),
    CASES,
    ids=[f"{i}-{c[0].op_type}" for i, c in enumerate(CASES)],
)
def test_node(load, made, inputs, stored, expected):
    graph = load([made], inputs, stored, outputs=tuple(made.output), microsoft=True)
    assert specs(graph) == expected


@pytest.mark.parametrize("rank", [3, 4])
def test_attention_of_onnx_23(load, rank):
    shapes = {"x": (2, 4, 3, 8), "k": (2, 2, 5, 8), "v": (2, 2, 5, 8)}
    attributes = {}
    if rank == 3:
        shapes = {"x": (2, 3, 32), "k": (2, 5, 16), "v": (2, 5, 16)}
        attributes = {"q_num_heads": 4, "kv_num_heads": 2}
    graph = load([node("Attention", "x k v", **attributes)], shapes, opset=23)
    assert specs(graph) == [Attention(b=2, h=4, h_kv=2, sq=3, skv=5, d=8, dtype=F32)]
