"""Random operators of every kind, from one element to gigabytes, round sizes and odd ones."""

from __future__ import annotations

import random
from collections.abc import Callable

from archsim.graph import OpSpec
from archsim.graph.ops import (
    Attention,
    BatchedGemm,
    Conv2d,
    Copy,
    Elementwise,
    Embedding,
    Gather,
    Gemm,
    HashGridEncoding,
    LayerNorm,
    MoeRouting,
    Pool2d,
    Reduce,
    RmsNorm,
    ScatterAdd,
    Softmax,
    SparseGemm,
    Transpose,
)

MOST_BYTES = 1 << 34


def size(rng: random.Random, most: float) -> int:
    """Draw a size up to ``most``, evenly in its logarithm; half of them are round."""
    value = most ** rng.random()
    if rng.random() < 0.5:
        step = rng.choice((8, 16, 64, 128))
        value = max(round(value / step), 1) * step
    return max(min(int(value), int(most)), 1)


def _gemm(rng: random.Random) -> OpSpec:
    kind = rng.choice((Gemm, Gemm, SparseGemm))
    dtype = rng.choice(("fp16", "bf16", "fp8", "int8", "tf32", "fp32", "fp64"))
    step = 1 if kind is Gemm else 64
    m, n, k = (max(size(rng, 40_000) // step, 1) * step for _ in range(3))
    if kind is SparseGemm and dtype in ("fp32", "fp64", "tf32"):
        dtype = "fp16"
    return kind(m=m, n=n, k=k, dtype=dtype, bias=rng.random() < 0.5)


def _bmm(rng: random.Random) -> OpSpec:
    b, m, n, k = size(rng, 2000), size(rng, 4000), size(rng, 4000), size(rng, 4000)
    return BatchedGemm(b=b, m=m, n=n, k=k, dtype=rng.choice(("fp16", "bf16", "fp32", "tf32")))


def _attention(rng: random.Random) -> OpSpec:
    h_kv = rng.choice((1, 2, 4, 8, 16))
    return Attention(
        b=size(rng, 200), h=h_kv * rng.choice((1, 1, 4, 8)), h_kv=h_kv,
        sq=rng.choice((1, size(rng, 5000))), skv=size(rng, 20_000),
        d=rng.choice((32, 64, 80, 96, 128, 256)), causal=rng.random() < 0.5,
        impl=rng.choice(("auto", "flash", "cudnn")), dtype=rng.choice(("fp16", "bf16")),
    )  # fmt: skip


def _conv(rng: random.Random) -> OpSpec:
    groups = rng.choice((1, 1, 1, 2, 8, 32, size(rng, 1000)))
    each = rng.choice((1, 1, size(rng, 512)))
    out = each if rng.random() < 0.7 else size(rng, 512)
    r = rng.choice((1, 3, 3, 5, 7))
    return Conv2d(
        n=size(rng, 256), cin=groups * each, cout=groups * out, h=size(rng, 300) + r,
        w=size(rng, 300) + r, r=r, s=r, stride=rng.choice((1, 1, 2)), padding=r // 2,
        groups=groups, layout=rng.choice(("nhwc", "nhwc", "nchw")),
        dtype=rng.choice(("fp16", "fp16", "bf16", "fp32", "tf32")),
    )  # fmt: skip


def _pool(rng: random.Random) -> OpSpec:
    r = rng.choice((2, 3, 7))
    return Pool2d(
        function=rng.choice(("max", "mean")), n=size(rng, 256), c=size(rng, 2048),
        h=size(rng, 300) + r, w=size(rng, 300) + r, r=r, stride=rng.choice((1, 2)),
    )  # fmt: skip


def _rows(rng: random.Random) -> OpSpec:
    kind = rng.choice((Softmax, LayerNorm, RmsNorm, Reduce, Transpose))
    rows, cols = size(rng, 1e6), size(rng, 1e6)
    return kind(rows=rows, cols=cols, dtype=rng.choice(("fp16", "fp32", "bf16")))


def _indexed(rng: random.Random) -> OpSpec:
    kind = rng.choice((Gather, Embedding, ScatterAdd))
    width = size(rng, 8192 if kind is not ScatterAdd else 256)
    return kind(table=size(rng, 1e6), width=width, n=size(rng, 1e6))


def _elementwise(rng: random.Random) -> OpSpec:
    function = rng.choice(("add", "gelu", "relu", "cast", "silu", "scale_shift"))
    return Elementwise(
        function=function, n=size(rng, 1e9), arity=rng.randint(1, 3),
        dtype=rng.choice(("fp16", "fp32", "bf16")),
    )  # fmt: skip


def _copy(rng: random.Random) -> OpSpec:
    pattern = rng.choice(("contiguous", "strided", "concat", "concat_aligned"))
    return Copy(n=size(rng, 1e9), pattern=pattern, dtype=rng.choice(("fp16", "fp32", "int8")))


def _other(rng: random.Random) -> OpSpec:
    if rng.random() < 0.5:
        experts = size(rng, 256)
        return MoeRouting(tokens=size(rng, 1e5), experts=experts, top_k=min(experts, 4))
    return HashGridEncoding(
        n=size(rng, 1e6), dims=rng.choice((2, 3)), levels=rng.randint(1, 16), features=2,
        table_entries=size(rng, 1 << 22),
    )  # fmt: skip


KINDS: tuple[Callable[[random.Random], OpSpec], ...] = (
    _gemm, _gemm, _bmm, _attention, _conv, _conv, _pool, _rows, _rows, _indexed, _elementwise,
    _copy, _other,
)  # fmt: skip


def draw(rng: random.Random) -> OpSpec:
    """Draw an operator whose operands fit in 16 GiB."""
    while True:
        try:
            spec = rng.choice(KINDS)(rng)
        except ValueError:
            continue
        if spec.bytes <= MOST_BYTES:
            return spec
