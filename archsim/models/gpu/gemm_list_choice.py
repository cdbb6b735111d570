"""Which kernel of a short list the library takes: all rows at all splits of K, the best liked."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import lean, njit
from archsim.mapping.gpu import tiles as t
from archsim.models.gpu import gemm_plan as g
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_cheapest import fill, reduction_us, total
from archsim.models.gpu.gemm_features import LISTED_RUN as RUN
from archsim.models.gpu.gemm_features import OPERATOR, describe_operator, describe_run
from archsim.models.gpu.gemm_ranking import add_rows, ask
from archsim.models.gpu.plan import HBM

SPLITS = (
    *range(1, 15), 16, 18, 20, 22, 24, 26, 28, 29, 32, 33, 36, 37, 40, 44, 52, 56, 60, 66, 88, 132,
)  # fmt: skip
"""Parts of K that the library's heuristic was seen to name."""
LEAST_STEPS = 4.0
FULL = 2.0
"""Splits end where K is short of so many steps a part, or CTAs exceed so many times the slots."""

_SPLITS, _XMMA, _ENGINE, _SLOTS = np.array(SPLITS, dtype=np.float64), 1.0, t.ENGINE, t.SLOTS


@lean
def rate(dev: Any, p: Any, row: Any, split: float, out_bytes: float, scratch: Any, x: Any) -> float:
    """Price ``row`` with ``split`` parts of K and describe its run in ``x``; return its time."""
    fill(row, p, split, dev.sm_count, out_bytes)
    scratch[:] = 0.0
    time_gemm(dev, p, scratch)
    us = total(scratch)
    if split > 1.0:
        us += reduction_us(dev, p, split, out_bytes)
    describe_run(dev, p, us, split, scratch[HBM], x)
    return float(us)


@lean
def another(dev: Any, p: Any, row: Any, split: float, most: float) -> bool:
    """Return whether ``row`` may take ``split`` parts; ``p`` holds it with some other number."""
    if split == 1.0:
        return True
    if split > most or row[_ENGINE] == _XMMA or g.k_steps(p) < LEAST_STEPS * split:
        return False
    return bool(p[g.CTAS] / p[g.SPLIT] * split <= FULL * dev.sm_count * row[_SLOTS])


@njit
def likeliest(
    devices: Any, p: Any, table: Any, net: Any, most: float, scratch: Any
) -> tuple[int, float]:
    """Return the row of ``table`` and the parts of K that the library likes best.

    ``devices`` is as for ``gemm_cheapest.cheapest``.
    """
    dev = devices[0]
    out_bytes = p[g.OUT_BYTES]
    x, operator = np.empty(RUN), np.empty(OPERATOR)
    describe_operator(p, 0.0, operator)
    before, hidden = net.tower_offset.copy(), net.offset.copy()
    wish = np.empty(net.tower_outer.shape[1], dtype=np.float32)
    ask(net, operator, before, wish)
    before = net.offset.copy()
    add_rows(operator, net.inner[RUN:], before)
    best, chosen, parts = -1e300, 0, 1.0
    for i in range(table.shape[0]):
        own = net.likings[i]
        for place in range(wish.shape[0]):
            own += net.suits[i, place] * wish[place]
        fill(table[i], p, 1.0, dev.sm_count, out_bytes)
        for split in _SPLITS:
            if not another(dev, p, table[i], split, most):
                break
            rate(dev, p, table[i], split, out_bytes, scratch, x)
            for h in range(hidden.shape[0]):
                hidden[h] = before[h]
            add_rows(x, net.inner[:RUN], hidden)
            liking = float(own)
            for f in range(RUN):
                liking += net.linear[f] * x[f]
            for h in range(hidden.shape[0]):
                liking += net.outer[h] * hidden[h] / (np.float32(1.0) + abs(hidden[h]))
            if liking > best:
                best, chosen, parts = liking, i, split
    p[g.OUT_BYTES] = out_bytes
    return chosen, parts
