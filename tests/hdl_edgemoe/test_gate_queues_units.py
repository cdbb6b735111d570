"""The gate and the experts' queues against the reference, bits and cycles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streams import field, part, run

from archsim.config.edgemoe_params import SMALL
from archsim.functional.edgemoe.routing import route
from archsim.functional.edgemoe.softmax import Softmax
from hdl.edgemoe.gate import Gate, choice_layout, cycles, logit_layout
from hdl.edgemoe.queues import ExpertQueues, queued_layout

MORE = replace(SMALL, experts=7, top_k=3)


def chosen(params, logits):
    softmax = Softmax(params)
    reciprocal, bias = softmax.reduce(logits)
    experts = np.argsort(-logits, axis=-1, kind="stable")[:, : params.top_k]
    scores = softmax.weights(np.take_along_axis(logits, experts, axis=-1), reciprocal, bias)
    return experts, scores


@pytest.mark.parametrize("params", [SMALL, MORE], ids=["4 of 2", "7 of 3"])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_the_gate_chooses_what_the_reference_does(params, seed):
    tokens = 12
    rng = np.random.default_rng(3)
    logits = rng.integers(-(1 << 23), 1 << 23, (tokens, params.experts))
    logits[0] = 9
    logits[1] = -(1 << 31)
    logits[2, ::2] = (1 << 31) - 1
    shape = logit_layout(params)
    words = [
        field(shape, value=int(x), last=n == params.experts - 1)
        for row in logits
        for n, x in enumerate(row)
    ]
    found, cycle = run(Gate(params), {"i": words}, {"o": tokens * params.top_k}, seed)
    experts, scores = chosen(params, logits)
    layout = choice_layout(params)
    for word, expert, score in zip(found["o"], experts.ravel(), scores.ravel(), strict=True):
        assert (part(layout, word, "expert"), part(layout, word, "score")) == (expert, score)
    lasts = [part(layout, word, "last") for word in found["o"]]
    assert lasts == ([0] * (params.top_k - 1) + [1]) * tokens
    if seed is None:
        assert cycle == cycles(params, tokens)


@pytest.mark.parametrize("spread", ["random", "all to one", "only the last"])
@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("seed", [None, 4])
def test_queues_give_expert_by_expert(spread, passes, seed):
    rng = np.random.default_rng(5)
    n, k, e = SMALL.tokens, SMALL.top_k, SMALL.experts
    experts = {
        "random": np.stack([rng.permutation(e - 1)[:k] for _ in range(n)]),
        "all to one": np.tile([2, 0], (n, 1)),
        "only the last": np.tile([3, 1], (n, 1)),
    }[spread]
    scores = rng.integers(0, 1 << 22, (n, k))
    shape = queued_layout(SMALL)
    rounds = 2  # a second image must find the queues empty
    words = [
        field(shape, expert=int(experts[t, j]), token=t, score=int(scores[t, j]),
              last=(t, j) == (n - 1, k - 1))
        for _ in range(rounds) for t in range(n) for j in range(k)
    ]  # fmt: skip
    unit = ExpertQueues(SMALL, passes=passes)
    found, cycle = run(unit, {"i": words}, {"o": rounds * passes * n * k}, seed)
    expected = [
        (q.expert, int(t), int(s), int(i == len(q.tokens) - 1))
        for q in route(experts, scores).queues
        for _ in range(passes)
        for i, (t, s) in enumerate(zip(q.tokens, q.scores, strict=True))
    ] * rounds
    got = [
        tuple(part(shape, w, f) for f in ("expert", "token", "score", "last")) for w in found["o"]
    ]
    assert got == expected
    if seed is None:  # no cycle is lost between experts, nor between filling and emptying
        assert cycle == rounds * (1 + passes) * n * k - 1
