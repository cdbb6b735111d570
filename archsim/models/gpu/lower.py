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
    ops.Embedding: indexed.lower_gather,
    ops.ScatterAdd: indexed.lower_scatter_add,
    ops.Pool2d: indexed.lower_pool2d,
    ops.MoeRouting: indexed.lower_moe_routing,
    ops.HashGridEncoding: indexed.lower_hashgrid,
}


def lower(spec: ops.OpSpec, dev: Any) -> list[Plan]:
    """Return the kernels of ``spec`` in launch order; an unknown kind is an error, never free."""
    try:
        lowering = LOWERINGS[type(spec)]
    except KeyError:
        raise UnsupportedOperatorError(
            f"the GPU model has no kernel for operator {spec.kind!r}"
        ) from None
    return lowering(spec, dev)
