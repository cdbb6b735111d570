"""ONNX nodes that multiply matrices."""

from __future__ import annotations

from math import prod

import onnx
from onnx import TensorProto

from archsim.graph.onnx_import_context import Handler, Importer
from archsim.graph.onnx_import_values import Shape, Value
from archsim.graph.ops import BatchedGemm, Elementwise, Gemm, OpSpec

Inputs = list[Value | None]


def required(inputs: Inputs, index: int) -> Value:
    """The input at ``index``; ``ValueError`` if the node leaves it out."""
    value = inputs[index] if index < len(inputs) else None
    if value is None:
        raise ValueError(f"input {index} is missing")
    return value


def optional(inputs: Inputs, index: int) -> Value | None:
    """The input at ``index`` or None."""
    return inputs[index] if index < len(inputs) else None


def product_spec(a: Shape, b: Shape, dtype: str, static: bool, bias: bool) -> OpSpec:
    """The operator for ``a @ b`` with NumPy's rules, both of at least two dimensions."""
    m, k = a[-2:]
    n = b[-1]
    if b[-2] != k:
        raise ValueError(f"shapes {a} and {b} do not multiply")
    lead_a, lead_b = prod(a[:-2]), prod(b[:-2])
    if lead_b == 1:
        return Gemm(m=lead_a * m, n=n, k=k, dtype=dtype, bias=bias, weight=static)
    return BatchedGemm(b=max(lead_a, lead_b), m=m, n=n, k=k, dtype=dtype, weight=static)


def _bias_after(ctx: Importer, name: str, n: int) -> tuple[onnx.NodeProto, Value] | None:
    """A sole Add of a stored vector of ``n`` elements to tensor ``name``."""
    add = ctx.sole_consumer(name, "Add")
    if add is None:
        return None
    other = next((i for i in add.input if i != name), None)
    value = ctx.values.get(other or "")
    if value is None or not value.static or value.size != n or value.shape[-1:] != (n,):
        return None
    return add, value


def matmul(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """MatMul, with a bias added after it where the second factor is stored."""
    a, b = required(inputs, 0), required(inputs, 1)
    [(shape, elem)] = ctx.infer(node)
    left = a.shape if len(a.shape) > 1 else (1, *a.shape)
    right = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    bias = _bias_after(ctx, node.output[0], right[-1]) if b.static else None
    if bias and prod(right[:-2]) > 1:
        bias = None
    spec = product_spec(left, right, ctx.dtype(a), b.static, bias is not None)
    if bias is None:
        ctx.emit(node, spec, (a, b), shape, elem)
        return
    add, vector = bias
    ctx.done.add(id(add))
    ctx.emit(node, spec, (a, b, vector), shape, elem, output=add.output[0])


def fused_matmul(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ONNX Runtime's MatMul with transposed factors and a scale."""
    a, b = required(inputs, 0), required(inputs, 1)
    left = _swapped(a.shape) if ctx.attribute(node, "transA", 0) else a.shape
    right = _swapped(b.shape) if ctx.attribute(node, "transB", 0) else b.shape
    spec = product_spec(left, right, ctx.dtype(a), b.static, False)
    lead = left[:-2] if prod(left[:-2]) >= prod(right[:-2]) else right[:-2]
    ctx.emit(node, spec, (a, b), (*lead, left[-2], right[-1]), a.elem)


def _swapped(shape: Shape) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2])


def gemm(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Gemm; a bias that is not a vector is added by an operator of its own."""
    a, b, c = required(inputs, 0), required(inputs, 1), optional(inputs, 2)
    [(shape, elem)] = ctx.infer(node)
    k = a.shape[0] if ctx.attribute(node, "transA", 0) else a.shape[1]
    m, n = shape
    vector = c is not None and c.size == n and c.shape[-1:] == (n,)
    spec = Gemm(m=m, n=n, k=k, dtype=ctx.dtype(a), bias=vector, weight=b.static)
    if c is None or vector or c.size == 1:
        ctx.emit(node, spec, (a, b, c), shape, elem)
        return
    part = ctx.emit(node, spec, (a, b), shape, elem, step="product")
    add = Elementwise(
        function="add",
        n=m * n,
        arity=2,
        broadcast=c.size if c.size < m * n else 0,
        dtype=ctx.dtype(a),
    )
    ctx.emit(node, add, (part, c), shape, elem)


def integer_product(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """MatMulInteger (int32 result) and QLinearMatMul (int8 result)."""
    linear = node.op_type == "QLinearMatMul"
    a, b = required(inputs, 0), required(inputs, 3 if linear else 1)
    spec = product_spec(a.shape, b.shape, "int8", b.static, False)
    lead = a.shape[:-2] if len(a.shape) >= len(b.shape) else b.shape[:-2]
    elem = TensorProto.INT8 if linear else TensorProto.INT32
    if linear and isinstance(spec, Gemm):
        spec = Gemm(m=spec.m, n=spec.n, k=spec.k, dtype="int8", out_dtype="int8", weight=b.static)
    ctx.emit(node, spec, (a, b), (*lead, a.shape[-2], b.shape[-1]), elem)


def einsum(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """Einsum of two tensors whose labels are batch, row, column or contracted ones."""
    equation = str(ctx.attribute(node, "equation", "")).replace(" ", "")
    terms, arrow, result = equation.partition("->")
    labels = terms.split(",")
    repeated = any(len(set(t)) < len(t) for t in (*labels, result))
    if len(inputs) != 2 or not arrow or "." in equation or repeated:
        raise ctx.unsupported(node, f"with equation {equation!r}")
    a, b = required(inputs, 0), required(inputs, 1)
    size = {
        **dict(zip(labels[0], a.shape, strict=True)),
        **dict(zip(labels[1], b.shape, strict=True)),
    }
    left, right, out = set(labels[0]), set(labels[1]), set(result)
    if (left ^ right) - out:
        raise ctx.unsupported(node, f"with equation {equation!r}")
    batch, rows, columns, inner = left & right & out, left - right, right - left, left & right - out
    b_, m, n, k = (prod(size[c] for c in group) for group in (batch, rows, columns, inner))
    dtype = ctx.dtype(a)
    spec: OpSpec = (
        Gemm(m=m, n=n, k=k, dtype=dtype, weight=b.static)
        if b_ == 1
        else BatchedGemm(b=b_, m=m, n=n, k=k, dtype=dtype, weight=b.static)
    )
    ctx.emit(node, spec, (a, b), tuple(size[c] for c in result), a.elem)


HANDLERS: dict[tuple[str, str], Handler] = {
    ("", "MatMul"): matmul,
    ("", "Gemm"): gemm,
    ("", "Einsum"): einsum,
    ("", "MatMulInteger"): integer_product,
    ("", "QLinearMatMul"): integer_product,
    ("com.microsoft", "FusedMatMul"): fused_matmul,
    ("com.microsoft", "TransposeMatMul"): fused_matmul,
}
