"""A vision transformer's graph as phases of the Edge-MoE accelerator, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.errors import UnsupportedOperatorError
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import (
    Attention,
    Conv2d,
    Copy,
    Elementwise,
    Gather,
    Gemm,
    LayerNorm,
    MoeRouting,
    ScatterAdd,
)

ACTIVATION_BYTES = 4
PADDED_HEADS = 4
"""Scores of the heads are stored in words of a multiple of four."""

GATE_INTERVAL = 3
"""Cycles of the gate's softmax for each expert (initiation interval declared by the authors)."""

RECURRENCE = 3
"""Cycles from a softmax sum to the next, as ``hdl.edgemoe.softmax`` has them (co-simulated)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One pass of one unit.

    ``compute``: its cycles while its streams keep up. ``streams``: words of each concurrent
    activation stream. ``weights``: words that must be on chip before it starts; ``awaited`` says
    that they are not known before, so that nothing hides their load. ``calls``: library functions
    evaluated one by one. ``repeat``: times that all of this happens. ``macs16`` and ``macs32``
    are the products of 32 bits with 16 and with 32 bits, of one repetition.
    """

    op: int
    unit: str
    compute: int
    streams: tuple[int, ...] = ()
    weights: int = 0
    awaited: bool = False
    calls: int = 0
    repeat: int = 1
    macs16: int = 0
    macs32: int = 0


def lower(graph: Graph, device: EdgeMoeDevice, tiles: int | None = None) -> list[Phase]:
    """Return the phases of ``graph``; UnsupportedOperatorError for what no unit computes.

    Linear layers are cut into parts of at most ``tiles`` tiles of outputs, and into what a weight
    buffer holds.
    """
    maker = _Maker(device, tiles)
    phases: list[Phase] = []
    for index, op in enumerate(graph.ops):
        following = graph.ops[index + 1].spec if index + 1 < len(graph.ops) else None
        phases += maker.phases(index, op.spec, following)
    return phases


def attention_steps(device: EdgeMoeDevice, tokens: int) -> tuple[int, int]:
    """Return the steps of one attention pass, a key each, and the tokens loaded in it.

    With N tokens and p query slots: the slots are skewed by a key each, so that a pass ends
    ``(N - 1) mod p`` keys after the last full one, and N**2 / p + p - 1 steps where p divides N;
    a step loads its key, and each query once. Without reordering every slot loads its own keys:
    N**2 + N tokens in N * ceil(N / p) steps.
    """
    p = device.attention.queries
    if not device.techniques.reordered_attention:
        return tokens * -(-tokens // p), tokens * tokens + tokens
    full, extra = divmod(tokens + p - 1, p)
    steps = full * tokens + extra
    return steps, steps + tokens


class _Maker:
    """Makes phases; keeps whether the operators are those of experts."""

    def __init__(self, device: EdgeMoeDevice, tiles: int | None) -> None:
        self.device = device
        self.tiles = tiles
        self.experts = False

    def words(self, elements: int) -> int:
        """Memory words of activations."""
        return -(-elements * ACTIVATION_BYTES // self.device.memory.word_bytes)

    def phases(self, index: int, spec: OpSpec, following: OpSpec | None) -> Iterator[Phase]:
        if isinstance(spec, MoeRouting | ScatterAdd):
            self.experts = isinstance(spec, MoeRouting)
        if isinstance(spec, Gemm):
            yield from self._gemm(index, spec, following)
        elif isinstance(spec, Attention):
            yield from self._attention(index, spec)
        elif isinstance(spec, Conv2d):
            yield self._embed(index, spec)
        elif isinstance(spec, LayerNorm):
            yield self._vector(index, "norm", spec.rows * self.words(spec.cols), (1, 1))
        elif isinstance(spec, Elementwise):
            yield self._elementwise(index, spec)
        elif isinstance(spec, MoeRouting):
            yield Phase(op=index, unit="gate", compute=spec.tokens * spec.experts * GATE_INTERVAL)
        elif isinstance(spec, ScatterAdd):  # the experts add up in place: zeroed before
            yield self._vector(index, "zero", spec.table * self.words(spec.width), (1,))
        elif isinstance(spec, Gather | Copy):  # the units address tokens where they lie
            yield Phase(op=index, unit="address", compute=1)
        else:
            raise UnsupportedOperatorError(
                f"operator must be one of a vision transformer's encoder, not {spec.kind}"
            )

    def _vector(self, index: int, unit: str, words: int, streams: tuple[int, ...]) -> Phase:
        return Phase(
            op=index,
            unit=unit,
            compute=-(-words // self.device.vector.words),
            streams=tuple(words * n for n in streams),
        )

    def _elementwise(self, index: int, spec: Elementwise) -> Phase:
        if spec.function == "gelu":
            calls = 0 if self.device.techniques.gelu_table else spec.n
            return Phase(op=index, unit="gelu", compute=1, calls=calls)
        if spec.function == "mul" and self.experts:  # scores are applied while adding up
            return Phase(op=index, unit="address", compute=1)
        if spec.function != "add" or spec.arity != 2:
            raise UnsupportedOperatorError(
                f"elementwise.function must be gelu or a sum of two on this machine, "
                f"not {spec.function!r}"
            )
        return self._vector(index, "add", self.words(spec.n), (1, 1, 1))

    def _embed(self, index: int, spec: Conv2d) -> Phase:
        vector, linear = self.device.vector, self.device.linear
        patches = spec.n * spec.p * spec.q
        pixels = spec.cin * spec.r * spec.s
        inputs, outputs = vector.patch_pixels, vector.patch_lanes
        weights = 0  # kept on chip, unless the linear unit does it
        if linear.embeds:
            inputs, outputs = linear.tile_in, linear.tile_out
            bits = pixels * spec.cout * self.device.params.formats.patch_weight.bits
            weights = -(-bits // (8 * self.device.memory.word_bytes))
        steps = -(-pixels // inputs) * -(-spec.cout // outputs)
        image = -(-patches * pixels // self.device.memory.word_bytes)
        return Phase(
            op=index,
            unit="embed",
            compute=patches * steps,
            streams=(image, patches * self.words(spec.cout)),
            weights=weights,
            macs16=patches * pixels * spec.cout,
        )

    def _gemm(self, index: int, spec: Gemm, following: OpSpec | None) -> Iterator[Phase]:
        inputs = spec.m * self.words(spec.k)
        macs = spec.m * spec.n * spec.k
        if isinstance(following, MoeRouting) and not self.device.linear.gates:
            steps = spec.m * -(-spec.k // self.device.vector.gate_lanes)
            groups = -(-spec.n // self.device.encoder.experts)
            yield Phase(
                op=index, unit="gate", compute=steps * groups, streams=(inputs,), macs16=macs
            )
            return
        last = self.experts and not (
            isinstance(following, Elementwise) and following.function == "gelu"
        )
        linear = self.device.linear
        half = linear.weight_bytes // linear.weight_buffers
        columns = half * 8 // (spec.k * self.device.formats.weight_bits)
        tiles = max(1, columns // linear.tile_out)
        columns = min(tiles, self.tiles or tiles) * linear.tile_out
        for first in range(0, spec.n, columns):
            yield self._linear(index, spec, min(columns, spec.n - first), last)

    def _linear(self, index: int, spec: Gemm, columns: int, accumulates: bool) -> Phase:
        """``columns`` outputs of a layer; the second layer of an expert adds to its result."""
        device = self.device
        alone = self.experts and not device.techniques.expert_by_expert
        rows = 1 if alone else spec.m
        macs = rows * columns * spec.k
        if device.techniques.unified_linear:
            tiles = -(-columns // device.linear.tile_out) * -(-spec.k // device.linear.tile_in)
            compute = rows * tiles
        else:
            compute = -(-macs // int(device.without.separate_macs_per_clk))
        results = rows * self.words(columns)
        formats = device.params.formats
        bits = columns * spec.k * formats.weight.bits + columns * formats.bias.bits
        return Phase(
            op=index,
            unit="expert" if self.experts else "linear",
            compute=compute,
            streams=(rows * self.words(spec.k), *([results] * (1 + accumulates))),
            weights=-(-bits // (8 * device.memory.word_bytes)),
            awaited=alone,
            repeat=spec.m if alone else 1,
            macs16=macs,
        )

    def _attention(self, index: int, spec: Attention) -> Iterator[Phase]:
        if spec.sq != spec.skv or spec.h != spec.h_kv or spec.causal:
            raise UnsupportedOperatorError(
                "attention must be of all tokens with themselves on this machine, not causal, "
                "grouped or crossed"
            )
        device, tokens = self.device, spec.sq
        built = (device.params.tokens, device.encoder.dim, device.encoder.heads)
        if (tokens, spec.h * spec.d, spec.h) != built:
            raise UnsupportedOperatorError(
                f"attention must have the tokens, width and heads of device.encoder {built}, not "
                f"{(tokens, spec.h * spec.d, spec.h)}"
            )
        steps, loaded = attention_steps(device, tokens)
        width = spec.h * spec.d
        interval = max(-(-width // device.attention.lanes), RECURRENCE)
        heads = -(-spec.h // PADDED_HEADS) * PADDED_HEADS
        p = device.attention.queries
        scores = -(-steps * p * heads * ACTIVATION_BYTES // device.memory.word_bytes)
        token_words = self.words(width)
        pairs = spec.h * tokens * tokens
        for unit, other in (("scores", scores), ("mix", scores + tokens * token_words)):
            first = unit == "scores"
            yield Phase(
                op=index,
                unit=unit,
                compute=steps * interval,
                streams=(loaded * token_words if first else (loaded - tokens) * token_words, other),
                calls=pairs if first and not device.techniques.single_pass_softmax else 0,
                repeat=spec.b,
                macs32=pairs * spec.d,
            )
