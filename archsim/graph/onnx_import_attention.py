"""ONNX nodes that are a whole attention, and rotary embedding."""

from __future__ import annotations

from typing import NamedTuple

import onnx

from archsim.graph.onnx_import_context import Handler, Importer
from archsim.graph.onnx_import_matrix import Inputs, optional, required
from archsim.graph.onnx_import_pointwise import pointwise
from archsim.graph.onnx_import_values import Value
from archsim.graph.ops import Attention, Elementwise, Gemm


class Sizes(NamedTuple):
    """Batches, query and key heads, queries, keys and head size."""

    b: int
    h: int
    h_kv: int
    sq: int
    skv: int
    d: int


def _emit(
    ctx: Importer,
    node: onnx.NodeProto,
    reads: list[Value],
    sizes: Sizes,
    out: Value,
    mask: Value | None = None,
) -> None:
    """Emit an attention whose result has the shape of ``out``."""
    causal = bool(ctx.attribute(node, "is_causal", ctx.attribute(node, "unidirectional", 0)))
    spec = Attention(
        b=sizes.b,
        h=sizes.h,
        h_kv=sizes.h_kv,
        sq=sizes.sq,
        skv=sizes.skv,
        d=sizes.d,
        causal=causal and sizes.sq > 1,
        dtype=ctx.dtype(out),
        mask_elements=mask.size if mask is not None and not mask.static else 0,
    )
    seen = [*reads, *([mask] if mask is not None else [])]
    ctx.emit(node, spec, seen, out.shape, out.elem)


def _past(inputs: Inputs, index: int) -> int:
    """Keys of a cache given as (b, heads, length, d)."""
    cache = optional(inputs, index)
    return cache.shape[2] if cache is not None and len(cache.shape) == 4 else 0


def _presents(ctx: Importer, node: onnx.NodeProto, key: Value, value: Value) -> None:
    """The caches that a node returns, taken as the new keys and values."""
    for name, source in zip(node.output[1:], (key, value), strict=False):
        if name:
            ctx.values[name] = source


def standard(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """The operator Attention of ONNX 23 and later."""
    q, k, v = (required(inputs, i) for i in range(3))
    past = _past(inputs, 4)
    if len(q.shape) == 4:
        b, h, sq, d = q.shape
        h_kv, new = k.shape[1], k.shape[2]
    else:
        b, sq, width = q.shape
        h, h_kv = ctx.attribute(node, "q_num_heads"), ctx.attribute(node, "kv_num_heads")
        d, new = width // h, k.shape[1]
    sizes = Sizes(b=b, h=h, h_kv=h_kv, sq=sq, skv=new + past, d=d)
    _emit(ctx, node, [q, k, v], sizes, q, optional(inputs, 3))
    _presents(ctx, node, k, v)


def multi_head(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ONNX Runtime's MultiHeadAttention and GroupQueryAttention of separate q, k, v."""
    q, k, v = (required(inputs, i) for i in range(3))
    if len(q.shape) != 3 or len(k.shape) != 3:
        raise ctx.unsupported(node, "with packed query, key and value")
    grouped = node.op_type == "GroupQueryAttention"
    h = ctx.attribute(node, "num_heads")
    h_kv = ctx.attribute(node, "kv_num_heads", h)
    b, sq, width = q.shape
    past = _past(inputs, 3 if grouped else 6)
    sizes = Sizes(b=b, h=h, h_kv=h_kv, sq=sq, skv=k.shape[1] + past, d=width // h)
    mask = None if grouped else optional(inputs, 5)
    bias = None if grouped else optional(inputs, 3)
    if bias is not None:
        q = pointwise(ctx, node, "add", [q, bias], q.shape, q.elem, step="bias")
    _emit(ctx, node, [q, k, v], sizes, q, mask)
    _presents(ctx, node, k, v)


def packed(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """ONNX Runtime's Attention: the projection to query, key and value, then attention."""
    x, w, bias = required(inputs, 0), required(inputs, 1), optional(inputs, 2)
    b, s, k = x.shape
    if w.shape[-1] % 3 or ctx.attribute(node, "qkv_hidden_sizes"):
        raise ctx.unsupported(node, "with unequal hidden sizes")
    h, hidden = ctx.attribute(node, "num_heads"), w.shape[-1] // 3
    spec = Gemm(
        m=b * s, n=3 * hidden, k=k, dtype=ctx.dtype(x), bias=bias is not None, weight=w.static
    )
    qkv = ctx.emit(node, spec, (x, w, bias), (b, s, 3 * hidden), x.elem, step="qkv")
    sizes = Sizes(b=b, h=h, h_kv=h, sq=s, skv=s, d=hidden // h)
    out = Value(qkv.name, (b, s, hidden), x.elem)
    _emit(ctx, node, [qkv], sizes, out, optional(inputs, 5))


def rotary(ctx: Importer, node: onnx.NodeProto, inputs: Inputs) -> None:
    """RotaryEmbedding of ONNX and of ONNX Runtime."""
    x = required(inputs, 0)
    tables = [v for v in inputs[1:] if v is not None]
    floats = [v for v in tables if not ctx.dtype(v).startswith("int")]
    spec = Elementwise(
        function="rope", n=x.size, arity=2, dtype=ctx.dtype(x),
        broadcast=sum(v.size for v in floats),
    )  # fmt: skip
    ctx.emit(node, spec, (x, *tables), x.shape, x.elem)


HANDLERS: dict[tuple[str, str], Handler] = {
    ("", "Attention"): standard,
    ("", "RotaryEmbedding"): rotary,
    ("com.microsoft", "RotaryEmbedding"): rotary,
    ("com.microsoft", "Attention"): packed,
    ("com.microsoft", "MultiHeadAttention"): multi_head,
    ("com.microsoft", "GroupQueryAttention"): multi_head,
}
