"""One compiled call that prices every kernel plan on every variant of a device."""

from __future__ import annotations

from typing import Any

import numpy as np

from archsim.engine.jit import njit
from archsim.models.gpu import plan as plans
from archsim.models.gpu.plan import ENERGY_J, HBM_BYTES, L2_BYTES
from archsim.models.gpu.stream import time_stream

STREAM = plans.STREAM


@njit
def _price(device: Any, family: int, params: Any, out: Any) -> None:
    """Price one plan on one device."""
    if family == STREAM:
        time_stream(device, params, out)


@njit
def _solve(devices: Any, relevant: Any, families: Any, params: Any, out: Any) -> None:
    for v in range(devices.shape[0]):
        device = devices[v]
        for i in range(families.shape[0]):
            if relevant[v, families[i]]:
                row = out[v, i]
                _price(device, families[i], params[i], row)
                moved = row[L2_BYTES] * device.power_l2_pj_per_byte
                moved += row[HBM_BYTES] * device.power_hbm_pj_per_byte
                row[ENERGY_J] += moved * 1e-12
            else:
                out[v, i] = out[0, i]


def solve(
    devices: np.ndarray[Any, Any],
    relevant: np.ndarray[Any, Any],
    todo: list[plans.Plan],
    resident: list[float],
) -> np.ndarray[Any, Any]:
    """Return ``out[variant, plan, column]``; columns as in ``plan``: TERMS, then the rest.

    Parameters
    ----------
    devices : structured array (variants,) of ``vector.record_dtype``
    relevant : bool array (variants, families): whether a variant can change a family; row 0 all
    todo : the plans; each names its family and its numbers
    resident : per plan, the fraction of its reads that lie in L2 at its start

    """
    families = np.array([p.family for p in todo], dtype=np.int64)
    params = np.zeros((len(todo), plans.PARAMS))
    for i, p in enumerate(todo):
        params[i, : len(p.params)] = p.params
    params[:, plans.RESIDENT] = resident
    out = np.zeros((len(devices), len(todo), plans.OUTPUTS))
    _solve(devices, relevant, families, params, out)
    return out
