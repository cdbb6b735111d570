"""Which kernel the library picks: every legal candidate is priced and the best one taken."""

from __future__ import annotations

from math import ceil, floor, log
from typing import Any

import numpy as np

from archsim.engine.jit import lean
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_choice import nvjet_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_features import (
    HBM_SHARE,
    RUN,
    TIME,
    describe_cover,
    describe_operator,
    describe_run,
    describe_time,
)
from archsim.models.gpu.gemm_ranking import CLUSTERS, Known, Room, ranking
from archsim.models.gpu.gemm_steps import wgmma_step
from archsim.models.gpu.plan import HBM

MOST_SPLITS = 32
FINALISTS = 14
"""Tiles that are priced with every cluster shape."""
BIAS_GUIDE = 0.5
"""Share of the network in who is a finalist, where a bias is added: large layers differ by little
in the linear utility."""
LOOSE, LOOSE_CLK = 1.4, 2500.0
"""Candidates whose busy time alone exceeds the best one's by this factor and these clocks are not
priced."""
LEAST_STEPS, MOST_PARTS = 20.0, 12.0
"""nvjet splits K into at most so many parts of at least so many steps each (recorded names)."""

(_ENGINE, _TM, _TN, _TK, _STAGES, _CM, _CN, _COOP, _M_SIDE, _WM, _WN, _SLOTS, _ROOM, _BIAS) = (
    t.ENGINE, t.TM, t.TN, t.TK, t.STAGES, t.CM, t.CN, t.COOP, t.M_SIDE, t.WM, t.WN, t.SLOTS,
    t.ROOM, t.BIAS,
)  # fmt: skip


@lean
def fill(row: Any, p: Any, split: float, sms: float, out_bytes: float) -> None:
    """Put candidate ``row`` with ``split`` parts of K into the plan's numbers ``p``."""
    p[g.TM], p[g.TN], p[g.STAGES] = row[_TM], row[_TN], row[_STAGES]
    p[g.TK] = row[_TK] if row[_TK] > 0.0 else 128.0 / p[g.IN_BYTES]
    p[g.CM], p[g.CN] = row[_CM], row[_CN]
    p[g.SPLIT], p[g.SLOTS], p[g.ENGINE] = split, row[_SLOTS], row[_ENGINE]
    p[g.COOP], p[g.M_SIDE], p[g.WM], p[g.WN] = row[_COOP], row[_M_SIDE], row[_WM], row[_WN]
    p[g.OUT_BYTES] = out_bytes if split == 1.0 else max(out_bytes, 4.0)
    down, across = ceil(p[g.M] / p[g.TM]), ceil(p[g.N] / p[g.TN])
    if row[_ENGINE] <= 1.0:
        size = row[_CM] * row[_CN]
        most = max(floor(sms * row[_ROOM] / size) * size, size)
        down = ceil(down / row[_CM]) * row[_CM]
        across = ceil(across / row[_CN]) * row[_CN]
        p[g.CTAS] = min(most, down * across * p[g.BATCH] * split)
    else:
        swizzle = 1.0
        if row[_ENGINE] == 2.0:
            while swizzle < min(across, 8.0):
                swizzle *= 2.0
        p[g.CTAS] = down * ceil(across / swizzle) * swizzle * p[g.BATCH] * split


@lean
def total(out: Any) -> float:
    """Return the time of a priced kernel."""
    return float(out[0] + out[1] + out[2] + out[3] + out[4] + out[5])


@lean
def reduction_us(dev: Any, p: Any, split: float, out_bytes: float) -> float:
    """Return the time of summing ``split`` parts of K."""
    moved = p[g.M] * p[g.N] * (split * max(out_bytes, 4.0) + out_bytes)
    each = dev.tensor_kernels_gemm_reduce_split_us
    if p[g.ENGINE] >= 3.0:
        each = dev.tensor_kernels_gemm_reduce_serial_us
    us = dev.tensor_kernels_gemm_reduce_us + split * each
    return float(us + moved / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6)


@lean
def cheapest(devices: Any, p: Any, table: Any, most: float, scratch: Any) -> tuple[int, float]:
    """Return the row of ``table`` and the split of K (at most ``most``) that the library takes.

    That is the least time, each weighed by how readily the library takes the row. ``devices``
    holds one record: an array, whose type is looked up a hundred times as fast as a record's.
    """
    dev = devices[0]
    best, row, parts = 1e300, 0, 1.0
    out_bytes = p[g.OUT_BYTES]
    for i in range(table.shape[0]):
        split = 1.0
        while True:
            fill(table[i], p, split, dev.sm_count, out_bytes)
            scratch[:] = 0.0
            time_gemm(dev, p, scratch)
            us = total(scratch)
            if split > 1.0:
                us += reduction_us(dev, p, split, out_bytes)
            cost = log(us) - table[i, _BIAS]
            if cost < best:
                best, row, parts = cost, i, split
            tiles = p[g.CTAS] / split
            split += 1.0
            full = tiles * split > dev.sm_count * p[g.SLOTS]
            if split > most or full or g.k_steps(p) < 4.0 * split:
                break
    p[g.OUT_BYTES] = out_bytes
    return row, parts


@lean
def busy_clk(dev: Any, row: Any, p: Any, most: float) -> float:
    """Return the clocks that a candidate computes for at its best split, whatever memory does."""
    tiles = ceil(p[g.M] / row[_TM]) * ceil(p[g.N] / row[_TN]) * p[g.BATCH]
    p[g.TM], p[g.TN], p[g.COOP], p[g.M_SIDE] = row[_TM], row[_TN], row[_COOP], row[_M_SIDE]
    p[g.TK] = 128.0 / p[g.IN_BYTES]
    port = dev.sm_shared_bytes_per_clk * dev.tensor_kernels_gemm_fill_fraction
    load = (row[_TM] + row[_TN]) * 128.0 / port
    per_sm = max(tiles / (dev.sm_count * row[_ROOM]), 1.0)
    if tiles > dev.sm_count * row[_ROOM]:
        per_sm = ceil(per_sm)
    steps = g.k_steps(p)
    split = 1.0
    if p[g.BATCH] == 1.0:
        wave = floor(dev.sm_count * row[_ROOM] / tiles)
        split = max(min(wave, floor(steps / LEAST_STEPS), most), 1.0)
    clk = max(wgmma_step(dev, p), load) * per_sm * steps / split
    if split > 1.0:
        clk += dev.tensor_kernels_gemm_reduce_us * dev.clock_boost_hz * 1e-6
    return float(clk)


@lean
def dot(a: Any, b: Any) -> float:
    """Return the inner product."""
    found = 0.0
    for i in range(a.shape[0]):
        found += a[i] * b[i]
    return found


@lean
def add_rows(x: Any, weights: Any, into: Any) -> None:
    """Add ``x @ weights`` to ``into``, four rows at a time (both descriptions have 4n numbers)."""
    for f in range(0, x.shape[0], 4):
        a, b = np.float32(x[f]), np.float32(x[f + 1])
        c, d = np.float32(x[f + 2]), np.float32(x[f + 3])
        for h in range(into.shape[0]):  # in this order, so that it vectorises
            first = a * weights[f, h] + b * weights[f + 1, h]
            into[h] += first + (c * weights[f + 2, h] + d * weights[f + 3, h])


@lean
def rate(
    dev: Any, p: Any, row: Any, i: int, net: Any, most: float, out_bytes: float, bias: float,
    known: Any, room: Any,
) -> None:  # fmt: skip
    """Price candidate ``row`` (number ``i``) at every split of K; keep its best in ``room``."""
    split = 1.0
    once = most == 1.0 or p[g.BATCH] > 1.0
    while True:
        fill(row, p, split, dev.sm_count, out_bytes)
        p[g.BIAS] = bias
        room.scratch[:] = 0.0
        time_gemm(dev, p, room.scratch)
        us = total(room.scratch)
        if known.seen[i] > 0:
            describe_time(us, room.scratch[HBM], known.runs[i])
            room.likings[i] = dot(net.short_run, known.runs[i]) + net.short_kernel[i]
            room.times[i], room.splits[i] = us, split
            return
        if split > 1.0:
            us += reduction_us(dev, p, split, out_bytes)
        describe_run(dev, p, us, split, room.scratch[HBM], room.run)
        describe_cover(p, room.run)
        liking = dot(net.short_run, room.run) + net.short_kernel[i]
        if liking > room.likings[i]:
            room.likings[i], room.times[i], room.splits[i] = liking, us, split
            for f in range(RUN):
                known.runs[i, f] = room.run[f]
        grown = p[g.CTAS] / split * (split + 1.0)
        split += 1.0
        few = g.k_steps(p) < LEAST_STEPS * split or split > min(most, MOST_PARTS)
        if once or grown > dev.sm_count * row[_ROOM] or few:
            known.seen[i] = 1 if once else 0
            return


@lean
def ask(net: Any, operator: Any, before: Any, wish: Any) -> None:
    """Write into ``wish`` what the second network makes of the operator's numbers; ``before`` is
    room for its hidden layer."""
    for h in range(before.shape[0]):
        before[h] = net.tower_offset[h]
    add_rows(operator, net.tower_inner, before)
    wish[:] = np.float32(0.0)
    for h in range(before.shape[0]):
        share = before[h] / (np.float32(1.0) + abs(before[h]))
        for place in range(wish.shape[0]):
            wish[place] += share * net.tower_outer[h, place]


@lean
def summed(x: Any) -> float:
    """Return the sum of ``x`` (2^n numbers), halves upon halves so that it vectorises."""
    n = x.shape[0]
    while n > 1:
        n //= 2
        for h in range(n):
            x[h] += x[h + n]
    return float(x[0])


@lean
def consider(net: Any, i: int, known: Any, room: Any) -> None:
    """Work out what the networks make of candidate ``i`` but for its times."""
    run, hidden = known.runs[i], known.hidden[i]
    log_us, share = run[TIME], run[HBM_SHARE]
    run[TIME] = run[HBM_SHARE] = 0.0
    for h in range(hidden.shape[0]):
        hidden[h] = known.operator[h] + net.inner_kernel[i, h]
    add_rows(run, net.inner_run, hidden)
    run[TIME], run[HBM_SHARE] = log_us, share
    asked = room[: known.wish.shape[0]]
    for place in range(asked.shape[0]):
        asked[place] = net.suits[i, place] * known.wish[place]
    known.wishes[i] = summed(asked)


@lean
def liking_of(net: Any, i: int, known: Any, room: Any) -> float:
    """Return the library's liking of candidate ``i``; ``room`` is for the hidden layer."""
    if known.seen[i] < 2:
        consider(net, i, known, room)
        if known.seen[i] == 1:
            known.seen[i] = 2
    run, hidden = known.runs[i], known.hidden[i]
    log_us, share = np.float32(run[TIME]), np.float32(run[HBM_SHARE])
    for h in range(room.shape[0]):
        times = log_us * net.inner_run[TIME, h] + share * net.inner_run[HBM_SHARE, h]
        value = hidden[h] + times
        room[h] = net.outer[h] * value / (np.float32(1.0) + abs(value))
    found = summed(room) + known.wishes[i]
    return float(dot(net.linear_run, run) + net.linear_kernel[i] + found)


@lean
def pair(p: Any, row: Any) -> int:
    """Return which pair of CTAs stands for a tile in the first round: along m (1) or n (2)."""
    down, across = ceil(p[g.M] / row[_TM]), ceil(p[g.N] / row[_TN])
    return 1 if down > 1.0 and (across == 1.0 or row[_TM] <= row[_TN]) else 2


@lean
def largest(values: Any) -> int:
    """Return where the first largest value stands."""
    found = 0
    for i in range(1, values.shape[0]):
        if values[i] > values[found]:
            found = i
    return found


@lean
def preferred(
    devices: Any, p: Any, table: Any, net: Any, most: float, bias: float, known: Any, room: Any
) -> int:
    """Return the row of ``table`` that the library likes best; K in at most ``most`` parts.

    Fills, per row, ``room``'s ``final`` likings (-1e300 where not ranked), predicted ``times`` and
    ``splits``. Rows come in blocks of one tile with all its clusters: every tile that is not
    hopeless is priced with a pair of CTAs, the best ``FINALISTS`` with all clusters; these the
    network ranks. ``devices`` is as for ``cheapest``; ``known`` is what earlier devices of as many
    SMs left.
    """
    dev = devices[0]
    tiles = table.shape[0] // CLUSTERS
    out_bytes = p[g.OUT_BYTES]
    room.likings[:] = -1e300
    room.final[:] = -1e300
    least = 1e300
    for k in range(tiles):
        room.busy[k] = busy_clk(dev, table[k * CLUSTERS], p, most)
        least = min(least, room.busy[k])
    if known.asked[0] == 0:
        describe_operator(p, bias, room.operator)
        known.operator[:] = np.float32(0.0)
        add_rows(room.operator, net.inner_operator, known.operator)
        ask(net, room.operator, room.before, known.wish)
        known.asked[0] = 1
    for k in range(tiles):
        room.best_of[k] = -1e300
        if room.busy[k] <= LOOSE * least + LOOSE_CLK:
            i = k * CLUSTERS + pair(p, table[k * CLUSTERS])
            rate(dev, p, table[i], i, net, most, out_bytes, bias, known, room)
            room.best_of[k] = room.likings[i]
            if bias > 0.0:
                room.best_of[k] += BIAS_GUIDE * liking_of(net, i, known, room.hidden)
    best, chosen = -1e300, 0
    for _ in range(FINALISTS):
        k = largest(room.best_of)
        if room.best_of[k] == -1e300:
            break
        room.best_of[k] = -1e300
        for i in range(k * CLUSTERS, (k + 1) * CLUSTERS):
            if room.likings[i] == -1e300:
                rate(dev, p, table[i], i, net, most, out_bytes, bias, known, room)
            room.final[i] = liking_of(net, i, known, room.hidden)
            if room.final[i] > best:
                best, chosen = room.final[i], i
    p[g.OUT_BYTES] = out_bytes
    return chosen


def ranked(dev: Any, p: Any, kind: str, bias: float) -> tuple[Any, Any, Any]:
    """Return likings, times and splits of all candidates of a ``kind`` for the shape in ``p``."""
    table, net = nvjet_table(kind), ranking(kind)
    known, room = Known.nothing(len(table), net), Room.of(len(table), net)
    preferred(dev.reshape(1), p.copy(), table, net, float(MOST_SPLITS), bias, known, room)
    return room.final, room.times, room.splits
