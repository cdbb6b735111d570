"""Which kernel the library picks: every legal candidate is priced and the best one taken."""

from __future__ import annotations

from math import ceil, log, tanh
from typing import Any

import numpy as np

from archsim.engine.jit import njit
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_features import FEATURES, describe
from archsim.models.gpu.gemm_steps import wgmma_step
from archsim.models.gpu.plan import HBM, OUTPUTS

MOST_SPLITS = 32
CLUSTERS = len(t.NVJET_CLUSTERS)
FINALISTS = 14
"""Tiles that are priced with every cluster shape."""
LOOSE, LOOSE_CLK = 1.4, 2500.0
"""Candidates whose busy time alone exceeds the best one's by this factor and these clocks are not
priced."""
LEAST_STEPS, MOST_PARTS = 20.0, 12.0
"""nvjet splits K into at most so many parts of at least so many steps each (recorded names)."""

(_ENGINE, _TM, _TN, _TK, _STAGES, _CM, _CN, _COOP, _M_SIDE, _WM, _WN, _SLOTS, _ROOM, _BIAS) = (
    t.ENGINE, t.TM, t.TN, t.TK, t.STAGES, t.CM, t.CN, t.COOP, t.M_SIDE, t.WM, t.WN, t.SLOTS,
    t.ROOM, t.BIAS,
)  # fmt: skip


@njit
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
        most = max((sms * row[_ROOM]) // size * size, size)
        down = ceil(down / row[_CM]) * row[_CM]
        across = ceil(across / row[_CN]) * row[_CN]
        p[g.CTAS] = min(most, down * across * p[g.BATCH] * split)
    else:
        swizzle = 1.0
        if row[_ENGINE] == 2.0:
            while swizzle < min(across, 8.0):
                swizzle *= 2.0
        p[g.CTAS] = down * ceil(across / swizzle) * swizzle * p[g.BATCH] * split


@njit
def total(out: Any) -> float:
    """Return the time of a priced kernel."""
    return float(out[0] + out[1] + out[2] + out[3] + out[4] + out[5])


@njit
def reduction_us(dev: Any, p: Any, split: float, out_bytes: float) -> float:
    """Return the time of summing ``split`` parts of K."""
    moved = p[g.M] * p[g.N] * (split * max(out_bytes, 4.0) + out_bytes)
    each = dev.tensor_kernels_gemm_reduce_split_us
    if p[g.ENGINE] >= 3.0:
        each = dev.tensor_kernels_gemm_reduce_serial_us
    us = dev.tensor_kernels_gemm_reduce_us + split * each
    return float(us + moved / dev.tensor_kernels_gemm_reduce_bytes_per_s * 1e6)


@njit
def cheapest(dev: Any, p: Any, table: Any, most: float, scratch: Any) -> tuple[int, float]:
    """Return the row of ``table`` and the split of K (at most ``most``) that the library takes.

    That is the least time, each weighed by how readily the library takes the row.
    """
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


@njit
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
        split = max(min(dev.sm_count * row[_ROOM] // tiles, steps // LEAST_STEPS, most), 1.0)
    clk = max(wgmma_step(dev, p), load) * per_sm * steps / split
    if split > 1.0:
        clk += dev.tensor_kernels_gemm_reduce_us * dev.clock_boost_hz * 1e-6
    return float(clk)


@njit
def short_list_utility(x: Any, short: Any) -> float:
    """Return the utility that decides whether a candidate is ranked at all."""
    liking = 0.0
    for f in range(x.shape[0]):
        if x[f] != 0.0:
            liking += short[f] * x[f]
    return liking


@njit
def rank_utility(x: Any, linear: Any, inner: Any, offset: Any, outer: Any, hidden: Any) -> float:
    """Return the library's liking of a candidate with features ``x``; ``hidden`` is scratch."""
    liking = 0.0
    hidden[:] = offset
    for f in range(x.shape[0]):
        if x[f] != 0.0:
            liking += linear[f] * x[f]
            for h in range(hidden.shape[0]):  # in this order, so that it vectorises
                hidden[h] += inner[f, h] * x[f]
    for h in range(hidden.shape[0]):
        liking += outer[h] * tanh(hidden[h])
    return liking


@njit
def rate(
    dev: Any, p: Any, row: Any, i: int, short: Any, most: float, out_bytes: float, bias: float,
    scratch: Any, features: Any, likings: Any, times: Any, splits: Any,
) -> float:  # fmt: skip
    """Price candidate ``row`` (number ``i``) at every split of K; keep and return its best."""
    x = np.empty(FEATURES)
    split = 1.0
    while True:
        fill(row, p, split, dev.sm_count, out_bytes)
        p[g.BIAS] = bias
        scratch[:] = 0.0
        time_gemm(dev, p, scratch)
        us = total(scratch)
        if split > 1.0:
            us += reduction_us(dev, p, split, out_bytes)
        describe(dev, p, row, us, split, scratch[HBM], x)
        liking = short_list_utility(x, short)
        if liking > likings[i]:
            likings[i], times[i], splits[i] = liking, us, split
            features[i] = x
        grown = p[g.CTAS] / split * (split + 1.0)
        split += 1.0
        few = g.k_steps(p) < LEAST_STEPS * split or split > min(most, MOST_PARTS)
        if p[g.BATCH] > 1.0 or grown > dev.sm_count * row[_ROOM] or few:
            return float(likings[i])


@njit
def pair(p: Any, row: Any) -> int:
    """Return which pair of CTAs stands for a tile in the first round: along m (1) or n (2)."""
    down, across = ceil(p[g.M] / row[_TM]), ceil(p[g.N] / row[_TN])
    return 1 if down > 1.0 and (across == 1.0 or row[_TM] <= row[_TN]) else 2


@njit
def preferred(
    dev: Any, p: Any, table: Any, net: Any, most: float, bias: float, scratch: Any, features: Any,
    likings: Any, times: Any, splits: Any,
) -> int:  # fmt: skip
    """Return the row of ``table`` that the library likes best; K in at most ``most`` parts.

    Fills, per row, the ``likings`` (-1e300 where not ranked), predicted ``times`` and ``splits``.
    Rows come in blocks of one tile with all its clusters: every tile that is not hopeless is
    priced with a pair of CTAs, the best ``FINALISTS`` with all clusters; these the network ranks.
    """
    short, linear, inner, offset, outer = net
    tiles = table.shape[0] // CLUSTERS
    out_bytes = p[g.OUT_BYTES]
    likings[:] = -1e300
    busy = np.empty(tiles)
    for k in range(tiles):
        busy[k] = busy_clk(dev, table[k * CLUSTERS], p, most)
    limit = LOOSE * busy.min() + LOOSE_CLK
    best_of = np.full(tiles, -1e300)
    for k in range(tiles):
        if busy[k] <= limit:
            i = k * CLUSTERS + pair(p, table[k * CLUSTERS])
            best_of[k] = rate(
                dev, p, table[i], i, short, most, out_bytes, bias, scratch, features, likings,
                times, splits,
            )  # fmt: skip
    listed = np.argsort(-best_of)[:FINALISTS]
    best, chosen = -1e300, 0
    final = np.full(likings.shape[0], -1e300)
    hidden = np.empty(outer.shape[0])
    for k in listed:
        if best_of[k] == -1e300:
            break
        for i in range(k * CLUSTERS, (k + 1) * CLUSTERS):
            if likings[i] == -1e300:
                rate(
                    dev, p, table[i], i, short, most, out_bytes, bias, scratch, features, likings,
                    times, splits,
                )  # fmt: skip
            final[i] = rank_utility(features[i], linear, inner, offset, outer, hidden)
            if final[i] > best:
                best, chosen = final[i], i
    likings[:] = final
    p[g.OUT_BYTES] = out_bytes
    return chosen


def ranked(dev: Any, p: Any, table: Any, net: Any, bias: float) -> tuple[Any, Any, Any]:
    """Return likings, times and splits of all candidates of ``table`` for the shape in ``p``."""
    n = len(table)
    likings, times, splits = np.empty(n), np.empty(n), np.ones(n)
    features = np.empty((n, FEATURES))
    most = float(MOST_SPLITS)
    scratch = np.zeros(OUTPUTS)
    preferred(dev, p.copy(), table, net, most, bias, scratch, features, likings, times, splits)
    return likings, times, splits
