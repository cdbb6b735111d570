"""What the choice of a kernel remembers between devices never changes an answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

from archsim.engine.jit import lean
from archsim.mapping.gpu.nvjet_choice import nvjet_table
from archsim.models.gpu import gemm_choice as choice
from archsim.models.gpu import gemm_lower
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_candidates import whole_work
from archsim.models.gpu.gemm_cheapest import fill, total
from archsim.models.gpu.gemm_ranking import (
    CLUSTERS,
    FINALISTS,
    Known,
    Room,
    liked_between,
    liking_of,
    ranking,
)
from archsim.models.gpu.gemm_wgmma import wgmma_us
from archsim.models.gpu.plan import HBM, OUTPUTS
from archsim.models.gpu.vector import variants

PRODUCTS = (
    (1576, 2304, 768, "fp16", True),
    (197, 2760, 2304, "fp16", True),
    (512, 488, 3904, "fp8", True),
    (64, 3176, 1944, "fp8", False),
    (197, 2944, 3536, "fp8", False),
)
"""Of the last four, devices of other memories take other kernels."""


@lean
def judged(net, i, known, room):
    """Call compiled code's own functions, which have no entry from Python."""
    low, high = liked_between(net, i, known, room)
    return low, liking_of(net, i, known, room), high


def devices(h200, count, seed):
    """Records of devices: small and large steps of the memory's rate, now and then of the rest."""
    chance = random.Random(seed)
    values = {"memory.bandwidth_bytes_per_s": 4.8e12}
    for _ in range(count):
        rate = values["memory.bandwidth_bytes_per_s"]
        step = chance.choice((1.0, 1.002, 0.99, chance.uniform(0.2, 5.0)))
        values["memory.bandwidth_bytes_per_s"] = min(max(rate * step, 1e11), 5e13)
        if chance.random() < 0.15:
            values["clock.boost_hz"] = chance.uniform(1.6e9, 2.3e9)
        if chance.random() < 0.1:
            values["l2.capacity_bytes"] = chance.choice((6e6, 5e7, 2e8))
        yield variants(h200.with_values(values)).rows[0]


def product(m, n, k, dtype, bias):
    """A product that has seen no device yet."""
    most = 1.0 if bias else float(choice.MOST_SPLITS)
    return gemm_lower.Product(gemm_lower.template(m, n, k, 1, dtype, 2.0), dtype, most, bias, 132.0)


@pytest.mark.parametrize("shape", PRODUCTS)
def test_earlier_devices_change_no_choice(h200, shape):
    known, taken = product(*shape), set()
    for dev in devices(h200, 60, 1):
        plans, liking = known.plans(dev), known._room.final.max()
        assert plans == product(*shape).plans(dev)
        assert liking == known._room.final.max()
        taken.add(tuple(plan.name for plan in plans))
    assert len(taken) > 1 or shape == PRODUCTS[0]


@pytest.mark.parametrize("shape", PRODUCTS)
def test_a_liking_lies_where_it_is_said_to(h200, shape):
    """And so that somebody is left out: the best ones are worked out anew, not all."""
    bias = shape[-1]
    known = product(*shape)
    net, kept, room = known._net, known._known, known._room
    left_out = judged_rows = 0
    for dev in devices(h200, 30, "between"):
        known.plans(dev)
        ranked = [int(i) for i in np.flatnonzero(room.likings > -1e300) if kept.seen[i] == 2]
        for i in ranked:
            low, liking, high = judged(net, i, kept, room)
            assert low <= liking <= high
            judged_rows += 1
        left_out += sum(room.final[i] == -1e300 for i in ranked)
    assert (left_out > 0, judged_rows > 0) == (bias, bias)  # with parts of K nothing is kept


def test_a_candidate_is_priced_like_a_kernel(h200):
    chance = random.Random(5)
    out = np.zeros(OUTPUTS)
    for dev in devices(h200, 40, 3):
        m, n, k, dtype, bias = chance.choice(PRODUCTS)
        p = gemm_lower.template(m, n, k, 1, dtype, 2.0)
        table = nvjet_table("8" if dtype == "fp8" else "16")
        fill(table[chance.randrange(len(table))], p, 1.0, 132.0, 2.0)
        p[g.BIAS] = float(bias)
        row = dev.reshape(1)[0]
        out[:] = 0.0
        time_gemm(row, p, out)
        us, hbm_us = wgmma_us(row, whole_work(row, p, np.zeros(OUTPUTS)))
        assert us == total(out)
        assert hbm_us == out[HBM]


def test_ranked_leaves_nobody_out(h200):
    """What `ranked` gives for a table holds all finalists, for it remembers nothing."""
    dev = variants(h200).rows[0]
    p = gemm_lower.template(1576, 2304, 768, 1, "fp16", 2.0)
    likings, _, _ = choice.ranked(dev, p, "16", 1.0)
    assert np.sum(likings > -1e300) == FINALISTS * CLUSTERS
    assert Known.nothing(np.zeros((16, 2)), ranking("16")).chosen[0] == 0
    assert len(Room.of(np.zeros((16, 2)), ranking("16")).best_of) == 2
