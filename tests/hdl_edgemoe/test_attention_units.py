# amaranth: UnusedElaboratable=no
"""The attention units against the reference, bits and cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streams import field, part, run

from archsim.config.edgemoe_params import SMALL
from archsim.functional.edgemoe.attention import Attention, first_keys
from archsim.models.edgemoe.passes import meetings
from cosim.edgemoe_words import packed
from hdl.edgemoe import mix
from hdl.edgemoe.scores import AttentionScores, cycles, score_layout
from hdl.edgemoe.softmax import sum_layout
from hdl.edgemoe.walk import steps

ONE = 1 << 22


def slots_at(params, step):
    """Slot, query, and whether it meets its first and last key, of a step."""
    met = list(meetings(params))[step]
    return [(m.slot, m.query, m.first, m.last) for m in met]


CASES = {
    "9 tokens, 4 slots": SMALL,
    "9 tokens, 3 slots": replace(SMALL, queries=3),
    "9 tokens, 1 slot": replace(SMALL, queries=1, heads=1, lanes=8),
    "5 tokens, 2 slots": replace(SMALL, image_width=16, queries=2, lanes=8),
}


def words(params, token):
    return [packed(token[c : c + params.lanes]) for c in range(0, params.dim, params.lanes)]


def streamed(params, tokens):
    """The tokens again and again, as a pass needs them."""
    return [w for s in range(steps(params)) for w in words(params, tokens[s % params.tokens])]


def drawn(params, seed):
    rng = np.random.default_rng(seed)
    found = [rng.integers(-2 * ONE, 2 * ONE, (params.tokens, params.dim)) for _ in range(3)]
    found[0][1] = rng.integers(-(1 << 31), 1 << 31, params.dim)
    return found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [None, 1])
def test_scores_and_sums_are_those_of_the_reference(name, seed):
    params = CASES[name]
    query, key, _ = drawn(params, 2)
    attention = Attention(params)
    exact = attention.scores(query, key)
    given = {"key": streamed(params, key), "query": [w for t in query for w in words(params, t)]}
    counts = {"o": steps(params) * params.heads, "sums": params.tokens * params.heads}
    found, cycle = run(AttentionScores(params), given, counts, seed)
    shape = score_layout(params)
    for index, word in enumerate(found["o"]):
        step, head = divmod(index, params.heads)
        met = list(slots_at(params, step))
        assert part(shape, word, "valid") == sum(1 << s for s, *_ in met)
        assert part(shape, word, "first") == sum(1 << s for s, _, f, _ in met if f)
        assert part(shape, word, "last") == sum(1 << s for s, _, _, x in met if x)
        for slot, q, *_ in met:
            got = word >> (32 * slot) & 0xFFFFFFFF
            assert got == int(exact[head, q, step % params.tokens]) & 0xFFFFFFFF
    reciprocal, bias = attention.softmax.reduce(exact, first_keys(params))
    layout = sum_layout(params, params.queries * params.heads)
    for index, word in enumerate(found["sums"]):
        q, head = divmod(index, params.heads)
        assert part(layout, word, "row") == q % params.queries * params.heads + head
        assert part(layout, word, "reciprocal") == reciprocal[head, q]
        assert part(layout, word, "bias", signed=True) == bias[head, q]
    if seed is None:
        assert cycle == cycles(params)


def test_more_slots_than_a_softmax_unit_serves_are_refused():
    with pytest.raises(ValueError, match=r"queries must be at most head_dim / lanes \(2\), not 4"):
        AttentionScores(replace(SMALL, lanes=8))


def mix_inputs(params, query, key, value):
    """Scores, sums and values as the first pass and the memory give them; the exact result."""
    attention = Attention(params)
    exact = attention.scores(query, key)
    reciprocal, bias = attention.softmax.reduce(exact, first_keys(params))
    rows = params.queries * params.heads
    shape, layout = score_layout(params), sum_layout(params, rows)
    scores, sums = [], []
    for step in range(steps(params)):
        met = list(slots_at(params, step))
        for head in range(params.heads):
            word = sum(
                (int(exact[head, q, step % params.tokens]) & 0xFFFFFFFF) << 32 * s
                for s, q, *_ in met
            )
            flags = {
                "valid": sum(1 << s for s, *_ in met),
                "first": sum(1 << s for s, _, f, _ in met if f),
                "last": sum(1 << s for s, _, _, x in met if x),
                "head": head,
            }
            scores.append(field(shape, score=word, **flags))
    for q in range(params.tokens):
        for head in range(params.heads):
            row = q % params.queries * params.heads + head
            sums.append(
                field(layout, row=row, reciprocal=int(reciprocal[head, q]), bias=int(bias[head, q]))
            )
    given = {"sums": sums, "scores": scores, "value": streamed(params, value)}
    return given, attention(query, key, value)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", [None, 1])
def test_weighted_sums_are_those_of_the_reference(name, seed):
    params = CASES[name]
    given, exact = mix_inputs(params, *drawn(params, 3))
    rounds = 2  # a second pass must find the unit as the first did
    given = {k: v * rounds for k, v in given.items()}
    expected = [w for t in exact for w in words(params, t)] * rounds
    found, _ = run(mix.AttentionMix(params), given, {"o": len(expected)}, seed)
    assert found["o"] == expected


@pytest.mark.parametrize("name", CASES)
def test_a_mix_takes_a_chunk_a_cycle(name):
    params = CASES[name]
    given, _ = mix_inputs(params, *drawn(params, 3))
    count = {"o": params.tokens * params.dim // params.lanes}
    unit = mix.AttentionMix(params)
    _, cycle = run(unit, given, count)
    # sums arrive one a cycle from cycle 0 on: the first weights wait for the first query's
    assert 0 <= cycle - mix.cycles(params) <= 2
