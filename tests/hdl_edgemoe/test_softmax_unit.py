"""The softmax units against the reference, bits and cycles."""

from __future__ import annotations

import numpy as np
import pytest
from streams import field, part, run

from archsim.config.edgemoe_params import SMALL
from archsim.functional.edgemoe.softmax import Softmax
from hdl.edgemoe.softmax import RECURRENCE, OnlineSoftmax, SoftmaxWeight, number_layout, sum_layout

ONE = 1 << 22


def interleaved(rows, order):
    shape = number_layout(SMALL, len(rows))
    words = []
    for step in range(rows.shape[1]):
        for row in order:
            words.append(
                field(
                    shape, value=int(rows[row, step]), row=row, first=step == 0,
                    last=step == rows.shape[1] - 1,
                )
            )  # fmt: skip
    return words


def rows_of(count, length, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(-4 * ONE, 4 * ONE, (count, length))
    rows[0, :3] = (-(1 << 31), (1 << 31) - 1, 5)
    rows[1] = np.arange(length) * ONE // 3  # rises every time
    return rows


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_sums_and_maxima_are_those_of_the_reference(seed):
    rows = rows_of(4, 9, 3)
    found, _ = run(OnlineSoftmax(SMALL, rows=4), {"i": interleaved(rows, range(4))}, {"o": 4}, seed)
    shape = sum_layout(SMALL, 4)
    reciprocal, bias = Softmax(SMALL).reduce(rows)
    for word in found["o"]:
        row = part(shape, word, "row")
        assert part(shape, word, "reciprocal") == reciprocal[row]
        assert part(shape, word, "bias", signed=True) == bias[row]
    assert [part(shape, w, "row") for w in found["o"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("rows", "interval"), [(4, 1), (3, 1), (2, RECURRENCE / 2), (1, RECURRENCE)]
)
def test_a_number_a_cycle_unless_its_row_is_too_soon(rows, interval):
    length = 20
    words = interleaved(rows_of(max(2, rows), length, 4)[:rows], range(rows))
    _, cycle = run(OnlineSoftmax(SMALL, rows=rows), {"i": words}, {"o": rows})
    # rows that come too soon wait in pairs: the last number of a round is on time
    rounds = max(rows, RECURRENCE)
    expected = rounds * (length - 1) + rows - 1 + OnlineSoftmax.LATENCY
    assert cycle == expected
    assert rounds / rows == max(1, interval)


@pytest.mark.parametrize("seed", [None, 5])
def test_weights_are_those_of_the_reference(seed):
    rows = rows_of(4, 12, 6)
    softmax = Softmax(SMALL)
    reciprocal, bias = softmax.reduce(rows)
    exact = softmax.weights(rows, reciprocal, bias)
    unit = SoftmaxWeight(SMALL)
    shape = unit.i.payload.shape()
    words = [
        field(shape, value=int(x), bias=int(bias[r]), reciprocal=int(reciprocal[r]))
        for r in range(4)
        for x in rows[r]
    ]
    found, cycle = run(unit, {"i": words}, {"o": len(words)}, seed)
    assert found["o"] == exact.ravel().tolist()
    if seed is None:
        assert cycle == len(words) - 1 + SoftmaxWeight.LATENCY
