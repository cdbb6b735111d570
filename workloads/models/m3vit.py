"""M3ViT as Edge-MoE runs it: a ViT-Tiny backbone with a mixture of experts in odd blocks.

Fan et al. 2022 and Sarkar et al. 2023; sizes of Edge-MoE's ``include/model.hpp``: 128 x 256
images, 129 tokens, 16 experts of 384 hidden, the two best per token, one task's gates. Only the
backbone runs, without a final norm or head. Every expert is taken to get the same number of
tokens, as near as the count divides.
"""

from __future__ import annotations

from archsim.graph import Graph, Tensor
from archsim.graph.ops import Gather, MoeRouting, ScatterAdd
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE, FRAMEWORK, Choice, Model

_HEIGHT, _WIDTH, _PATCH, _DIM, _HEADS = 128, 256, 16, 192, 3


def shares(tokens: int, experts: int) -> tuple[int, ...]:
    """Tokens of each expert under balanced load; experts without any are left out."""
    low, more = divmod(tokens, experts)
    return tuple(n for n in (low + (i < more) for i in range(experts)) if n)


def _experts(b: GraphBuilder, x: Tensor, experts: int, hidden: int, top_k: int) -> Tensor:
    """Gate, route, run each expert on its tokens, weigh and add up."""
    n, s, dim = x.shape
    tokens = n * s
    scores = b.linear(x, experts, "gate", bias=False)
    routing = MoeRouting(tokens=tokens, experts=experts, top_k=top_k, dtype=b.dtype)
    chosen = b.emit("route", routing, (scores,), (tokens, top_k))
    pick = Gather(table=tokens, width=dim, n=tokens * top_k, dtype=b.dtype, index_dtype="int32")
    picked = b.emit("dispatch", pick, (x, chosen), (tokens * top_k, dim))
    results = []
    for i, count in enumerate(shares(tokens * top_k, experts)):
        with b.scope(f"experts.{i}"):
            y = b.linear(b.part(picked, count, dim), hidden, "fc1")
            results.append(b.linear(b.unary("gelu", y), dim, "fc2"))
    for i in range(len(results), experts):
        for layer, out, k in (("fc1", hidden, dim), ("fc2", dim, hidden)):
            b.parameter(f"experts.{i}.{layer}.weight", out, k)
            b.parameter(f"experts.{i}.{layer}.bias", out)
    both = b.concat(tuple(results), tokens * top_k, dim)
    weighed = b.binary("mul", both, chosen)
    combine = ScatterAdd(
        table=tokens, n=tokens * top_k, width=dim, dtype=b.dtype, index_dtype="int32"
    )
    return b.emit("combine", combine, (weighed, chosen), (n, s, dim))


def _dense(b: GraphBuilder, x: Tensor) -> Tensor:
    y = b.unary("gelu", b.linear(x, 4 * _DIM, "mlp.fc1"), "mlp.act")
    return b.linear(y, _DIM, "mlp.fc2")


def m3vit(
    name: str,
    *,
    batch: int,
    dtype: str,
    framework: str,
    depth: int,
    experts: int,
    top_k: int,
    expert_hidden: int,
) -> Graph:
    """The backbone for one task."""
    if top_k > experts:
        raise ValueError(f"top_k must be at most experts ({experts}), not {top_k!r}")
    b = GraphBuilder(name, dtype, framework)
    pixels = b.input("pixels", (batch, 3, _HEIGHT, _WIDTH))
    x = b.conv(pixels, _DIM, _PATCH, "patch_embed.proj", stride=_PATCH, bias=True)
    tokens = (_HEIGHT // _PATCH) * (_WIDTH // _PATCH) + 1
    x = b.concat(
        (b.parameter("cls_token", 1, 1, _DIM), b.view(x, batch, tokens - 1, _DIM)),
        batch, tokens, _DIM,
    )  # fmt: skip
    x = b.add(x, b.parameter("pos_embed", 1, tokens, _DIM))
    for i in range(depth):
        with b.scope(f"blocks.{i}"):
            qkv = b.linear(b.layernorm(x, "norm1"), 3 * _DIM, "attn.qkv")
            q = b.part(qkv, batch, tokens, _DIM)
            y = b.linear(b.attention(q, q, q, heads=_HEADS), _DIM, "attn.proj")
            x = b.add(x, y)
            y = b.layernorm(x, "norm2")
            x = b.add(x, _experts(b, y, experts, expert_hidden, top_k) if i % 2 else _dense(b, y))
    return b.graph(family="m3vit", batch=batch, dtype=dtype, tokens=tokens, framework=framework)


MODELS = {
    "m3vit": Model(
        builder=m3vit,
        choices={
            "batch": BATCH,
            "dtype": DTYPE,
            "depth": Choice(type=int, default=12, doc="number of blocks", maximum=1024),
            "experts": Choice(type=int, default=16, doc="experts of a block", maximum=4096),
            "top_k": Choice(type=int, default=2, doc="experts of a token", maximum=4096),
            "expert_hidden": Choice(type=int, default=384, doc="hidden width of an expert"),
            "framework": FRAMEWORK,
        },
        doc="M3ViT backbone as Edge-MoE runs it, 18.0 M parameters, 16 experts, top 2",
    )
}
