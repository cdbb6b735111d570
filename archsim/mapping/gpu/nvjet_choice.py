"""cuBLAS' preferences among nvjet kernels, as a choice model learnt from recorded kernel names.

Each candidate is described by the numbers of ``gemm_features``. A linear utility picks a short
list, a network of one hidden layer orders it; the first is taken. Both were fitted by likelihood
to kernel names and to cuBLASLt's own rankings, on the fit half of ``workloads/measured``
(scripts/calibrate_choice.py writes ``nvjet_network.json``).
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

from archsim.mapping.gpu.tiles import nvjet_rows

FILE = "nvjet_network.json"


class Network(NamedTuple):
    """``short @ x`` lists candidates, ``linear @ x + outer @ s(inner @ x + offset)`` ranks them.

    ``s(z)`` is ``z / (1 + |z|)``.
    """

    short: np.ndarray[Any, Any]
    linear: np.ndarray[Any, Any]
    inner: np.ndarray[Any, Any]
    offset: np.ndarray[Any, Any]
    outer: np.ndarray[Any, Any]


@cache
def nvjet_network() -> Network:
    """Return the weights."""
    text = (resources.files("archsim.mapping.gpu") / FILE).read_text(encoding="utf-8")
    data = json.loads(text)
    return Network(*(np.array(data[name], dtype=np.float64) for name in Network._fields))


@cache
def nvjet_table(kind: str) -> np.ndarray[Any, Any]:
    """Return the candidates for ``kind`` (16 or 8) bit operands."""
    return np.array(nvjet_rows(kind), dtype=np.float64)
