"""GPT-2 (Radford et al. 2019) and dense models of GPT-3's sizes (Brown et al. 2020).

Sizes of Hugging Face's ``gpt2`` configurations and of GPT-3's Table 2.1 (all layers dense;
the paper alternates dense and banded ones). The output projection is the token embedding.
Eager computes the tanh form of GELU with eight kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.language import Pass, finish, logits, pass_choices, with_cache
from workloads.models.registry import Model


@dataclass(frozen=True)
class GptConfig:
    """Sizes of a GPT model."""

    dim: int
    layers: int
    heads: int
    positions: int = 1024
    vocab: int = 50257


def _gelu(b: GraphBuilder, x: Tensor) -> Tensor:
    """GELU, tanh form: one kernel where fused."""
    if not b.eager:
        return b.unary("gelu", x, "mlp.act")
    with b.scope("mlp.act"):
        y = b.add(x, b.unary("mul", b.unary("pow", x)))
        y = b.unary("add", b.unary("tanh", b.unary("mul", y)))
        return b.binary("mul", y, b.unary("mul", x))


def _block(b: GraphBuilder, x: Tensor, heads: int, run: Pass) -> Tensor:
    """One decoder block."""
    n, s, dim = x.shape
    qkv = b.linear(b.layernorm(x, "ln_1"), 3 * dim, "attn.c_attn")
    q = b.part(qkv, n, s, dim)
    k = with_cache(b, q, run, dim, "attn.k")
    v = with_cache(b, q, run, dim, "attn.v")
    y = b.attention(q, k, v, heads=heads, causal=run.seq > 1, cached=run.cached_before)
    x = b.add(x, b.linear(y, dim, "attn.c_proj"))
    y = b.linear(b.layernorm(x, "ln_2"), 4 * dim, "mlp.c_fc")
    return b.add(x, b.linear(_gelu(b, y), dim, "mlp.c_proj"))


def gpt(
    name: str,
    config: GptConfig,
    *,
    batch: int,
    dtype: str,
    phase: str,
    seq: int | None,
    kv_len: int | None,
    layers: int,
    head: str,
    framework: str,
) -> Graph:
    """A decoder-only transformer with learned positions."""
    run = Pass.of(batch, phase, seq, kv_len)
    if run.context > config.positions:
        raise ValueError(
            f"seq + kv_len must be at most {config.positions} for {name}, not {run.context!r}"
        )
    b = GraphBuilder(name, dtype, framework)
    dim = config.dim
    table = b.parameter("wte.weight", config.vocab, dim)
    positions = b.parameter("wpe.weight", config.positions, dim)
    x = b.embedding(b.input("input_ids", (batch, run.seq), "int64"), table, "wte")
    place = b.embedding(b.input("position_ids", (1, run.seq), "int64"), positions, "wpe")
    x = b.add(x, place)
    for i in range(layers):
        with b.scope(f"h.{i}"):
            x = _block(b, x, config.heads, run)
    logits(b, b.layernorm(x, "ln_f"), head, config.vocab, table)
    return finish(b, "gpt", run, dtype, framework)


def _model(config: GptConfig, doc: str) -> Model:
    return Model(
        builder=lambda name, **choices: gpt(name, config, **choices),
        choices=pass_choices(256, config.layers),
        doc=doc,
    )


MODELS = {
    "gpt2": _model(GptConfig(768, 12, 12), "GPT-2, 124 M parameters"),
    "gpt2_medium": _model(GptConfig(1024, 24, 16), "GPT-2 medium, 355 M parameters"),
    "gpt2_large": _model(GptConfig(1280, 36, 20), "GPT-2 large, 774 M parameters"),
    "gpt2_xl": _model(GptConfig(1600, 48, 25), "GPT-2 XL, 1.56 B parameters"),
    "gpt3_6_7b": _model(GptConfig(4096, 32, 32, 2048), "GPT-3 6.7 B, all layers dense"),
    "gpt3_13b": _model(GptConfig(5120, 40, 40, 2048), "GPT-3 13 B, 40 heads, all layers dense"),
    "gpt3_175b": _model(GptConfig(12288, 96, 96, 2048), "GPT-3 175 B, all layers dense"),
}
