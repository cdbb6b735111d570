"""ONNX nodes over images: convolution, pooling, batch norm, resize."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import onnx
from onnx import TensorProto

from archsim.graph.onnx_import_context import Handler, Importer
from archsim.graph.onnx_import_matrix import Inputs, optional, required
from archsim.graph.onnx_import_values import Shape, Value
from archsim.graph.ops import Conv2d, Copy, Elementwise, Pool2d, Reduce


class Window(NamedTuple):
    """A sliding window over height and width, a one-dimensional one with height 1."""

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: int
    padding: tuple[int, int]
    extra: tuple[int, int]


def _pair(values: list[int], fill: int) -> tuple[int, int]:
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _window(ctx: Importer, node: onnx.NodeProto, image: Shape, size: list[int]) -> Window:
    """The window of a convolution or pooling node, padding resolved."""
    axes = len(image) - 2
    if axes not in (1, 2) or len(size) != axes:
        raise ctx.unsupported(node, f"over {axes} dimensions")
    strides = list(ctx.attribute(node, "strides", [1] * axes))
    dilations = list(ctx.attribute(node, "dilations", [1] * axes))
    pads = list(ctx.attribute(node, "pads", [0] * 2 * axes))
    auto = ctx.attribute(node, "auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        total = [
            max(0, (-(-image[2 + i] // strides[i]) - 1) * strides[i]
                + dilations[i] * (size[i] - 1) + 1 - image[2 + i])
            for i in range(axes)
        ]  # fmt: skip
        pads = [t // 2 for t in total] + [t - t // 2 for t in total]
    if len({d for d, s in zip(dilations, size, strict=True) if s > 1}) > 1 or min(pads) < 0:
        raise ctx.unsupported(node, "with unequal dilations or negative padding")
    begin = [min(pads[i], pads[axes + i]) for i in range(axes)]
    extra = [abs(pads[axes + i] - pads[i]) for i in range(axes)]
    return Window(
        _pair(size, 1), _pair(strides, 1), max(dilations), _pair(begin, 0), _pair(extra, 0)
    )


def _image(shape: Shape) -> Shape:
    """(n, c, h, w) of a batch of images or of sequences."""
    return shape if len(shape) == 4 else (shape[0], shape[1], 1, shape[2])


def _conv_spec(
    ctx: Importer, node: onnx.NodeProto, x: Value, w: Value, dtype: str, bias: bool
) -> Conv2d:
    window = _window(ctx, node, x.shape, list(w.shape[2:]))
    n, cin, height, width = _image(x.shape)
    groups = ctx.attribute(node, "group", 1)
    if w.shape[1] * groups != cin:
        raise ValueError(f"{cin} channels and a filter for {w.shape[1] * groups}")
    return Conv2d(
        n=n, cin=cin, cout=w.shape[0], h=height, w=width, r=window.size[0], s=window.size[1],
        stride=window.stride[0], padding=window.padding[0], bias=bias, dtype=dtype,
        groups=groups, dilation=window.dilation,
        stride_w=window.stride[1] if window.stride[1] != window.stride[0] else None,
        padding_w=window.padding[1] if window.padding[1] != window.padding[0] else None,
        extra_h=window.extra[0], extra_w=window.extra[1],
    )  # fmt: skip


def conv(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Conv, with a batch norm after it folded in."""
    x, w, b = required(inputs, 0), required(inputs, 1), optional(inputs, 2)
    [(shape, elem)] = ctx.infer(node)
    norm = ctx.sole_consumer(node.output[0], "BatchNormalization")
    held: list[Value] = []
    output = node.output[0]
    if norm is not None and w.static and all(n in ctx.values for n in norm.input[1:]):
        held = [ctx.values[n] for n in norm.input[1:3]]
        output = norm.output[0]
        ctx.done.add(id(norm))
        ctx.folded_batchnorm += 1
    spec = _conv_spec(ctx, node, x, w, ctx.dtype(x), b is not None or bool(held))
    ctx.emit(node, spec, (x, w, b, *held), shape, elem, output=output)


def quantised_conv(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """QLinearConv and ConvInteger."""
    linear = node.op_type == "QLinearConv"
    x, w = required(inputs, 0), required(inputs, 3 if linear else 1)
    b = optional(inputs, 8) if linear else None
    spec = _conv_spec(ctx, node, x, w, "int8", b is not None)
    plane = (spec.p, spec.q) if len(x.shape) == 4 else (spec.q,)
    elem = TensorProto.INT8 if linear else TensorProto.INT32
    ctx.emit(node, spec, (x, w, b), (spec.n, spec.cout, *plane), elem)


def pool(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """MaxPool and AveragePool."""
    x = required(inputs, 0)
    types = ctx.infer(node)
    window = _window(ctx, node, x.shape, list(ctx.attribute(node, "kernel_shape")))
    if window.dilation != 1:
        raise ctx.unsupported(node, "with dilation")
    n, c, h, w = _image(x.shape)
    spec = Pool2d(
        function="max" if node.op_type == "MaxPool" else "mean",
        n=n, c=c, h=h, w=w, r=window.size[0], s=window.size[1], stride=window.stride[0],
        stride_w=window.stride[1], padding=window.padding[0], padding_w=window.padding[1],
        extra_h=window.extra[0], extra_w=window.extra[1],
        ceil=bool(ctx.attribute(node, "ceil_mode", 0)), dtype=ctx.dtype(x),
    )  # fmt: skip
    shape, elem = types[0]
    ctx.emit(node, spec, (x,), shape, elem)


def global_pool(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """GlobalAveragePool and GlobalMaxPool as a reduction of each plane."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    spec = Reduce(
        rows=x.shape[0] * x.shape[1],
        cols=prod(x.shape[2:]),
        function="max" if node.op_type == "GlobalMaxPool" else "mean",
        dtype=ctx.dtype(x),
    )
    ctx.emit(node, spec, (x,), shape, elem)


def batchnorm(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """A batch norm that follows no convolution."""
    x = required(inputs, 0)
    channels = x.shape[1]
    spec = Elementwise(
        function="scale_shift", n=x.size, arity=2, broadcast=4 * channels, dtype=ctx.dtype(x),
        held_parameters=2 * channels,
    )  # fmt: skip
    ctx.emit(node, spec, inputs[:3], x.shape, x.elem)


def group_norm(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """GroupNormalization and InstanceNormalization: statistics, then scale and shift."""
    x, scale, shift = (required(inputs, i) for i in range(3))
    n, c = x.shape[:2]
    groups = ctx.attribute(node, "num_groups", c)
    dtype = ctx.dtype(x)
    cols = x.size // (n * groups)
    statistics = Reduce(rows=n * groups, cols=cols, function="mean", dtype=dtype)
    moments = ctx.emit(node, statistics, (x,), (n, groups), x.elem, step="moments")
    spec = Elementwise(
        function="scale_shift", n=x.size, arity=2, broadcast=2 * c + 2 * n * groups, dtype=dtype,
        held_parameters=2 * c,
    )  # fmt: skip
    ctx.emit(node, spec, (x, moments, scale, shift), x.shape, x.elem)


def resize(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Resize and Upsample: each output reads its neighbours, the input is read once."""
    x = required(inputs, 0)
    shape, elem = ctx.infer(node)[0]
    mode = ctx.attribute(node, "mode", "nearest")
    function = {"nearest": "copy", "linear": "bilinear", "cubic": "bicubic"}.get(mode)
    if function is None:
        raise ctx.unsupported(node, f"with mode {mode!r}")
    spec = Elementwise(function=function, n=prod(shape), broadcast=x.size, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), shape, elem)


def rearrange(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """DepthToSpace and SpaceToDepth."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    ctx.emit(node, Copy(n=x.size, pattern="strided", dtype=ctx.dtype(x)), (x,), shape, elem)


HANDLERS: dict[tuple[str, str], Handler] = {
    ("", "Conv"): conv,
    ("", "ConvInteger"): quantised_conv,
    ("", "QLinearConv"): quantised_conv,
    ("", "MaxPool"): pool,
    ("", "AveragePool"): pool,
    ("", "GlobalAveragePool"): global_pool,
    ("", "GlobalMaxPool"): global_pool,
    ("", "BatchNormalization"): batchnorm,
    ("", "GroupNormalization"): group_norm,
    ("", "InstanceNormalization"): group_norm,
    ("", "Resize"): resize,
    ("", "Upsample"): resize,
    ("", "DepthToSpace"): rearrange,
    ("", "SpaceToDepth"): rearrange,
}
