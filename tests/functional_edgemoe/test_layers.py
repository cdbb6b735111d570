"""Linear layers, norm, softmax and attention against scalar re-statements in Python integers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest

from archsim.config.edgemoe_params import TRAINED, EdgeMoeParams, Techniques
from archsim.functional.edgemoe.attention import Attention, first_keys
from archsim.functional.edgemoe.layers import LayerNorm, Linear, PatchEmbedding
from archsim.functional.edgemoe.routing import Gate, route
from archsim.functional.edgemoe.softmax import Softmax
from archsim.functional.exp import Exp
from archsim.functional.reciprocal import Reciprocal, Rsqrt
from archsim.numeric.edgemoe import exp_params, reciprocal_params, rsqrt_params

SMALL = EdgeMoeParams(
    image_height=4, image_width=8, patch=2, dim=16, heads=2, depth=2, mlp_hidden=32, experts=5,
    expert_hidden=16, tile_in=8, tile_out=4, queries=4, lanes=4,
)  # fmt: skip
ONE = 1 << 22


def wrapped(value: int) -> int:
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def numbers(rng, shape, bits=32):
    half = 1 << (bits - 1)
    drawn = rng.integers(-half, half, shape) >> rng.integers(0, bits, shape)
    extreme = rng.integers(0, 20, shape) == 0
    return np.where(extreme, np.where(drawn < 0, -half, half - 1), drawn)


def test_linear_truncates_the_exact_sum_once_and_wraps():
    rng = np.random.default_rng(1)
    formats = SMALL.formats
    x, w = numbers(rng, (7, 24)), numbers(rng, (6, 24), 16)
    b = numbers(rng, 6, 16)
    found = Linear(SMALL, formats.weight, formats.attention_bias)(x, w, b)
    for i in range(7):
        for j in range(6):
            total = sum(int(p) * int(q) for p, q in zip(x[i], w[j], strict=True))
            exact = floor(Fraction(total, 1 << 14)) + (int(b[j]) << 13)
            assert found[i, j] == wrapped(exact)


def test_patches_are_embedded_behind_the_class_token():
    rng = np.random.default_rng(2)
    p = SMALL
    pixels = rng.integers(0, 256, (3, 4, 8))
    w, b = numbers(rng, (16, 12), 16), numbers(rng, 16, 16)
    token, position = numbers(rng, 16, 30), numbers(rng, (9, 16), 30)
    found = PatchEmbedding(p)(pixels, w, b, token, position)
    assert found.shape == (p.tokens, p.dim) == (9, 16)
    assert (
        found[0] == [wrapped(int(t) + int(q)) for t, q in zip(token, position[0], strict=True)]
    ).all()
    total = 0  # second row, third column of patches, output 5
    for c in range(3):
        for y in range(2):
            for x in range(2):
                total += int(pixels[c, 2 + y, 4 + x]) * int(w[5, c * 4 + y * 2 + x])
    exact = (total >> 2) + (int(b[5]) << 11) + int(position[7, 5])
    assert found[7, 5] == wrapped(exact)


def test_layer_norm_equals_a_scalar_restatement():
    rng = np.random.default_rng(3)
    rows = np.concatenate([numbers(rng, (20, 16)), numbers(rng, (20, 16), 24)])
    rows[0], rows[1], rows[2] = 5, -(1 << 31), (1 << 31) - 1
    scale, offset = numbers(rng, 16, 16), numbers(rng, 16, 16)
    found = LayerNorm(SMALL)(rows, scale, offset)
    rsqrt = Rsqrt(rsqrt_params(SMALL))
    factor = 1 << 26  # 2**30 / 16
    for row, out in zip(rows.tolist(), found, strict=True):
        mean = sum(row) * factor >> 30
        square = sum(x * x >> 22 for x in row) * factor >> 30
        variance = min(max(square - (mean * mean >> 22), 0) + 4, (1 << 40) - 1)
        inverse = int(rsqrt(np.array(variance)))
        for i, x in enumerate(row):
            normal = (x - mean) * inverse >> 22
            exact = (normal * int(scale[i]) >> 11) + (int(offset[i]) << 11)
            assert out[i] == wrapped(exact)


@pytest.mark.parametrize("start", [0, 3])
def test_softmax_follows_the_running_maximum(start):
    rng = np.random.default_rng(4)
    softmax = Softmax(SMALL)
    exp, reciprocal = Exp(exp_params(SMALL)), Reciprocal(reciprocal_params(SMALL))
    rows = rng.integers(-6 * ONE, 6 * ONE, (30, 9))
    rows[0] = 7
    rows[1, :2] = (-(1 << 31), (1 << 31) - 1)
    found, bias = softmax.reduce(rows, np.full(30, start))
    weights = softmax.weights(rows, found, bias)
    for r, row in enumerate(rows.tolist()):
        order = row[start:] + row[:start]
        total, top = ONE, order[0]
        for x in order[1:]:
            if x > top:
                total = (total * int(exp(np.array(x - top))) >> 22) + ONE
                top = x
            else:
                total += int(exp(np.array(top - x)))
        assert (int(reciprocal(np.array(total))), top) == (found[r], bias[r])
        for x, w in zip(row, weights[r], strict=True):
            assert w == int(exp(np.array(top - x))) * int(found[r]) >> 22


def test_softmax_in_three_passes_adds_at_the_final_maximum():
    off = replace(SMALL, techniques=Techniques(single_pass_softmax=False))
    rows = np.random.default_rng(5).integers(-6 * ONE, 6 * ONE, (4, 9))
    found, bias = Softmax(off).reduce(rows)
    total = Exp(exp_params(off))(rows.max(axis=1)[:, None] - rows).sum(axis=1)
    assert (bias == rows.max(axis=1)).all()
    assert (found == Reciprocal(reciprocal_params(off))(total)).all()


def test_a_query_meets_its_slots_key_first():
    assert first_keys(SMALL).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    off = replace(SMALL, techniques=Techniques(reordered_attention=False))
    assert not first_keys(off).any()
    assert (SMALL.query_blocks, off.query_blocks) == (3, 3)
    assert EdgeMoeParams().query_blocks == 33


def test_attention_scores_and_sums_wrap_like_64_bit_hardware():
    rng = np.random.default_rng(6)
    attention = Attention(SMALL)
    q, k = numbers(rng, (9, 16)), numbers(rng, (9, 16))
    scores = attention.scores(q, k)
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        for i in range(9):
            for j in range(9):
                total = sum(int(a) * int(b) for a, b in zip(q[i, part], k[j, part], strict=True))
                assert scores[head, i, j] == wrapped(total >> 23)
    v = numbers(rng, (9, 16))
    q, k = q >> 20, k >> 20
    found = attention(q, k, v)
    scores = attention.scores(q, k)
    weights = attention.softmax.weights(
        scores, *attention.softmax.reduce(scores, first_keys(SMALL))
    )
    total = sum(int(weights[1, 4, j]) * int(v[j, 10]) for j in range(9))
    assert found[4, 10] == wrapped(total >> 22)


def test_the_gate_ranks_stably_and_fills_queues_in_order():
    rng = np.random.default_rng(7)
    x = rng.integers(-ONE, ONE, (9, 16))
    weight = rng.integers(-1000, 1000, (5, 16))
    weight[3] = weight[1]  # equal logits: the lower index comes first
    routing = Gate(SMALL)(x, weight)
    for row in routing.experts.tolist():
        assert len(set(row)) == 2
        assert row != [3, 1]
    assert (np.diff(routing.scores, axis=1) <= 0).all()
    met = []
    for queue in routing.queues:
        assert (np.diff(queue.tokens) > 0).all()
        met.append(queue.expert)
        for token, score in zip(queue.tokens, queue.scores, strict=True):
            place = routing.experts[token].tolist().index(queue.expert)
            assert routing.scores[token, place] == score
    assert met == sorted(met)
    assert sum(routing.histogram(5)) == 18


def test_equal_logits_choose_the_first_experts():
    routing = Gate(SMALL)(np.zeros((3, 16), dtype=np.int64), np.zeros((5, 16), dtype=np.int64))
    assert routing.experts.tolist() == [[0, 1]] * 3
    lowest = np.full((3, 16), 1 << 26)
    weight = np.full((5, 16), -(1 << 15))  # every logit wraps to the same extreme
    assert Gate(SMALL)(lowest, weight).experts.tolist() == [[0, 1]] * 3


def test_experts_without_tokens_have_no_queue():
    routing = route(np.array([[4, 2], [2, 4]]), np.array([[9, 1], [8, 2]]))
    assert [q.expert for q in routing.queues] == [2, 4]
    assert routing.queues[0].tokens.tolist() == [0, 1]
    assert routing.queues[0].scores.tolist() == [1, 8]
    assert routing.histogram(5) == (0, 0, 2, 0, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"queries": 10}, "queries must be at most tokens"),
        ({"heads": 3}, "dim must be a multiple of heads"),
        ({"tile_in": 5}, "dim must be a multiple of tile_in"),
        ({"top_k": 6}, "top_k must be at most experts"),
        ({"image_height": 5}, "image_height must be a multiple of patch"),
        ({"dim": 48, "heads": 2, "mlp_hidden": 32}, "dim / heads must be a power of two"),
        ({"experts": 0}, "experts must be 1 to 64, not 0"),
    ],
)
def test_bad_parameters_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        replace(SMALL, **change)


def test_the_digest_covers_every_parameter():
    assert SMALL.digest == replace(SMALL).digest
    assert SMALL.digest != replace(SMALL, queries=3).digest
    off = replace(SMALL, techniques=Techniques(gelu_table=False))
    assert SMALL.digest != off.digest
    assert TRAINED.tokens == 33
