"""cuBLAS' preferences among nvjet kernels, as a choice model learnt from recorded kernel names.

The utility of a candidate is ``-time * log(predicted time)`` plus a weight for each feature below;
the candidate of the highest utility is taken. The weights were fitted by multinomial likelihood
on the fit half of ``workloads/measured`` (scripts/calibrate_choice.py).
"""

from __future__ import annotations

from functools import cache
from math import log
from typing import Any

import numpy as np

from archsim.mapping.gpu import tiles as t
from archsim.mapping.gpu.nvjet_weights import WEIGHTS

SHAPES = (
    (64, 2), (128, 0), (128, 1), (192, 0), (192, 2), (256, 0), (256, 1), (320, 2), (384, 1),
)  # fmt: skip
"""(wgmma M, cooperation) with a weight of their own; (64, 0) is the reference."""
CLUSTERS = tuple(c for c in t.NVJET_CLUSTERS if c != (1, 2))
STATIC = (
    *(f"shape_{wide}_{coop}" for wide, coop in SHAPES), "m_side",
    *(f"cluster_{cm}x{cn}" for cm, cn in CLUSTERS),
    "square", "area", "odd_8", "odd_16", "traffic", "inverted",
)  # fmt: skip
"""Features of a candidate alone."""
DYNAMIC = (
    "time",
    "split",
    "log_split",
    "padding",
    "cluster_padding",
    "quantisation",
    "waves",
    "single",
    "batched_alone",
)
"""Features that need the operator: -log(time); K in parts; log of padded over real area, of
cluster-padded over real tiles, of wave slots over tiles, of waves; one wave; a batch without a
cluster."""


def static_features(row: tuple[float, ...]) -> list[float]:
    """Return the features of one candidate of ``nvjet_rows`` in the order of ``STATIC``."""
    tm, tn, coop, m_side = row[t.TM], row[t.TN], row[t.COOP], row[t.M_SIDE]
    cm, cn = row[t.CM], row[t.CN]
    wide, narrow = (tm, tn) if m_side else (tn, tm)
    return [
        *(float((wide, coop) == shape) for shape in SHAPES), m_side,
        *(float((cm, cn) == cluster) for cluster in CLUSTERS),
        abs(log(tm / tn)), log(tm * tn), float(narrow % 16 == 8), float(narrow % 32 != 0),
        log(1 / tm / cn + 1 / tn / cm), float(narrow > wide),
    ]  # fmt: skip


@cache
def feature_matrix(kind: str) -> np.ndarray[Any, Any]:
    """Return the static features of all candidates for ``kind`` (16 or 8) bit operands."""
    return np.array([static_features(row) for row in t.nvjet_rows(kind)])


@cache
def nvjet_table(kind: str) -> np.ndarray[Any, Any]:
    """Return the candidates with the static part of the utility in the last column."""
    table = np.array(t.nvjet_rows(kind), dtype=np.float64)
    weights = WEIGHTS[kind]
    table[:, t.BIAS] = feature_matrix(kind) @ np.array([weights[name] for name in STATIC])
    return table


@cache
def nvjet_weights(kind: str) -> np.ndarray[Any, Any]:
    """Return the weights of the dynamic features."""
    return np.array([WEIGHTS[kind][name] for name in DYNAMIC])
