"""What the choice of a kernel works with: its network applied to every candidate, what devices of
as many SMs share, and room for one choice after the other."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_choice import nvjet_network, nvjet_table
from archsim.models.gpu.gemm_features import KERNEL, OPERATOR, RUN, describe_kernel
from archsim.models.gpu.plan import OUTPUTS

CLUSTERS = len(t.NVJET_CLUSTERS)


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


class Known(NamedTuple):
    """What the choice works out for an operator that no device of as many SMs changes, by kernel.

    ``seen`` says how much of it is there: 0 nothing, 1 the run's numbers (``runs``), 2 also what
    the networks make of them (``hidden``, ``wishes``). ``operator`` and ``wish`` are the operator's
    inputs and what it asks of a kernel, there once ``asked`` is 1.
    """

    seen: np.ndarray[Any, Any]
    runs: np.ndarray[Any, Any]
    hidden: np.ndarray[Any, Any]
    wishes: np.ndarray[Any, Any]
    operator: np.ndarray[Any, Any]
    wish: np.ndarray[Any, Any]
    asked: np.ndarray[Any, Any]

    @classmethod
    def nothing(cls, kernels: int, net: Ranking) -> Known:
        """Return room for ``kernels`` kernels."""
        inputs, asked = net.outer.shape[0], net.suits.shape[1]
        return cls(
            np.zeros(kernels, np.int8), np.empty((kernels, RUN)),
            np.empty((kernels, inputs), np.float32), np.empty(kernels),
            np.zeros(inputs, np.float32), np.empty(asked, np.float32), np.zeros(1, np.int8),
        )  # fmt: skip


class Room(NamedTuple):
    """Arrays that one choice after the other writes over: a price, descriptions of a run and of an
    operator, two layers; a number a tile (``busy``, ``best_of``), and answers a kernel."""

    scratch: np.ndarray[Any, Any]
    run: np.ndarray[Any, Any]
    operator: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any]
    hidden: np.ndarray[Any, Any]
    busy: np.ndarray[Any, Any]
    best_of: np.ndarray[Any, Any]
    final: np.ndarray[Any, Any]
    likings: np.ndarray[Any, Any]
    times: np.ndarray[Any, Any]
    splits: np.ndarray[Any, Any]

    @classmethod
    def of(cls, kernels: int, net: Ranking) -> Room:
        """Return room for a choice among ``kernels`` kernels."""
        tiles, inputs = kernels // CLUSTERS, net.outer.shape[0]
        return cls(
            np.zeros(OUTPUTS), np.empty(RUN), np.empty(OPERATOR),
            np.empty(inputs, np.float32), np.empty(inputs, np.float32),
            np.empty(tiles), np.empty(tiles),
            np.empty(kernels), np.empty(kernels), np.empty(kernels), np.ones(kernels),
        )  # fmt: skip
