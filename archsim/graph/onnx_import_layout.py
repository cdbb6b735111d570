"""ONNX nodes that move or rename data: reshape, transpose, slice, concatenate, gather."""

from __future__ import annotations

from math import prod

import onnx

from archsim.graph.onnx_import_context import Handler, Importer
from archsim.graph.onnx_import_matrix import Inputs, required
from archsim.graph.onnx_import_values import Shape, Value
from archsim.graph.ops import Copy, Elementwise, Embedding, Gather, ScatterAdd, Transpose
from archsim.graph.ops.base import size_bytes


def reshape(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Nodes that launch nothing."""
    x = required(inputs, 0)
    shape = ctx.infer(node)[0][0]
    if prod(shape) != x.size:
        raise ValueError(f"{x.size} elements cannot have the shape {shape}")
    ctx.view(node, x, shape)


def _copy(
    ctx: Importer, node: onnx.NodeProto, x: Value, shape: Shape, output: int, pattern: str
) -> None:
    spec = Copy(n=prod(shape), pattern=pattern, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), shape, x.elem, output=node.output[output])


def transpose(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Transpose: a matrix's as such, others as a strided copy, a view where nothing moves."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    order = list(ctx.attribute(node, "perm", range(len(x.shape) - 1, -1, -1)))
    moved = [axis for axis in order if x.shape[axis] != 1]
    if moved == sorted(moved):
        ctx.view(node, x, shape)
        return
    kept = sorted(moved)
    split = kept.index(moved[0])
    if moved == kept[split:] + kept[:split]:
        rows = prod(x.shape[a] for a in kept[:split])
        spec = Transpose(rows=rows, cols=x.size // rows, dtype=ctx.dtype(x))
        ctx.emit(node, spec, (x,), shape, elem)
        return
    _copy(ctx, node, x, shape, 0, "strided")


def slices(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Slice and Split: a view where the piece is contiguous, else a copy of it."""
    x = required(inputs, 0)
    for i, (shape, _) in enumerate(ctx.infer(node)):
        if not node.output[i]:
            continue
        cut = [a for a, (old, new) in enumerate(zip(x.shape, shape, strict=True)) if old != new]
        if not cut or (len(cut) == 1 and prod(x.shape[: cut[0]]) == 1 and _unit(ctx, node, inputs)):
            ctx.view(node, x, shape, i)
        elif prod(shape):
            _copy(ctx, node, x, shape, i, "strided")
        else:
            raise ctx.unsupported(node, "with an empty result")


def _unit(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> bool:
    """Whether a slice takes neighbouring elements."""
    if node.op_type != "Slice" or len(inputs) < 5 or inputs[4] is None:
        return True
    steps = inputs[4].data
    return steps is not None and all(int(s) == 1 for s in steps.ravel())


def concat(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Concat; a view where only one input has elements."""
    [(shape, elem)] = ctx.infer(node)
    parts = [v for v in inputs if v is not None and v.size]
    if len(parts) == 1:
        ctx.view(node, parts[0], shape)
        return
    runtime = next(v for v in parts if not v.static)
    dtype = ctx.dtype(runtime)
    axis = int(ctx.attribute(node, "axis", 0))
    aligned = all(_aligned(ctx, part, axis, dtype) for part in parts)
    pattern = "concat_aligned" if aligned else "concat"
    ctx.emit(node, Copy(n=prod(shape), pattern=pattern, dtype=dtype), parts, shape, elem)


def _aligned(ctx: Importer, part: Value, axis: int, dtype: str) -> bool:
    """Whether ``part`` is a whole tensor, joined along ``axis`` in multiples of 16 bytes."""
    whole = ctx.tensors.get(part.name)
    piece = size_bytes(dtype, prod(part.shape[axis:]))
    return whole is not None and prod(whole.shape) == part.size and piece % 16 == 0


def expand(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Expand and Tile: every output element is written, the input is read once."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    if prod(shape) == x.size:
        ctx.view(node, x, shape)
        return
    spec = Elementwise(function="copy", n=prod(shape), broadcast=x.size, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), shape, elem)


def pad(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Pad: every output element is written, the input is read once."""
    x = required(inputs, 0)
    [(shape, elem)] = ctx.infer(node)
    if shape == x.shape:
        ctx.view(node, x, shape)
        return
    spec = Elementwise(function="copy", n=prod(shape), broadcast=x.size, dtype=ctx.dtype(x))
    ctx.emit(node, spec, (x,), shape, elem)


def gather(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Gather: from a stored table, at one constant index, or of rows of an activation."""
    x, index = required(inputs, 0), required(inputs, 1)
    [(shape, elem)] = ctx.infer(node)
    axis = ctx.attribute(node, "axis", 0) % len(x.shape)
    if index.static and index.size == 1:
        if prod(x.shape[:axis]) == 1:
            ctx.view(node, x, shape)
        else:
            _copy(ctx, node, x, shape, 0, "strided")
        return
    width = prod(x.shape[axis + 1 :])
    kind = Embedding if x.parameters and axis == 0 else Gather
    spec = kind(
        table=x.size // width,
        width=width,
        n=prod(shape) // width,
        dtype=ctx.dtype(x),
        index_dtype=ctx.dtype(index),
        weight=bool(x.parameters),
    )
    ctx.emit(node, spec, (x, index), shape, elem)


def gather_elements(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """GatherElements and GatherND."""
    x, index = required(inputs, 0), required(inputs, 1)
    [(shape, elem)] = ctx.infer(node)
    width = 1
    if node.op_type == "GatherND":
        width = prod(x.shape[ctx.attribute(node, "batch_dims", 0) + index.shape[-1] :])
    spec = Gather(
        table=x.size // width,
        width=width,
        n=prod(shape) // width,
        dtype=ctx.dtype(x),
        index_dtype=ctx.dtype(index),
    )
    ctx.emit(node, spec, (x, index), shape, elem)


def scatter(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ScatterND and ScatterElements: a copy of the data, then the updates into it."""
    x, index, updates = (required(inputs, i) for i in range(3))
    dtype = ctx.dtype(x)
    base = ctx.emit(node, Copy(n=x.size, dtype=dtype), (x,), x.shape, x.elem, step="base")
    width = prod(x.shape[index.shape[-1] :]) if node.op_type == "ScatterND" else 1
    spec = ScatterAdd(
        table=x.size // width,
        n=updates.size // width,
        width=width,
        dtype=dtype,
        index_dtype=ctx.dtype(index),
    )
    ctx.emit(node, spec, (base, index, updates), x.shape, x.elem)


HANDLERS: dict[tuple[str, str], Handler] = {
    **{
        ("", name): reshape
        for name in ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout")
    },
    ("", "Transpose"): transpose,
    ("", "Slice"): slices,
    ("", "Split"): slices,
    ("", "Concat"): concat,
    ("", "Expand"): expand,
    ("", "Tile"): expand,
    ("", "Pad"): pad,
    ("", "Gather"): gather,
    ("", "GatherElements"): gather_elements,
    ("", "GatherND"): gather_elements,
    ("", "ScatterND"): scatter,
    ("", "ScatterElements"): scatter,
}
