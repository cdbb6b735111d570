"""One compiled call that prices every kernel plan on every variant of a device."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import njit
from archsim.models.gpu import plan as plans
from archsim.models.gpu.stream import time_stream

STREAM = plans.STREAM


@njit
def _solve(devices: Any, families: Any, params: Any, out: Any) -> None:
    for v in range(devices.shape[0]):
        for i in range(families.shape[0]):
            family = families[i]
            if family == STREAM:
                time_stream(devices[v], params[i], out[v, i])


def solve(devices: np.ndarray[Any, Any], todo: list[plans.Plan]) -> np.ndarray[Any, Any]:
    """Return ``out[variant, plan, column]``; columns as in ``plan``: TERMS, then the rest.

    Parameters
    ----------
    devices : structured array (variants,) of ``vector.record_dtype``
    todo : the plans; each names its family and its numbers

    """
    families = np.array([p.family for p in todo], dtype=np.int64)
    params = np.zeros((len(todo), plans.PARAMS))
    for i, p in enumerate(todo):
        params[i, : len(p.params)] = p.params
    out = np.zeros((len(devices), len(todo), plans.OUTPUTS))
    _solve(devices, families, params, out)
    return out
