"""M3ViT as Edge-MoE runs it: a ViT-Tiny backbone with a mixture of experts in odd blocks.

Fan et al. 2022 and Sarkar et al. 2023; sizes of Edge-MoE's ``include/model.hpp``: 128 x 256
images, 129 tokens, 16 experts of 384 hidden, the two best per token, one task's gates. Only the
backbone runs, without a final norm or head. How many tokens each expert gets is the choice
``routing``.
"""

from __future__ import annotations

from archsim.graph import Graph, Tensor
from archsim.graph.ops import Gather, MoeRouting, ScatterAdd
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE, FRAMEWORK, Choice, Model

_HEIGHT, _WIDTH, _PATCH = 128, 256, 16
_SIZES = {"tiny": (192, 3), "small": (384, 12)}
"""Width and heads."""

ROUTINGS = ("balanced", "zipf", "one")


def histogram(routing: str, block: int, tokens: int, experts: int, top_k: int) -> tuple[int, ...]:
    """Return the tokens of every expert in the ``block``-th mixture of experts.

    ``balanced``: all the same, as near as it divides; ``zipf``: expert i has 1 / (i + 1) of the
    first one's share, but no more than all tokens; ``one``: all tokens choose the first experts;
    else the numbers themselves, such as ``20-13-0-6``, several blocks' joined by ``/`` and used
    in turn.
    """
    total = tokens * top_k
    if routing == "balanced":
        low, more = divmod(total, experts)
        return tuple(low + (i < more) for i in range(experts))
    if routing == "one":
        return tuple(tokens if i < top_k else 0 for i in range(experts))
    if routing == "zipf":
        return _zipf(tokens, experts, total)
    blocks = routing.split("/")
    counts = tuple(int(n) for n in blocks[block % len(blocks)].split("-"))
    if len(counts) != experts or sum(counts) != total or max(counts) > tokens:
        raise ValueError(
            f"routing must have {experts} numbers up to {tokens} with the sum {total} for each "
            f"block, not {blocks[block % len(blocks)]!r}"
        )
    return counts


def _zipf(tokens: int, experts: int, total: int) -> tuple[int, ...]:
    counts = [0] * experts
    shares = [1.0 / (i + 1) for i in range(experts)]
    for _ in range(total):  # the expert that is furthest below its share gets the next token
        free = [i for i in range(experts) if counts[i] < tokens]
        counts[min(free, key=lambda i: (counts[i] + 1) / shares[i])] += 1
    return tuple(counts)


def _experts(
    b: GraphBuilder, x: Tensor, counts: tuple[int, ...], hidden: int, top_k: int
) -> Tensor:
    """Gate, route, run each expert on its tokens, weigh and add up."""
    experts = len(counts)
    n, s, dim = x.shape
    tokens = n * s
    scores = b.linear(x, experts, "gate", bias=False)
    routing = MoeRouting(tokens=tokens, experts=experts, top_k=top_k, dtype=b.dtype)
    chosen = b.emit("route", routing, (scores,), (tokens, top_k))
    pick = Gather(table=tokens, width=dim, n=tokens * top_k, dtype=b.dtype, index_dtype="int32")
    picked = b.emit("dispatch", pick, (x, chosen), (tokens * top_k, dim))
    results = []
    for i, count in enumerate(counts):
        if not count:
            for layer, out, k in (("fc1", hidden, dim), ("fc2", dim, hidden)):
                b.parameter(f"experts.{i}.{layer}.weight", out, k)
                b.parameter(f"experts.{i}.{layer}.bias", out)
            continue
        with b.scope(f"experts.{i}"):
            y = b.linear(b.part(picked, count, dim), hidden, "fc1")
            results.append(b.linear(b.unary("gelu", y), dim, "fc2"))
    both = b.concat(tuple(results), tokens * top_k, dim)
    weighed = b.binary("mul", both, chosen)
    combine = ScatterAdd(
        table=tokens, n=tokens * top_k, width=dim, dtype=b.dtype, index_dtype="int32"
    )
    return b.emit("combine", combine, (weighed, chosen), (n, s, dim))


def _dense(b: GraphBuilder, x: Tensor) -> Tensor:
    dim = x.shape[-1]
    y = b.unary("gelu", b.linear(x, 4 * dim, "mlp.fc1"), "mlp.act")
    return b.linear(y, dim, "mlp.fc2")


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
    size: str,
    routing: str,
) -> Graph:
    """The backbone for one task."""
    if top_k > experts:
        raise ValueError(f"top_k must be at most experts ({experts}), not {top_k!r}")
    dim, heads = _SIZES[size]
    b = GraphBuilder(name, dtype, framework)
    pixels = b.input("pixels", (batch, 3, _HEIGHT, _WIDTH))
    x = b.conv(pixels, dim, _PATCH, "patch_embed.proj", stride=_PATCH, bias=True)
    tokens = (_HEIGHT // _PATCH) * (_WIDTH // _PATCH) + 1
    x = b.concat(
        (b.parameter("cls_token", 1, 1, dim), b.view(x, batch, tokens - 1, dim)),
        batch, tokens, dim,
    )  # fmt: skip
    x = b.add(x, b.parameter("pos_embed", 1, tokens, dim))
    for i in range(depth):
        with b.scope(f"blocks.{i}"):
            qkv = b.linear(b.layernorm(x, "norm1"), 3 * dim, "attn.qkv")
            q = b.part(qkv, batch, tokens, dim)
            y = b.linear(b.attention(q, q, q, heads=heads), dim, "attn.proj")
            x = b.add(x, y)
            y = b.layernorm(x, "norm2")
            if i % 2:
                counts = histogram(routing, i // 2, batch * tokens, experts, top_k)
                x = b.add(x, _experts(b, y, counts, expert_hidden, top_k))
            else:
                x = b.add(x, _dense(b, y))
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
            "size": Choice(
                type=str,
                default="tiny",
                doc="tiny: 192 wide, 3 heads; small: 384 wide, 12 heads (use top_k 4)",
                options=tuple(_SIZES),
            ),
            "routing": Choice(
                type=str,
                default="balanced",
                doc="tokens of each expert: balanced, zipf, one, or numbers such as 20-13-0-6",
                options=ROUTINGS,
                pattern=r"\d+(-\d+)*(/\d+(-\d+)*)*",
            ),
            "framework": FRAMEWORK,
        },
        doc="M3ViT backbone as Edge-MoE runs it, 18.0 M parameters, 16 experts, top 2",
    )
}
