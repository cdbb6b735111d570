"""What the language models share: the choices of a forward pass and the reading of them."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.graph import Graph, Tensor
from workloads.models.builder import GraphBuilder
from workloads.models.registry import BATCH, DTYPE_QUANTISED, FRAMEWORK, Choice

DECODE_CONTEXT = 2048
PREFILL_TOKENS = 512


def pass_choices(max_layers: int, layers: int) -> dict[str, Choice]:
    """The choices of a forward pass of a model of ``layers`` layers."""
    return {
        "batch": BATCH,
        "dtype": DTYPE_QUANTISED,
        "phase": Choice(
            type=str,
            default="prefill",
            doc="prefill: the prompt at once; decode: one new token on a cache",
            options=("prefill", "decode"),
        ),
        "seq": Choice(
            type=int,
            default=None,
            doc=f"new tokens of a sequence; by default {PREFILL_TOKENS}, in decode 1",
        ),
        "kv_len": Choice(
            type=int,
            default=None,
            minimum=0,
            doc=f"tokens cached before; by default 0, in decode {DECODE_CONTEXT}",
        ),
        "layers": Choice(type=int, default=layers, doc="number of layers", maximum=max_layers),
        "head": Choice(
            type=str,
            default="all",
            doc="positions that get logits: all, the last one, or none (the bare model)",
            options=("all", "last", "none"),
        ),
        "framework": FRAMEWORK,
    }


@dataclass(frozen=True)
class Pass:
    """One forward pass: sequences, new tokens of each, and tokens cached before."""

    batch: int
    seq: int
    cached: int

    @classmethod
    def of(cls, batch: int, phase: str, seq: int | None, kv_len: int | None) -> Pass:
        """Fill in the defaults of the phase."""
        decode = phase == "decode"
        tokens = (1 if decode else PREFILL_TOKENS) if seq is None else seq
        cached = (DECODE_CONTEXT if decode else 0) if kv_len is None else kv_len
        return cls(batch, tokens, cached)

    @property
    def cached_before(self) -> int:
        """Cached keys as attention's causal mask needs them: 0 for a single query."""
        return self.cached if self.seq > 1 else 0

    @property
    def context(self) -> int:
        """Keys that the last token sees."""
        return self.cached + self.seq


def with_cache(b: GraphBuilder, new: Tensor, run: Pass, width: int, name: str) -> Tensor:
    """Keys or values of the whole context.

    Eager concatenates the cache and the new tokens into a new tensor; fused writes the new
    tokens into the cache in place.
    """
    if not run.cached:
        return new
    cache = b.input(f"{b.prefix}{name}_cache", (run.batch, run.cached, width))
    if b.eager:
        return b.concat((cache, new), run.batch, run.context, width)
    written = b.copy(new, run.batch, run.seq, width)
    return b.part(written, run.batch, run.context, width)


def logits(b: GraphBuilder, x: Tensor, head: str, vocab: int, weight: Tensor | None) -> None:
    """The output projection at the positions that ``head`` names."""
    if head == "none":
        return
    n, s, dim = x.shape
    rows = b.part(x, n, 1, dim) if head == "last" and s > 1 else x
    b.linear(rows, vocab, "lm_head", bias=False, weight=weight)


def finish(b: GraphBuilder, family: str, run: Pass, dtype: str, framework: str) -> Graph:
    """The graph, with what a report shows of the pass."""
    return b.graph(
        family=family, batch=run.batch, seq=run.seq, kv_len=run.cached, dtype=dtype,
        framework=framework,
    )  # fmt: skip
