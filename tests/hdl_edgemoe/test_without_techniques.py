"""What stands in the place of techniques that are off: units alone, against the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streams import field, part, run

from archsim.config.edgemoe_params import SMALL, Techniques
from archsim.functional.edgemoe.attention import Attention, first_keys
from archsim.functional.edgemoe.erf import ErfGelu as ExactGelu
from archsim.functional.edgemoe.reference import gelu
from archsim.functional.edgemoe.routing import Gate as ExactGate
from archsim.functional.edgemoe.softmax import Softmax
from cosim.edgemoe_words import attention_cases, gate_case, queue_case, queues_of
from hdl.edgemoe.erf import CALL_CYCLES, ErfGelu, row_cycles
from hdl.edgemoe.gate import Gate
from hdl.edgemoe.mix import AttentionMix
from hdl.edgemoe.plain_softmax import PlainSoftmax
from hdl.edgemoe.plain_softmax import row_cycles as softmax_row_cycles
from hdl.edgemoe.queues import TokenQueue
from hdl.edgemoe.scores import AttentionScores
from hdl.edgemoe.softmax import number_layout, sum_layout


def without(*names):
    return replace(SMALL, techniques=Techniques(**dict.fromkeys(names, False)))


def test_the_error_function_gelu_is_close_to_the_exact_one():
    p = without("gelu_table")
    one = 1 << p.formats.activation.fraction_bits
    x = np.concatenate([
        np.arange(-7 * one, 7 * one, 97), np.arange(-9000, 9000),
        np.array([-(1 << 31), (1 << 31) - 1, 6 * one, 6 * one - 1, -6 * one]),
    ])  # fmt: skip
    found = ExactGelu(p)(x)
    assert np.abs(found / one - gelu(x / one)).max() < 2e-6


@pytest.mark.parametrize("seed", [None, 3])
def test_rows_through_the_error_function_unit(seed):
    p = without("gelu_table")
    draw = np.random.default_rng(1)
    x = np.concatenate([
        draw.integers(-(8 << 22), 8 << 22, (6, p.tile_out)),
        [[0, 1, -1, (6 << 22) - 1]], [[-(1 << 31), (1 << 31) - 1, 6 << 22, -(6 << 22)]],
    ])  # fmt: skip
    mask = (1 << 32) - 1
    words = [sum((int(v) & mask) << 32 * n for n, v in enumerate(row)) for row in x]
    found, cycle = run(ErfGelu(p), {"i": words}, {"o": len(words)}, seed)
    exact = ExactGelu(p)(x)
    for word, row in zip(found["o"], exact, strict=True):
        assert [word >> 32 * n & mask for n in range(p.tile_out)] == [int(v) & mask for v in row]
    if seed is None:
        assert cycle == len(words) * row_cycles(p) - 1
    assert 30 <= CALL_CYCLES <= 40  # of the size of the library's


@pytest.mark.parametrize("seed", [None, 5])
def test_softmax_sums_after_the_maximum(seed):
    p = without("single_pass_softmax")
    rows, numbers, rounds = 3, 7, 2
    draw = np.random.default_rng(2)
    x = draw.integers(-(4 << 22), 4 << 22, (rounds, rows, numbers))
    layout, out = number_layout(p, rows), sum_layout(p, rows)
    words = [
        field(layout, value=int(x[r, row, n]), row=row, first=n == 0, last=n == numbers - 1)
        for r in range(rounds) for n in range(numbers) for row in range(rows)
    ]  # fmt: skip
    unit = PlainSoftmax(p, rows=rows, numbers=numbers)
    found, cycle = run(unit, {"i": words}, {"o": rounds * rows}, seed)
    reciprocal, bias = Softmax(p).reduce(x)
    for index, word in enumerate(found["o"]):
        r, row = divmod(index, rows)
        assert part(out, word, "row") == row
        assert part(out, word, "reciprocal") == reciprocal[r, row]
        assert part(out, word, "bias", signed=True) == bias[r, row]
    if seed is None:
        taken = rounds * rows * (numbers - 1) + rounds * rows
        assert cycle == taken + rounds * rows * (softmax_row_cycles(numbers) - 1) - 1


@pytest.mark.parametrize("names", [("reordered_attention",), ("single_pass_softmax",)])
def test_attention_passes_without_a_technique(names):
    p = without(*names)
    draw = np.random.default_rng(4)
    q, k, v = (draw.integers(-(1 << 23), 1 << 23, (p.tokens, p.dim)) for _ in range(3))
    first, second = attention_cases(p, "x", q, k, v)
    strip = len("scores_")
    words = {name[strip:]: w for name, w in first.words.items()}
    counts = {name[strip:]: len(w) for name, w in first.expected.items()}
    found, cycle = run(AttentionScores(p), words, counts)
    masks = first.masks["scores_o"]
    for got, expected, mask in zip(found["o"], first.expected["scores_o"], masks, strict=True):
        assert (got ^ expected) & mask == 0
    assert found["sums"] == list(first.expected["scores_sums"])
    assert cycle == pytest.approx(first.cycles, rel=0.01)
    given = {"sums": found["sums"], "scores": found["o"], "value": second.words["mix_value"]}
    mixed, cycle = run(AttentionMix(p), given, {"o": len(second.expected["mix_o"])})
    assert mixed["o"] == list(second.expected["mix_o"])
    assert cycle == second.cycles
    exact = Attention(p).scores(q, k)
    other = Softmax(SMALL).reduce(exact, first_keys(SMALL))
    assert (Softmax(p).reduce(exact, first_keys(p))[1] == other[1]).all()  # the same maxima


def test_a_gate_without_the_running_maximum():
    p = without("single_pass_softmax")
    logits = np.random.default_rng(1).integers(-(2 << 22), 2 << 22, (5, p.experts))
    case = gate_case(p, "gate", logits, ExactGate(p).choose(logits))
    expected = list(case.expected["gate_o"])
    found, cycle = run(Gate(p), {"i": list(case.words["gate_i"])}, {"o": len(expected)})
    assert found["o"] == expected
    assert cycle == case.cycles


def test_chosen_experts_leave_token_by_token():
    p = without("expert_by_expert")
    logits = np.random.default_rng(1).integers(-(2 << 22), 2 << 22, (p.tokens, p.experts))
    case = queue_case(p, "queues", ExactGate(p).choose(logits))
    expected = list(case.expected["queues_o"])
    found, cycle = run(TokenQueue(p), {"i": list(case.words["queues_i"])}, {"o": len(expected)})
    assert found["o"] == expected
    assert cycle == case.cycles
    assert [q.expert for q in queues_of(p, expected)] == list(
        ExactGate(p).choose(logits).experts.ravel()
    )
