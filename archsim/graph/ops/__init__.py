"""Operator descriptions: what is computed, with exact FLOPs, MACs and bytes.

An operator is a frozen value without tensor names, so equal work compares equal and is priced
once. ``bytes_read`` and ``bytes_written`` are the compulsory traffic: each input read once, each
output written once, indices included. ``flops`` counts a multiply-add as two. ``key`` is the
hashable identity, used for memoisation and digests.
"""

from archsim.graph.ops.base import OpSpec, elements, size_bytes
from archsim.graph.ops.conv import Conv2d, Pool2d
from archsim.graph.ops.indexed import (
    Embedding,
    Gather,
    HashGridEncoding,
    MoeRouting,
    ScatterAdd,
)
from archsim.graph.ops.matrix import Attention, BatchedGemm, Gemm, SparseGemm
from archsim.graph.ops.pointwise import Copy, Elementwise
from archsim.graph.ops.rows import LayerNorm, Reduce, RmsNorm, Softmax, Transpose

OP_KINDS: dict[str, type[OpSpec]] = {
    c.kind: c
    for c in (
        Gemm, SparseGemm, BatchedGemm, Attention, Conv2d, Pool2d, Softmax, LayerNorm, RmsNorm,
        Elementwise, Reduce, Transpose, Copy, Gather, Embedding, ScatterAdd, MoeRouting,
        HashGridEncoding,
    )
}  # fmt: skip

__all__ = [
    "OP_KINDS",
    "Attention",
    "BatchedGemm",
    "Conv2d",
    "Copy",
    "Elementwise",
    "Embedding",
    "Gather",
    "Gemm",
    "HashGridEncoding",
    "LayerNorm",
    "MoeRouting",
    "OpSpec",
    "Pool2d",
    "Reduce",
    "RmsNorm",
    "ScatterAdd",
    "Softmax",
    "SparseGemm",
    "Transpose",
    "elements",
    "size_bytes",
]
