"""ONNX nodes that are pointwise, normalise rows or reduce."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import onnx

from archsim.graph.onnx_import_context import Handler, Importer
from archsim.graph.onnx_import_matrix import Inputs, required
from archsim.graph.onnx_import_values import Shape, Value
from archsim.graph.ops import Elementwise, LayerNorm, Reduce, RmsNorm, Softmax

_FUNCTIONS = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Sqrt": "sqrt",
    "Erf": "erf", "Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Clip": "clip",
    "Gelu": "gelu", "HardSwish": "hardswish", "HardSigmoid": "clip", "Elu": "elu", "Selu": "elu",
    "Celu": "elu", "LeakyRelu": "leaky_relu", "PRelu": "prelu", "Softplus": "softplus",
    "Softsign": "div", "Mish": "mish", "Swish": "silu", "Exp": "exp", "Log": "log", "Neg": "neg",
    "Abs": "abs", "Reciprocal": "reciprocal", "Floor": "floor", "Ceil": "floor", "Round": "round",
    "Sign": "sign", "Sin": "sin", "Cos": "cos", "Mod": "mod", "Max": "max", "Min": "min",
    "Sum": "add", "Mean": "add", "Where": "where", "Equal": "compare", "Greater": "compare",
    "GreaterOrEqual": "compare", "Less": "compare", "LessOrEqual": "compare", "Not": "logical",
    "And": "logical", "Or": "logical", "Xor": "logical", "IsNaN": "compare", "IsInf": "compare",
    "ThresholdedRelu": "relu", "QuantizeLinear": "cast", "DequantizeLinear": "cast",
    "Trilu": "where", "Shrink": "clip",
}  # fmt: skip

_MICROSOFT = {
    "Gelu": "gelu", "FastGelu": "gelu", "BiasGelu": "gelu", "QuickGelu": "silu",
}  # fmt: skip


def pointwise(
    ctx: Importer,
    node: onnx.NodeProto,
    function: str,
    operands: Sequence[Value],
    shape: Shape,
    elem: int,
    *,
    step: str = "",
) -> Value:
    """Emit a pointwise operator; stored single numbers are immediate operands."""
    n = prod(shape)
    read = [v for v in operands if not (v.static and v.size == 1)]
    full = sum(v.size == n for v in read)
    broadcast = sum(v.size for v in read if v.size != n)
    source = ctx.dtype(read[0]) if read else ctx.dtype(operands[0])
    target = ctx.dtype_name(node.output[0], elem)
    spec = Elementwise(
        function=function,
        n=n,
        arity=max(1, full + (broadcast > 0)),
        broadcast=broadcast,
        dtype=source,
        out_dtype=target if target != source else None,
        held_parameters=sum(v.size for v in read if v.parameters and v.size < n),
    )
    return ctx.emit(node, spec, read, shape, elem, step=step)


def plain(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """A standard pointwise node."""
    operands = [v for v in inputs if v is not None]
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        operands = operands[:1]
    if node.op_type == "Where":
        operands = [*operands[1:], operands[0]]
    shape, elem = ctx.infer(node)[0]
    pointwise(ctx, node, _FUNCTIONS[node.op_type], operands, shape, elem)


def microsoft(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """An activation of ONNX Runtime, with or without a bias."""
    x = required(inputs, 0)
    operands = [v for v in inputs if v is not None]
    pointwise(ctx, node, _MICROSOFT[node.op_type], operands, x.shape, x.elem)


def cast(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Cast; a view where both types are counted as one."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    if ctx.dtype_name(node.output[0], elem) == ctx.dtype(x):
        ctx.view(node, x, shape)
    else:
        pointwise(ctx, node, "cast", [x], shape, elem)


def softmax(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Softmax and LogSoftmax along an axis; before opset 13 over all axes from it on."""
    x = required(inputs, 0)
    old = ctx.opsets.get("", 17) < 13
    axis = ctx.attribute(node, "axis", 1 if old else -1) % len(x.shape)
    cols = prod(x.shape[axis:]) if old else x.shape[axis]
    spec = Softmax(rows=x.size // cols, cols=cols, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), x.shape, x.elem)


def layernorm(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """LayerNormalization and the root-mean-square forms."""
    x = required(inputs, 0)
    axis = ctx.attribute(node, "axis", -1) % len(x.shape)
    cols = prod(x.shape[axis:])
    kind = LayerNorm if node.op_type == "LayerNormalization" else RmsNorm
    spec = kind(rows=x.size // cols, cols=cols, dtype=ctx.dtype(x))
    ctx.emit(node, spec, inputs, x.shape, x.elem)


def skip_norm(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ONNX Runtime's residual add with the norm after it, as two operators."""
    x, skip = required(inputs, 0), required(inputs, 1)
    simple = node.op_type.startswith("SkipSimplified")
    bias = inputs[3 if simple else 4 :][:1]
    operands = [x, skip, *(v for v in bias if v is not None)]
    total = pointwise(ctx, node, "add", operands, x.shape, x.elem, step="sum")
    cols = x.shape[-1]
    kind = RmsNorm if simple else LayerNorm
    spec = kind(rows=x.size // cols, cols=cols, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (total, *inputs[2 : 3 if simple else 4]), x.shape, x.elem)
    if len(node.output) > 3 and node.output[3]:
        ctx.values[node.output[3]] = total


def _axes(ctx: Importer, node: onnx.NodeProto, inputs: Inputs, rank: int) -> list[int]:
    """The axes of a reduction: an attribute or, in later versions, a constant input."""
    axes = ctx.attribute(node, "axes")
    if axes is None and len(inputs) > 1 and inputs[1] is not None:
        if inputs[1].data is None:
            raise ctx.unsupported(node, "whose axes are not constant")
        axes = np.atleast_1d(inputs[1].data).tolist()
    if not axes:
        return [] if ctx.attribute(node, "noop_with_empty_axes", 0) else list(range(rank))
    return [int(a) % rank for a in axes]


def reduce(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ReduceMean, ReduceSum and their kin."""
    x = required(inputs, 0)
    shape, elem = ctx.infer(node)[0]
    if node.op_type in ("ArgMax", "ArgMin"):
        cols = x.shape[ctx.attribute(node, "axis", 0) % len(x.shape)]
    else:
        cols = prod(x.shape[a] for a in _axes(ctx, node, inputs, len(x.shape)))
    if cols == 1:
        ctx.view(node, x, shape)
        return
    function = {"ReduceMean": "mean", "ReduceMax": "max", "ReduceMin": "max"}.get(node.op_type)
    function = function or ("max" if node.op_type.startswith("Arg") else "sum")
    spec = Reduce(rows=x.size // cols, cols=cols, function=function, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), shape, elem)


HANDLERS: dict[tuple[str, str], Handler] = {
    **{("", name): plain for name in _FUNCTIONS},
    **{("com.microsoft", name): microsoft for name in _MICROSOFT},
    ("", "Cast"): cast,
    ("", "CastLike"): cast,
    ("", "Softmax"): softmax,
    ("", "LogSoftmax"): softmax,
    ("", "LayerNormalization"): layernorm,
    ("", "RMSNormalization"): layernorm,
    ("", "SimplifiedLayerNormalization"): layernorm,
    ("com.microsoft", "SimplifiedLayerNormalization"): layernorm,
    ("com.microsoft", "SkipLayerNormalization"): skip_norm,
    ("com.microsoft", "SkipSimplifiedLayerNormalization"): skip_norm,
    **{
        ("", name): reduce
        for name in (
            "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
            "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ArgMax", "ArgMin",
        )
    },
}  # fmt: skip
