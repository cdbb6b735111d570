"""From an operator to the kernels a tuned library launches for it: one function per kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archsim.errors import UnsupportedOperatorError
from archsim.graph import ops
from archsim.models.gpu import indexed, pointwise, rows
from archsim.models.gpu.attention_lower import lower_attention
from archsim.models.gpu.conv_lower import lower_conv
from archsim.models.gpu.gemm_lower import lower_bmm, lower_gemm
from archsim.models.gpu.plan import Plan
from archsim.models.gpu.sparse_lower import lower_sparse

Lowering = Callable[[Any, Any], list[Plan]]
"""``lower(spec, dev)`` with ``dev`` the device's record (row 0 of its variants)."""

LOWERINGS: dict[type[ops.OpSpec], Lowering] = {
    ops.Gemm: lower_gemm,
    ops.BatchedGemm: lower_bmm,
    ops.SparseGemm: lower_sparse,
    ops.Attention: lower_attention,
    ops.Conv2d: lower_conv,
    ops.Elementwise: pointwise.lower_elementwise,
    ops.Copy: pointwise.lower_copy,
    ops.LayerNorm: rows.lower_layernorm,
    ops.RmsNorm: rows.lower_layernorm,
    ops.Softmax: rows.lower_softmax,
    ops.Reduce: rows.lower_reduce,
    ops.Transpose: indexed.lower_transpose,
    ops.Gather: indexed.lower_gather,
    ops.Embedding: indexed.lower_embedding,
    ops.ScatterAdd: indexed.lower_scatter_add,
    ops.Pool2d: indexed.lower_pool2d,
    ops.MoeRouting: indexed.lower_moe_routing,
    ops.HashGridEncoding: indexed.lower_hashgrid,
}


_TENSOR_RATE = {
    "fp16": "fp16", "bf16": "bf16", "tf32": "tf32", "fp8": "fp8", "fp8_e5m2": "fp8",
    "int8": "int8", "int4": "int4",
}  # fmt: skip
_TENSOR_OPS = (ops.Gemm, ops.BatchedGemm, ops.Attention, ops.Conv2d)


def _require_type(spec: ops.OpSpec, dev: Any) -> None:
    """Raise where the device's tensor cores lack the operand type of ``spec``."""
    if not isinstance(spec, _TENSOR_OPS):
        return
    rate = _TENSOR_RATE.get(spec.dtype)
    fused = isinstance(spec, ops.Attention)
    if rate is None and spec.dtype not in (("fp32",) if fused else ("fp32", "fp64")):
        raise UnsupportedOperatorError(
            f"no {'fused' if fused else 'library'} kernel multiplies {spec.dtype} operands, which "
            f"operator {spec.kind!r} needs"
        )
    if rate is not None and not dev[f"tensor_{rate}_flop_per_clk"]:
        raise UnsupportedOperatorError(
            f"the device has no tensor instructions for {spec.dtype} operands "
            f"(tensor.{rate}_flop_per_clk is 0), which operator {spec.kind!r} needs"
        )
    if isinstance(spec, ops.SparseGemm) and dev["tensor_sparse_factor"] <= 1.0:
        raise UnsupportedOperatorError(
            f"the device has no 2:4 sparse tensor instructions, which operator {spec.kind!r} needs"
        )


def lower(spec: ops.OpSpec, dev: Any) -> list[Plan]:
    """Return the kernels of ``spec`` in launch order.

    An unknown kind, or operands that the device cannot multiply, is an error and never free.
    """
    _require_type(spec, dev)
    try:
        lowering = LOWERINGS[type(spec)]
    except KeyError:
        raise UnsupportedOperatorError(
            f"the GPU model has no kernel for operator {spec.kind!r}"
        ) from None
    return lowering(spec, dev)
