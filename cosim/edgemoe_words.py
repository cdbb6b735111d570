"""Words of the Edge-MoE units' streams: packing, and what each unit must give and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams, engine_params
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe.attention import Attention, first_keys
from archsim.functional.edgemoe.layers import LayerNorm
from archsim.functional.edgemoe.routing import Queue, Routing, route
from archsim.functional.edgemoe.softmax import Softmax
from archsim.functional.matrix import ColumnParams
from archsim.mapping.array import plan
from archsim.mapping.array_layout import pack
from archsim.models.array import engine_cycles
from archsim.models.edgemoe.passes import meetings, passes
from archsim.models.edgemoe.steps import serial
from hdl.edgemoe import gate, mix, norm, scores
from hdl.edgemoe.linear import EPILOGUE_CYCLES
from hdl.edgemoe.queues import queued_layout
from hdl.edgemoe.softmax import sum_layout
from hdl.edgemoe.units import job_layout
from hdl.edgemoe.walk import keys

Words = Sequence[int]


@dataclass(frozen=True)
class UnitCase:
    """Work of one unit: words in, words that must come out, and the model's cycles.

    ``cycles`` is the predicted cycle of the last word out, the first entering in cycle 0.
    """

    name: str
    unit: str
    words: Mapping[str, Words]
    expected: Mapping[str, Words]
    cycles: int
    masks: Mapping[str, Words] = field(default_factory=dict)
    """Bits that count of each expected word, where not all do."""


def packed(elements: Any, bits: int = 32) -> int:
    """Return a word of ``elements``, element 0 lowest."""
    mask = (1 << bits) - 1
    word = 0
    for element in reversed(list(elements)):
        word = word << bits | (int(element) & mask)
    return word


def unpacked(word: int, count: int, bits: int = 32) -> list[int]:
    """Return the signed elements of a word."""
    half = 1 << (bits - 1)
    parts = ((word >> (n * bits)) & ((1 << bits) - 1) for n in range(count))
    return [(part ^ half) - half for part in parts]


def fields(shape: Any, **values: int) -> int:
    """Return a word of an Amaranth ``StructLayout``."""
    word = 0
    for name, part in shape:
        word |= (int(values[name]) & ((1 << part.width) - 1)) << part.offset
    return word


def token_words(matrix: Ints, lanes: int) -> list[int]:
    """Return the words of tokens ``[n, dim]``, one after another."""
    return [packed(row[c : c + lanes]) for row in matrix for c in range(0, len(row), lanes)]


def norm_case(params: EdgeMoeParams, name: str, x: Ints, scale: Ints, offset: Ints) -> UnitCase:
    """Layer norm of tokens ``[n, dim]``."""
    lanes = params.lanes
    both = np.stack([scale, offset], axis=1).reshape(-1)
    weights = [packed(both[c : c + 2 * lanes], 16) for c in range(0, len(both), 2 * lanes)]
    exact = LayerNorm(params)(x, scale, offset)
    words = {"norm_w": weights, "norm_i": token_words(x, lanes)}
    expected = {"norm_o": token_words(exact, lanes)}
    return UnitCase(name, "norm", words, expected, norm.cycles(params, lanes, len(x)))


def score_words(params: EdgeMoeParams, exact: Ints) -> tuple[list[int], list[int]]:
    """Return the words of scores ``[heads, n, n]`` step by step, and which bits of them count."""
    layout = scores.score_layout(params)
    words, masks = [], []
    flags = sum((1 << layout[n].width) - 1 << layout[n].offset
                for n in ("valid", "first", "last", "head"))  # fmt: skip
    for key, met_now in zip(keys(params), meetings(params), strict=True):
        met = [(m.slot, m.query, m.first, m.last) for m in met_now]
        for head in range(params.heads):
            of_key = exact[head, :, key]
            word = sum((int(of_key[q]) & 0xFFFFFFFF) << 32 * s for s, q, *_ in met)
            words.append(fields(
                layout, score=word, head=head, valid=sum(1 << s for s, *_ in met),
                first=sum(1 << s for s, _, f, _ in met if f),
                last=sum(1 << s for s, _, _, x in met if x),
            ))  # fmt: skip
            masks.append(flags | sum(0xFFFFFFFF << 32 * s for s, *_ in met))
    return words, masks


def sum_words(params: EdgeMoeParams, exact: Ints) -> list[int]:
    """Return the words of the softmax sums of scores ``[heads, n, n]``."""
    reciprocal, bias = Softmax(params).reduce(exact, first_keys(params))
    layout = sum_layout(params, params.queries * params.heads)
    return [
        fields(
            layout, row=q % params.queries * params.heads + head,
            reciprocal=int(reciprocal[head, q]), bias=int(bias[head, q]),
        )
        for q in range(params.tokens)
        for head in range(params.heads)
    ]  # fmt: skip


def repeated(params: EdgeMoeParams, tokens: Ints) -> list[int]:
    """Return the words of tokens as a pass streams them: again and again, ``steps`` in all."""
    once = token_words(tokens, params.lanes)
    each = params.dim // params.lanes
    return [word for key in keys(params) for word in once[key * each : (key + 1) * each]]


def attention_cases(
    params: EdgeMoeParams, name: str, query: Ints, key: Ints, value: Ints
) -> list[UnitCase]:
    """Both passes of an attention, the second with what the first must give."""
    attention = Attention(params)
    exact = attention.scores(query, key)
    words, masks = score_words(params, exact)
    sums = sum_words(params, exact)
    plain = not params.techniques.single_pass_softmax
    last = passes(params)[0] if plain else scores.cycles(params)
    first = UnitCase(
        f"{name} scores", "scores",
        {"scores_key": repeated(params, key), "scores_query": token_words(query, params.lanes)},
        {"scores_o": words, "scores_sums": sums}, last, {"scores_o": masks},
    )  # fmt: skip
    mixed = token_words(attention(query, key, value), params.lanes)
    given = {"mix_sums": sums, "mix_scores": words, "mix_value": repeated(params, value)}
    # the sums come a word a cycle from cycle 0 on: the first weights wait for the first sum
    second = UnitCase(f"{name} mix", "mix", given, {"mix_o": mixed}, mix.cycles(params) + 1)
    return [first, second]


def gate_case(params: EdgeMoeParams, name: str, logits: Ints, routing: Routing) -> UnitCase:
    """Choice of experts from logits ``[n, experts]``."""
    layout, chosen = gate.logit_layout(params), gate.choice_layout(params)
    words = [
        fields(layout, value=x, last=n == params.experts - 1)
        for row in logits
        for n, x in enumerate(row)
    ]
    expected = [
        fields(chosen, expert=e, score=s, last=k == params.top_k - 1)
        for experts, scored in zip(routing.experts, routing.scores, strict=True)
        for k, (e, s) in enumerate(zip(experts, scored, strict=True))
    ]
    cycles = gate.cycles(params, len(logits))
    return UnitCase(name, "gate", {"gate_i": words}, {"gate_o": expected}, cycles)


def queue_case(params: EdgeMoeParams, name: str, routing: Routing) -> UnitCase:
    """Queues filled in the order of tokens, emptied twice an expert."""
    layout = queued_layout(params)
    n, k = routing.experts.shape
    words = [
        fields(
            layout, expert=routing.experts[t, j], token=t, score=routing.scores[t, j],
            last=(t, j) == (n - 1, k - 1),
        )
        for t in range(n)
        for j in range(k)
    ]  # fmt: skip
    expected = [
        fields(layout, expert=q.expert, token=t, score=s, last=i == len(q.tokens) - 1)
        for q in routing.queues
        for _ in range(2)
        for i, (t, s) in enumerate(zip(q.tokens, q.scores, strict=True))
    ]
    if not params.techniques.expert_by_expert:
        last = 1 << layout["last"].offset
        expected = [word | last for word in words for _ in range(2)]
        return UnitCase(name, "queues", {"queues_i": words}, {"queues_o": expected}, 2 * n * k)
    return UnitCase(name, "queues", {"queues_i": words}, {"queues_o": expected}, 3 * n * k - 1)


@dataclass(frozen=True)
class Layer:
    """A linear layer: ``weight`` [out, in], ``bias`` at ``bias_fraction_bits``, and its end.

    ``scores`` [n] and ``old`` [n, out]: the result is scored and added to ``old``.
    """

    weight: Ints
    bias: Ints
    bias_fraction_bits: int
    gelu: bool = False
    scores: Ints | None = None
    old: Ints | None = None


def linear_case(params: EdgeMoeParams, name: str, x: Ints, layer: Layer, exact: Ints) -> UnitCase:
    """A layer on the linear unit; ``exact`` is its result ``[n, out]``."""
    engine, formats = engine_params(params), params.formats
    m, k = x.shape
    n = len(layer.weight)
    job = plan(engine, m, n, k)
    fraction = formats.activation.fraction_bits + formats.weight.fraction_bits
    none = np.zeros(n, dtype=np.int64)
    columns = ColumnParams(layer.bias << (fraction - layer.bias_fraction_bits), none, none)
    beats = pack(engine, job, x, layer.weight.T, columns)
    order = list(_rows(params, job))
    registers = job_layout()["job"].shape
    shape = fields(registers, **{name: getattr(job, name) for name, _ in registers})
    weigh = layer.scores is not None
    words: dict[str, Words] = {
        "linear_job": [fields(job_layout(), job=shape, gelu=layer.gelu, weigh=weigh)],
        "linear_i": [int.from_bytes(beat.tobytes(), "little") for beat in beats],
    }
    tile = params.tile_out
    if layer.scores is not None and layer.old is not None:
        words["linear_score"] = [int(layer.scores[r]) for r, _ in order]
        words["linear_old"] = [packed(layer.old[r, c : c + tile]) for r, c in order]
    expected = {"linear_o": [packed(exact[r, c : c + tile]) for r, c in order]}
    # the stream of jobs takes a cycle before the engine starts
    cycles = engine_cycles(engine, job).cycles + EPILOGUE_CYCLES
    if layer.gelu and not params.techniques.gelu_table:
        cycles = serial(params, m, k, n) + EPILOGUE_CYCLES
    return UnitCase(name, "linear", words, expected, cycles)


def _rows(params: EdgeMoeParams, job: Any) -> Iterator[tuple[int, int]]:
    """Row and first column of each word of a result, in the order in which they leave."""
    base = 0
    for held in job.group_sizes():
        for n in range(job.n_tiles):
            for row in range(base * params.tile_rows, min((base + held) * params.tile_rows, job.m)):
                yield row, n * params.tile_out
        base += held


def result_rows(params: EdgeMoeParams, x: Ints, result: Ints) -> list[tuple[int, int]]:
    """Return row and first column of each word of a layer's result ``[n, out]``, in order."""
    job = plan(engine_params(params), len(x), result.shape[1], x.shape[1])
    return list(_rows(params, job))


def routing_of(params: EdgeMoeParams, found: Words) -> Routing:
    """Return the routing that the gate's words say."""
    layout = gate.choice_layout(params)
    experts, scored = (
        np.array([_part(layout, word, name) for word in found]).reshape(-1, params.top_k)
        for name in ("expert", "score")
    )
    return route(experts, scored)


def queues_of(params: EdgeMoeParams, found: Words) -> list[Queue]:
    """Return the queues in the order in which the words give them, each pass of an expert once."""
    layout = queued_layout(params)
    queues: list[Queue] = []
    tokens: list[int] = []
    scored: list[int] = []
    again = False
    for word in found:
        tokens.append(_part(layout, word, "token"))
        scored.append(_part(layout, word, "score"))
        if _part(layout, word, "last"):
            if again:  # the pass for the second layer
                expert = _part(layout, word, "expert")
                queues.append(Queue(expert, np.array(tokens), np.array(scored)))
            again = not again
            tokens, scored = [], []
    return queues


def _part(layout: Any, word: int, name: str) -> int:
    part = layout[name]
    return int(word >> part.offset & ((1 << part.width) - 1))
