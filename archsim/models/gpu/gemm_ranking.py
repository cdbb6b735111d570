"""What the choice of a kernel works with: its network applied to every candidate, what devices of
as many SMs share, and room for one choice after the other."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from archsim.engine.jit import fused, inner, lean
from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_choice import nvjet_network, nvjet_table
from archsim.models.gpu.gemm_features import (
    HBM_SHARE,
    KERNEL,
    OPERATOR,
    RUN,
    TIME,
    describe_kernel,
    describe_operator,
)
from archsim.models.gpu.gemm_wgmma import WORK
from archsim.models.gpu.plan import OUTPUTS
from archsim.models.gpu.vector import leaf_paths

CLUSTERS = len(t.NVJET_CLUSTERS)

FINALISTS = 14
"""Tiles that are priced with every cluster shape."""
ROUNDING = 0.02
"""More than rounding in single precision can move the hidden layer's sum, whose weights add up to
125: 128 terms, each of a handful of operations on numbers below 200."""


class Ranking(NamedTuple):
    """The network with what it makes of every kernel of a table worked out: one number or one row
    of hidden inputs a kernel, and the weights of what depends on the run and on the operator. The
    hidden layer is in single precision, of which a register holds twice as many. ``swing`` is how
    far its sum moves at most per unit of the time's logarithm and of the memory's share."""

    swing: np.ndarray[Any, Any]
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
    swing = np.abs(inner[[TIME, HBM_SHARE]] * net.outer).sum(axis=1)  # x/(1+|x|): slope at most 1
    return Ranking(
        swing, net.short[run].copy(), kernels @ net.short[kernel],
        net.linear[run].copy(), kernels @ net.linear[kernel] + likings,
        *(weights.astype(np.float32) for weights in (*hidden, *tower)),
    )  # fmt: skip


class Known(NamedTuple):
    """What the choice works out for an operator once for many devices, by kernel.

    All devices of as many SMs share ``runs`` (how a kernel runs, but for the times), ``rests`` and
    ``owns`` (what the short list and the whole ranking make of that) and ``hidden`` (the network's
    inputs without the times). ``seen`` says how much of it is there: 0 nothing, 1 ``runs`` and
    ``rests``, 2 all, and with it what the hidden layer last came to (``layers``), for which time
    and memory's share (``logs``, ``shares``). ``operator`` and ``wish`` are the operator's inputs
    and what it asks of a kernel, there once ``asked`` is 1.

    Devices whose ``constants`` are the same too, but for the rate of memory, share ``works``, there
    where ``worked`` is 1, and the first ``chosen`` of ``pairs``: a row for each tile that is not
    hopeless by the clocks that it is ``busy``.
    """

    seen: np.ndarray[Any, Any]
    runs: np.ndarray[Any, Any]
    rests: np.ndarray[Any, Any]
    hidden: np.ndarray[Any, Any]
    owns: np.ndarray[Any, Any]
    layers: np.ndarray[Any, Any]
    logs: np.ndarray[Any, Any]
    shares: np.ndarray[Any, Any]
    operator: np.ndarray[Any, Any]
    wish: np.ndarray[Any, Any]
    asked: np.ndarray[Any, Any]
    constants: np.ndarray[Any, Any]
    worked: np.ndarray[Any, Any]
    works: np.ndarray[Any, Any]
    busy: np.ndarray[Any, Any]
    pairs: np.ndarray[Any, Any]
    chosen: np.ndarray[Any, Any]

    @classmethod
    def nothing(cls, table: np.ndarray[Any, Any], net: Ranking) -> Known:
        """Return room for the kernels of ``table``."""
        kernels, inputs, asked = len(table), net.outer.shape[0], net.suits.shape[1]
        tiles = kernels // CLUSTERS
        return cls(
            np.zeros(kernels, np.int8), np.empty((kernels, RUN)), np.empty(kernels),
            np.empty((kernels, inputs), np.float32), np.empty(kernels),
            np.empty(kernels), np.empty(kernels), np.empty(kernels),
            np.zeros(inputs, np.float32), np.empty(asked, np.float32), np.zeros(1, np.int8),
            np.empty(len(leaf_paths())), np.zeros(kernels, np.int8), np.empty((kernels, WORK)),
            np.empty(tiles), np.empty(tiles, np.int64), np.zeros(1, np.int64),
        )  # fmt: skip


class Room(NamedTuple):
    """Arrays that one choice after the other writes over.

    A price, descriptions of a run and of an operator, two layers; a number a tile (``best_of``),
    the best tiles' (``leaders``) and which those are (``finalists``); and answers a kernel:
    likings, times, their logarithms, the memory's shares of them, splits of K.
    """

    scratch: np.ndarray[Any, Any]
    run: np.ndarray[Any, Any]
    operator: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any]
    hidden: np.ndarray[Any, Any]
    best_of: np.ndarray[Any, Any]
    leaders: np.ndarray[Any, Any]
    finalists: np.ndarray[Any, Any]
    final: np.ndarray[Any, Any]
    likings: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]
    logs: np.ndarray[Any, Any]
    shares: np.ndarray[Any, Any]
    splits: np.ndarray[Any, Any]

    @classmethod
    def of(cls, table: np.ndarray[Any, Any], net: Ranking) -> Room:
        """Return room for a choice among the kernels of ``table``."""
        kernels, inputs = len(table), net.outer.shape[0]
        return cls(
            np.zeros(OUTPUTS), np.empty(RUN), np.empty(OPERATOR),
            np.empty(inputs, np.float32), np.empty(inputs, np.float32),
            np.empty(kernels // CLUSTERS), np.empty(FINALISTS), np.empty(FINALISTS, np.int64),
            np.empty(kernels), np.empty(kernels), np.empty(kernels),
            np.empty(kernels), np.empty(kernels), np.ones(kernels),
        )  # fmt: skip


@lean
def dot(a: Any, b: Any) -> float:
    """Return the inner product."""
    found = 0.0
    for i in range(a.shape[0]):
        found += a[i] * b[i]
    return found


@inner
def timely(weights: Any, log_us: float, share: float) -> float:
    """Return what a run's time and the memory's share of it add to a sum over its numbers."""
    return float(log_us * weights[TIME] + share * weights[HBM_SHARE])


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


@inner
def summed(x: Any) -> float:
    """Return the sum of ``x`` (2^n numbers), halves upon halves so that it vectorises."""
    n = x.shape[0]
    while n > 1:
        n //= 2
        for h in range(n):
            x[h] += x[h + n]
    return float(x[0])


@inner
def consider(net: Any, i: int, known: Any, room: Any) -> None:
    """Work out what the networks make of candidate ``i`` but for its times."""
    run, hidden = known.runs[i], known.hidden[i]
    for h in range(hidden.shape[0]):
        hidden[h] = known.operator[h] + net.inner_kernel[i, h]
    add_rows(run, net.inner_run, hidden)
    asked = room[: known.wish.shape[0]]
    for place in range(asked.shape[0]):
        asked[place] = net.suits[i, place] * known.wish[place]
    known.owns[i] = dot(net.linear_run, run) + net.linear_kernel[i] + summed(asked)


@fused
def liking_of(net: Any, i: int, known: Any, room: Any) -> float:
    """Return the library's liking of candidate ``i``, whose times stand in ``room``."""
    if known.seen[i] < 2:
        consider(net, i, known, room.hidden)
        if known.seen[i] == 1:
            known.seen[i] = 2
    hidden, layer = known.hidden[i], room.hidden
    log_us, share = np.float32(room.logs[i]), np.float32(room.shares[i])
    for h in range(layer.shape[0]):
        times = log_us * net.inner_run[TIME, h] + share * net.inner_run[HBM_SHARE, h]
        value = hidden[h] + times
        layer[h] = net.outer[h] * value / (np.float32(1.0) + abs(value))
    known.layers[i], known.logs[i], known.shares[i] = summed(layer), room.logs[i], room.shares[i]
    times_liked = timely(net.linear_run, room.logs[i], room.shares[i])
    return float(times_liked + known.owns[i] + known.layers[i])


@fused
def liked_between(net: Any, i: int, known: Any, room: Any) -> tuple[float, float]:
    """Return between which numbers ``liking_of`` lies, from what it came to on another device.

    That costs one number where it costs a layer: as the times move, so can the layer at most.
    """
    if known.seen[i] < 2:
        return -1e300, 1e300
    moved = abs(room.logs[i] - known.logs[i]) * net.swing[0]
    moved += abs(room.shares[i] - known.shares[i]) * net.swing[1]
    if moved > 0.0:
        moved += ROUNDING
    times_liked = timely(net.linear_run, room.logs[i], room.shares[i])
    liked = times_liked + known.owns[i] + known.layers[i]
    return liked - moved, liked + moved


@inner
def listen(net: Any, p: Any, bias: float, known: Any, room: Any) -> None:
    """Work out, once, what the networks make of the operator in ``p``."""
    if known.asked[0] == 1:
        return
    describe_operator(p, bias, room.operator)
    known.operator[:] = np.float32(0.0)
    add_rows(room.operator, net.inner_operator, known.operator)
    ask(net, room.operator, room.before, known.wish)
    known.asked[0] = 1
