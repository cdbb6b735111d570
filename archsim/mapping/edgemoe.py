"""A vision transformer's graph as phases of the Edge-MoE accelerator, one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.errors import UnsupportedOperatorError
from archsim.graph import Graph
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
from archsim.mapping.edgemoe_order import Kind, order_of

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

    unit: str
    compute: int
    op: int = 0
    streams: tuple[int, ...] = ()
    weights: int = 0
    awaited: bool = False
    calls: int = 0
    repeat: int = 1
    macs16: int = 0
    macs32: int = 0


class Lowering:
    """The phases of a graph's operators; UnsupportedOperatorError for what no unit computes."""

    def __init__(self, graph: Graph, device: EdgeMoeDevice) -> None:
        self.order = order_of(graph)
        self.phases: list[Phase] = []
        """The distinct ones, in no order."""
        self._maker = _Maker(device)
        self._runs: dict[tuple[int, int], list[int]] = {}

    def runs(self, tiles: int | None) -> list[list[int]]:
        """Return the numbers of the phases of each kind of operators, in order.

        Linear layers are cut into parts of at most ``tiles`` tiles of outputs, and into what a
        weight buffer holds.
        """
        return [self._run(number, kind, tiles) for number, kind in enumerate(self.order.kinds)]

    def _run(self, number: int, kind: Kind, tiles: int | None) -> list[int]:
        columns = self._maker.columns(kind, tiles)
        if (known := self._runs.get((number, columns))) is not None:
            return known
        numbers: list[int] = []
        last: Phase | None = None
        for phase in self._maker.phases(kind, columns):
            if phase is not last:
                self.phases.append(phase)
            last = phase
            numbers.append(len(self.phases) - 1)
        self._runs[number, columns] = numbers
        return numbers


def lower(graph: Graph, device: EdgeMoeDevice, tiles: int | None = None) -> list[Phase]:
    """Return the phases of ``graph`` in order (``Lowering``)."""
    found = Lowering(graph, device)
    runs = found.runs(tiles)
    return [
        replace(found.phases[number], op=op)
        for op, kind in enumerate(found.order.ops)
        for number in runs[kind]
    ]


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
    """Makes phases, of the first operator; ``lower`` names the others."""

    def __init__(self, device: EdgeMoeDevice) -> None:
        self.device = device

    def words(self, elements: int) -> int:
        """Memory words of activations."""
        return -(-elements * ACTIVATION_BYTES // self.device.memory.word_bytes)

    def columns(self, kind: Kind, tiles: int | None) -> int:
        """Return the outputs of a part of a linear layer, 0 for what is not cut."""
        linear = self.device.linear
        if not isinstance(kind.spec, Gemm) or (kind.before == "gate" and not linear.gates):
            return 0
        half = linear.weight_bytes // linear.weight_buffers
        columns = half * 8 // (kind.spec.k * self.device.formats.weight_bits)
        most = max(1, columns // linear.tile_out)
        return min(most, tiles or most) * linear.tile_out

    def phases(self, kind: Kind, columns: int) -> Iterator[Phase]:
        """Yield an operator's phases; equal ones that follow one another are one object."""
        spec = kind.spec
        if isinstance(spec, Gemm):
            yield from self._gemm(spec, kind, columns)
        elif isinstance(spec, Attention):
            yield from self._attention(spec)
        elif isinstance(spec, Conv2d):
            yield self._embed(spec)
        elif isinstance(spec, LayerNorm):
            yield self._vector("norm", spec.rows * self.words(spec.cols), (1, 1))
        elif isinstance(spec, Elementwise):
            yield self._elementwise(spec, kind.experts)
        elif isinstance(spec, MoeRouting):
            yield Phase(unit="gate", compute=spec.tokens * spec.experts * GATE_INTERVAL)
        elif isinstance(spec, ScatterAdd):  # the experts add up in place: zeroed before
            yield self._vector("zero", spec.table * self.words(spec.width), (1,))
        elif isinstance(spec, Gather | Copy):  # the units address tokens where they lie
            yield Phase(unit="address", compute=1)
        else:
            raise UnsupportedOperatorError(
                f"operator must be one of a vision transformer's encoder, not {spec.kind}"
            )

    def _vector(self, unit: str, words: int, streams: tuple[int, ...]) -> Phase:
        return Phase(
            unit=unit,
            compute=-(-words // self.device.vector.words),
            streams=tuple(words * n for n in streams),
        )

    def _elementwise(self, spec: Elementwise, experts: bool) -> Phase:
        if spec.function == "gelu":
            calls = 0 if self.device.techniques.gelu_table else spec.n
            return Phase(unit="gelu", compute=1, calls=calls)
        if spec.function == "mul" and experts:  # scores are applied while adding up
            return Phase(unit="address", compute=1)
        if spec.function != "add" or spec.arity != 2:
            raise UnsupportedOperatorError(
                f"elementwise.function must be gelu or a sum of two on this machine, "
                f"not {spec.function!r}"
            )
        return self._vector("add", self.words(spec.n), (1, 1, 1))

    def _embed(self, spec: Conv2d) -> Phase:
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
            unit="embed",
            compute=patches * steps,
            streams=(image, patches * self.words(spec.cout)),
            weights=weights,
            macs16=patches * pixels * spec.cout,
        )

    def _gemm(self, spec: Gemm, kind: Kind, columns: int) -> Iterator[Phase]:
        if not columns:
            steps = spec.m * -(-spec.k // self.device.vector.gate_lanes)
            groups = -(-spec.n // self.device.encoder.experts)
            macs, streams = spec.m * spec.n * spec.k, (spec.m * self.words(spec.k),)
            yield Phase(unit="gate", compute=steps * groups, streams=streams, macs16=macs)
            return
        accumulates = kind.experts and kind.before != "gelu"
        whole, left = divmod(spec.n, columns)
        if whole:
            yield from [self._linear(spec, columns, kind.experts, accumulates)] * whole
        if left:
            yield self._linear(spec, left, kind.experts, accumulates)

    def _linear(self, spec: Gemm, columns: int, experts: bool, accumulates: bool) -> Phase:
        """``columns`` outputs of a layer; the second layer of an expert adds to its result."""
        device = self.device
        alone = experts and not device.techniques.expert_by_expert
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
            unit="expert" if experts else "linear",
            compute=compute,
            streams=(rows * self.words(spec.k), *([results] * (1 + accumulates))),
            weights=-(-bits // (8 * device.memory.word_bytes)),
            awaited=alone,
            repeat=spec.m if alone else 1,
            macs16=macs,
        )

    def _attention(self, spec: Attention) -> Iterator[Phase]:
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
                unit=unit,
                compute=steps * interval,
                streams=(loaded * token_words if first else (loaded - tokens) * token_words, other),
                calls=pairs if first and not device.techniques.single_pass_softmax else 0,
                repeat=spec.b,
                macs32=pairs * spec.d,
            )
