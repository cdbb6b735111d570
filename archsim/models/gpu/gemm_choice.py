"""Which kernel the library picks: every legal candidate is priced and the best one taken."""

from __future__ import annotations

from functools import cache
from math import ceil, floor, log
from typing import Any, NamedTuple

import numpy as np

from archsim.engine.jit import njit
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_choice import nvjet_network, nvjet_table
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_features import (
    KERNEL,
    OPERATOR,
    RUN,
    describe_cover,
    describe_kernel,
    describe_operator,
    describe_run,
)
from archsim.models.gpu.gemm_steps import wgmma_step
from archsim.models.gpu.plan import HBM, OUTPUTS

MOST_SPLITS = 32
CLUSTERS = len(t.NVJET_CLUSTERS)
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
        wave = floor(dev.sm_count * row[_ROOM] / tiles)
        split = max(min(wave, floor(steps / LEAST_STEPS), most), 1.0)
    clk = max(wgmma_step(dev, p), load) * per_sm * steps / split
    if split > 1.0:
        clk += dev.tensor_kernels_gemm_reduce_us * dev.clock_boost_hz * 1e-6
    return float(clk)


class Ranking(NamedTuple):
    """The network with what it makes of every kernel of a table worked out: one number or one row
    of hidden inputs a kernel, and the weights of what depends on the run and on the operator. The
    hidden layer is in single precision, of which a register holds twice as many."""

    short_run: np.ndarray[Any, Any]
    short_kernel: np.ndarray[Any, Any]
    linear_run: np.ndarray[Any, Any]
    linear_kernel: np.ndarray[Any, Any]
    inner_run: np.ndarray[Any, Any]
    inner_kernel: np.ndarray[Any, Any]
    inner_operator: np.ndarray[Any, Any]
    outer: np.ndarray[Any, Any]
    suits: np.ndarray[Any, Any]
    tower_inner: np.ndarray[Any, Any]
    tower_offset: np.ndarray[Any, Any]
    tower_outer: np.ndarray[Any, Any]


@cache
def ranking(kind: str) -> Ranking:
    """Return the network applied to the kernels for ``kind`` (16 or 8) bit operands."""
    net, table = nvjet_network(), nvjet_table(kind)
    kernels = np.empty((len(table), KERNEL))
    for row, x in zip(table, kernels, strict=True):
        describe_kernel(row, x)
    run, kernel, operator = slice(RUN), slice(RUN, RUN + KERNEL), slice(RUN + KERNEL, None)
    inner = np.ascontiguousarray(net.inner.T)
    hidden = (inner[run], kernels @ inner[kernel] + net.offset, inner[operator], net.outer)
    likings, suits = net.of_kernels(table)
    tower = (suits, np.ascontiguousarray(net.tower_inner.T), net.tower_offset,
             np.ascontiguousarray(net.tower_outer.T))  # fmt: skip
    return Ranking(
        net.short[run].copy(), kernels @ net.short[kernel],
        net.linear[run].copy(), kernels @ net.linear[kernel] + likings,
        *(weights.astype(np.float32) for weights in (*hidden, *tower)),
    )  # fmt: skip


@njit
def dot(a: Any, b: Any) -> float:
    """Return the inner product."""
    found = 0.0
    for i in range(a.shape[0]):
        found += a[i] * b[i]
    return found


@njit
def add_rows(x: Any, weights: Any, into: Any) -> None:
    """Add ``x @ weights`` to ``into``, four rows at a time (both descriptions have 4n numbers)."""
    for f in range(0, x.shape[0], 4):
        a, b = np.float32(x[f]), np.float32(x[f + 1])
        c, d = np.float32(x[f + 2]), np.float32(x[f + 3])
        for h in range(into.shape[0]):  # in this order, so that it vectorises
            first = a * weights[f, h] + b * weights[f + 1, h]
            into[h] += first + (c * weights[f + 2, h] + d * weights[f + 3, h])


@njit
def rate(
    dev: Any, p: Any, row: Any, i: int, net: Any, most: float, out_bytes: float, bias: float,
    scratch: Any, x: Any, runs: Any, likings: Any, times: Any, splits: Any,
) -> None:  # fmt: skip
    """Price candidate ``row`` (number ``i``) at every split of K; keep its best.

    ``scratch`` and ``x`` are room for a price and for the description of a run.
    """
    split = 1.0
    while True:
        fill(row, p, split, dev.sm_count, out_bytes)
        p[g.BIAS] = bias
        scratch[:] = 0.0
        time_gemm(dev, p, scratch)
        us = total(scratch)
        if split > 1.0:
            us += reduction_us(dev, p, split, out_bytes)
        describe_run(dev, p, us, split, scratch[HBM], x)
        describe_cover(p, x)
        liking = dot(net.short_run, x) + net.short_kernel[i]
        if liking > likings[i]:
            likings[i], times[i], splits[i] = liking, us, split
            for f in range(RUN):
                runs[i, f] = x[f]
        grown = p[g.CTAS] / split * (split + 1.0)
        split += 1.0
        few = g.k_steps(p) < LEAST_STEPS * split or split > min(most, MOST_PARTS)
        if p[g.BATCH] > 1.0 or grown > dev.sm_count * row[_ROOM] or few:
            return


@njit
def asked_for(net: Any, operator: Any) -> Any:
    """Return what the second network makes of the operator's numbers: one number a place."""
    before = net.tower_offset.copy()
    add_rows(operator, net.tower_inner, before)
    found = np.zeros(net.tower_outer.shape[1], dtype=np.float32)
    for h in range(before.shape[0]):
        share = before[h] / (np.float32(1.0) + abs(before[h]))
        for place in range(found.shape[0]):
            found[place] += share * net.tower_outer[h, place]
    return found


@njit
def liking_of(net: Any, i: int, run: Any, operator: Any, wish: Any, hidden: Any) -> float:
    """Return the library's liking of candidate ``i``; ``operator`` are the operator's inputs and
    ``wish`` is what it asks of a kernel."""
    for h in range(hidden.shape[0]):
        hidden[h] = operator[h] + net.inner_kernel[i, h]
    add_rows(run, net.inner_run, hidden)
    for h in range(hidden.shape[0]):  # apart from the sum, so that it vectorises
        hidden[h] = net.outer[h] * hidden[h] / (np.float32(1.0) + abs(hidden[h]))
    found = 0.0
    for h in range(hidden.shape[0]):
        found += hidden[h]
    for place in range(wish.shape[0]):
        found += net.suits[i, place] * wish[place]
    return float(dot(net.linear_run, run) + net.linear_kernel[i] + found)


@njit
def pair(p: Any, row: Any) -> int:
    """Return which pair of CTAs stands for a tile in the first round: along m (1) or n (2)."""
    down, across = ceil(p[g.M] / row[_TM]), ceil(p[g.N] / row[_TN])
    return 1 if down > 1.0 and (across == 1.0 or row[_TM] <= row[_TN]) else 2


@njit
def preferred(
    devices: Any, p: Any, table: Any, net: Any, most: float, bias: float, scratch: Any, runs: Any,
    likings: Any, times: Any, splits: Any,
) -> int:  # fmt: skip
    """Return the row of ``table`` that the library likes best; K in at most ``most`` parts.

    Fills, per row, the ``likings`` (-1e300 where not ranked), predicted ``times`` and ``splits``.
    Rows come in blocks of one tile with all its clusters: every tile that is not hopeless is
    priced with a pair of CTAs, the best ``FINALISTS`` with all clusters; these the network ranks.
    ``devices`` is as for ``cheapest``.
    """
    dev = devices[0]
    tiles = table.shape[0] // CLUSTERS
    out_bytes = p[g.OUT_BYTES]
    likings[:] = -1e300
    busy = np.empty(tiles)
    for k in range(tiles):
        busy[k] = busy_clk(dev, table[k * CLUSTERS], p, most)
    limit = LOOSE * busy.min() + LOOSE_CLK
    x, operator = np.empty(OPERATOR), np.zeros(net.outer.shape[0], dtype=np.float32)
    describe_operator(p, bias, x)
    add_rows(x, net.inner_operator, operator)
    wish = asked_for(net, x)
    hidden = np.empty(net.outer.shape[0], dtype=np.float32)
    best_of, run = np.full(tiles, -1e300), np.empty(RUN)
    for k in range(tiles):
        if busy[k] <= limit:
            i = k * CLUSTERS + pair(p, table[k * CLUSTERS])
            rate(
                dev, p, table[i], i, net, most, out_bytes, bias, scratch, run, runs, likings,
                times, splits,
            )  # fmt: skip
            best_of[k] = likings[i]
            if bias > 0.0:
                liking = liking_of(net, i, runs[i], operator, wish, hidden)
                best_of[k] += BIAS_GUIDE * liking
    best, chosen = -1e300, 0
    final = np.full(likings.shape[0], -1e300)
    for _ in range(FINALISTS):
        k = int(np.argmax(best_of))
        if best_of[k] == -1e300:
            break
        best_of[k] = -1e300
        for i in range(k * CLUSTERS, (k + 1) * CLUSTERS):
            if likings[i] == -1e300:
                rate(
                    dev, p, table[i], i, net, most, out_bytes, bias, scratch, run, runs, likings,
                    times, splits,
                )  # fmt: skip
            final[i] = liking_of(net, i, runs[i], operator, wish, hidden)
            if final[i] > best:
                best, chosen = final[i], i
    likings[:] = final
    p[g.OUT_BYTES] = out_bytes
    return chosen


def ranked(dev: Any, p: Any, kind: str, bias: float) -> tuple[Any, Any, Any]:
    """Return likings, times and splits of all candidates of a ``kind`` for the shape in ``p``."""
    table = nvjet_table(kind)
    n = len(table)
    likings, times, splits = np.empty(n), np.empty(n), np.ones(n)
    preferred(
        dev.reshape(1), p.copy(), table, ranking(kind), float(MOST_SPLITS), bias, np.zeros(OUTPUTS),
        np.empty((n, RUN)), likings, times, splits,
    )  # fmt: skip
    return likings, times, splits
