"""Llama 2 and 3 (Touvron et al. 2023, Grattafiori et al. 2024), prefill and decode.

Sizes of Hugging Face's configurations. ``fused`` has one GEMM for query, key and value, one for
gate and up, one operator for each RMSNorm, for the rotary embedding and for SiLU times up.
``eager`` is Hugging Face's code, one kernel per line: separate projections, RMSNorm in fp32,
rotary embedding as multiply, negate, concatenate, multiply and add for query and for key.
"""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from archsim.graph.ops import Elementwise, elements
from workloads.models.builder import GraphBuilder
from workloads.models.language import Pass, finish, logits, pass_choices, with_cache
from workloads.models.registry import Choice, Model


@dataclass(frozen=True)
class LlamaConfig:
    """Sizes of a Llama model."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    vocab: int
    tied: bool = False


@dataclass(frozen=True)
class _Sizes:
    """Sizes after the choices, and the pass."""

    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    run: Pass

    @property
    def kv(self) -> int:
        """Width of keys and of values."""
        return self.hidden // self.heads * self.kv_heads


def _positions(b: GraphBuilder, run: Pass) -> Tensor:
    """Eager's small kernels for positions and for the test whether the mask can be left out."""
    with b.scope("positions"):
        made = b.unary("copy", b.input("cache_position", (run.seq, 1), "int64"), "arange")
        places = b.unary("add", made)
        shifted = b.concat((places, places), run.seq, 1, aligned=run.batch == 1)
        step = b.unary("compare", b.binary("sub", places, shifted))
        count = b.unary("add", b.unary("add", b.cast(step, "int64")), "scan")
        b.copy(b.unary("compare", count), run.seq, 1, pattern="host")
        return places


def _rotary_tables(b: GraphBuilder, size: _Sizes) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the new positions; eager computes them once a pass, in fp32."""
    run, d = size.run, size.hidden // size.heads
    if not b.eager:
        return b.buffer("rotary.cos", run.seq, d), b.buffer("rotary.sin", run.seq, d)
    places = _positions(b, run)
    with b.scope("rotary_emb"):
        where = b.cast(places, "fp32")
        inverse = b.input("rotary_emb.inv_freq", (d // 2, 1), "fp32")
        angle = b.bmm(where, inverse, "freqs", b_=1, m=run.seq, n=d // 2, k=1)
        angle = b.concat((angle, angle), run.seq, d, aligned=run.seq == 1)
        tables = [b.cast(b.unary("mul", b.unary(f, angle)), b.dtype) for f in ("cos", "sin")]
        return tables[0], tables[1]


def _rotate(b: GraphBuilder, x: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Eager's ``x * cos + rotate_half(x) * sin``; ``x`` has its heads and positions swapped.

    With one position the swap changes nothing in memory, so that the sum is of plain vectors.
    """
    straight = b.binary("mul", x, tables[0], strided=True)
    half = b.part(x, *x.shape[:-1], x.shape[-1] // 2)
    turned = b.concat((b.unary("neg", half, strided=True), x), *x.shape)
    swapped = x.shape[1] > 1
    return b.binary("add", straight, b.binary("mul", turned, tables[1]), strided=swapped)


def _qkv(
    b: GraphBuilder, y: Tensor, size: _Sizes, tables: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value with rotated query and key."""
    n, s, _ = y.shape
    if b.eager:
        q = b.linear(y, size.hidden, "q_proj", bias=False)
        k = b.linear(y, size.kv, "k_proj", bias=False)
        v = b.linear(y, size.kv, "v_proj", bias=False)
        return _rotate(b, q, tables), _rotate(b, k, tables), v
    qkv = b.linear(y, size.hidden + 2 * size.kv, "qkv_proj", bias=False)
    turned = (n, s, size.hidden + size.kv)
    spec = Elementwise(
        function="rope",
        n=elements(turned),
        arity=2,
        broadcast=elements(tables[0].shape) * 2,
        dtype=b.dtype,
    )
    qk = b.emit("rope", spec, (qkv, *tables), turned)
    return b.part(qk, n, s, size.hidden), b.part(qk, n, s, size.kv), b.part(qkv, n, s, size.kv)


def _perceptron(b: GraphBuilder, y: Tensor, size: _Sizes) -> Tensor:
    """``down(silu(gate) * up)``."""
    wide = size.intermediate
    if b.eager:
        gate = b.unary("silu", b.linear(y, wide, "gate_proj", bias=False), "act")
        y = b.binary("mul", gate, b.linear(y, wide, "up_proj", bias=False))
    else:
        both = b.linear(y, 2 * wide, "gate_up_proj", bias=False)
        shape = (*y.shape[:-1], wide)
        spec = Elementwise(function="silu_mul", n=elements(shape), arity=2, dtype=b.dtype)
        y = b.emit("silu_mul", spec, (both,), shape)
    return b.linear(y, size.hidden, "down_proj", bias=False)


def _layer(b: GraphBuilder, x: Tensor, size: _Sizes, tables: tuple[Tensor, Tensor]) -> Tensor:
    """One decoder layer."""
    y = b.rmsnorm(x, "input_layernorm")
    with b.scope("self_attn"):
        q, k, v = _qkv(b, y, size, tables)
        k = with_cache(b, k, size.run, size.kv, "k")
        v = with_cache(b, v, size.run, size.kv, "v")
        y = b.attention(
            q,
            k,
            v,
            heads=size.heads,
            kv_heads=size.kv_heads,
            causal=size.run.seq > 1,
            cached=size.run.cached_before,
        )
        y = b.linear(y, size.hidden, "o_proj", bias=False)
    x = b.add(x, y)
    y = b.rmsnorm(x, "post_attention_layernorm")
    with b.scope("mlp"):
        y = _perceptron(b, y, size)
    return b.add(x, y)


def _check(hidden: int, heads: int, kv_heads: int) -> None:
    if hidden % (2 * heads):
        raise ValueError(f"hidden must be a multiple of 2 * heads ({2 * heads}), not {hidden!r}")
    if heads % kv_heads:
        raise ValueError(f"heads must be a multiple of kv_heads ({kv_heads}), not {heads!r}")


def llama(
    name: str,
    config: LlamaConfig,
    *,
    batch: int,
    dtype: str,
    phase: str,
    seq: int | None,
    kv_len: int | None,
    layers: int,
    head: str,
    framework: str,
    hidden: int,
    intermediate: int,
    heads: int,
    kv_heads: int,
    vocab: int,
) -> Graph:
    """A Llama model's forward pass."""
    _check(hidden, heads, kv_heads)
    run = Pass.of(batch, phase, seq, kv_len)
    size = _Sizes(hidden, intermediate, heads, kv_heads, run)
    b = GraphBuilder(name, dtype, framework)
    table = b.parameter("embed_tokens.weight", vocab, hidden)
    x = b.embedding(b.input("input_ids", (batch, run.seq), "int64"), table, "embed_tokens")
    tables = _rotary_tables(b, size)
    for i in range(layers):
        with b.scope(f"layers.{i}"):
            x = _layer(b, x, size, tables)
    logits(b, b.rmsnorm(x), head, vocab, table if config.tied else None)
    return finish(b, "llama", run, dtype, framework)


def _model(config: LlamaConfig, doc: str) -> Model:
    sizes = {
        name: Choice(type=int, default=getattr(config, name), doc=text, maximum=1 << 20)
        for name, text in (
            ("hidden", "width of the model"),
            ("intermediate", "width of the perceptron"),
            ("heads", "query heads"),
            ("kv_heads", "key and value heads; fewer than heads is grouped-query attention"),
            ("vocab", "tokens of the vocabulary"),
        )
    }
    return Model(
        builder=lambda name, **choices: llama(name, config, **choices),
        choices={**pass_choices(256, config.layers), **sizes},
        doc=doc,
    )


MODELS = {
    "llama2_7b": _model(LlamaConfig(4096, 11008, 32, 32, 32, 32000), "Llama 2 7 B"),
    "llama2_13b": _model(LlamaConfig(5120, 13824, 40, 40, 40, 32000), "Llama 2 13 B"),
    "llama2_70b": _model(LlamaConfig(8192, 28672, 80, 64, 8, 32000), "Llama 2 70 B, GQA"),
    "llama3_8b": _model(LlamaConfig(4096, 14336, 32, 32, 8, 128256), "Llama 3 8 B, GQA"),
    "llama3_70b": _model(LlamaConfig(8192, 28672, 80, 64, 8, 128256), "Llama 3 70 B, GQA"),
    "llama3_2_1b": _model(
        LlamaConfig(2048, 8192, 16, 32, 8, 128256, tied=True), "Llama 3.2 1 B, tied embeddings"
    ),
    "llama3_2_3b": _model(
        LlamaConfig(3072, 8192, 28, 24, 8, 128256, tied=True), "Llama 3.2 3 B, tied embeddings"
    ),
}
