"""One compiled call that prices every kernel plan on every variant of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from archsim.engine.jit import njit
from archsim.mapping.gpu.names import REDUCE
from archsim.models.gpu import plan as plans
from archsim.models.gpu.attention import time_attention
from archsim.models.gpu.conv import time_conv
from archsim.models.gpu.fixed import time_fixed
from archsim.models.gpu.fprop import time_fprop
from archsim.models.gpu.gemm import time_gemm
from archsim.models.gpu.gemm_plan import ENGINE
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    COMPUTE,
    ENERGY_J,
    EXPOSED,
    FLOPS,
    HBM,
    HBM_BYTES,
    L2,
    L2_BYTES,
    NEW_CODE,
    OPERAND,
    TERMS_US,
)
from archsim.models.gpu.queue import time_queue
from archsim.models.gpu.stream import code_us, time_stream

STREAM = plans.STREAM
GEMM, SPARSE, ATTENTION, CONV = plans.GEMM, plans.SPARSE, plans.ATTENTION, plans.CONV
FIXED, QUEUE, FPROP = plans.FIXED, plans.QUEUE, plans.FPROP


@njit
def _price(device: Any, constants: Any, family: int, params: Any, out: Any) -> None:
    """Price one plan on one device, given as a record and as a plain array."""
    if family == STREAM:
        time_stream(device, params, out)
    elif family == QUEUE:
        time_queue(device, constants, params, out)
    elif family in (GEMM, SPARSE):
        time_gemm(device, params, out)
    elif family == ATTENTION:
        time_attention(device, params, out)
    elif family == CONV:
        time_conv(device, params, out)
    elif family == FPROP:
        time_fprop(device, params, out)
    elif family == FIXED:
        time_fixed(device, params, out)


@njit
def _hold(row: Any) -> None:
    """Give the busiest resource the time it needs at least, where a fitted law gives less.

    The laws of tensor kernels are fitted to real chips; a chip far from those (ten times the
    bandwidth, say) can take them below what a port lets through.
    """
    total = 0.0
    for term in range(TERMS_US):
        total += row[term]
    bound, term = row[BOUND_COMPUTE_US], COMPUTE
    if row[BOUND_L2_US] > bound:
        bound, term = row[BOUND_L2_US], L2
    if row[BOUND_HBM_US] > bound:
        bound, term = row[BOUND_HBM_US], HBM
    if total < bound:
        row[term] += bound - total


@njit
def _early(family: int, params: Any) -> bool:
    """Return whether a kernel is launched before the one in front of it ends: a split-K sum."""
    return bool(family == GEMM and params[ENGINE] == REDUCE)


@njit
def _solve(devices: Any, table: Any, relevant: Any, families: Any, params: Any, out: Any) -> None:
    for v in range(devices.shape[0]):
        device = devices[v]
        for i in range(families.shape[0]):
            if relevant[v, families[i]]:
                row = out[v, i]
                _price(device, table[v], families[i], params[i], row)
                if families[i] in (GEMM, ATTENTION, CONV, SPARSE, FPROP):
                    _hold(row)
                row[ENERGY_J] += params[i, FLOPS] * table[v, int(params[i, OPERAND])] * 1e-12
                if families[i] == STREAM:
                    row[EXPOSED] += params[i, NEW_CODE] * code_us(device, params[i])
                elif families[i] != FIXED and not _early(families[i], params[i]):
                    row[EXPOSED] += params[i, NEW_CODE] * device.launch_code_us
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
    new_code: bool = False,
    operands: Sequence[int] = (),
    padding: Sequence[float] = (),
    overwrites: Sequence[float] = (),
) -> np.ndarray[Any, Any]:
    """Return ``out[variant, plan, column]``; columns as in ``plan``: TERMS, then the rest.

    ``devices`` and ``relevant`` are as for ``solved``, the others as for ``laid_out``.
    """
    laid = laid_out(todo, resident, new_code, operands, padding, overwrites)
    return solved(devices, relevant, *laid)


def laid_out(
    todo: Sequence[plans.Plan],
    resident: Sequence[float],
    new_code: bool = False,
    operands: Sequence[int] = (),
    padding: Sequence[float] = (),
    overwrites: Sequence[float] = (),
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the family of each plan and a row of numbers each, as ``solved`` reads them.

    Parameters
    ----------
    todo : the plans; each names its family and its numbers
    resident : per plan, the fraction of its reads that lie in L2 at its start
    new_code : whether other kernels run between these, as in a model
    operands : per plan, the place of its operand type's energy in the record (none: no energy)
    padding : per plan, the operations that switch for each useful one (none: 1)
    overwrites : per plan, the fraction of its writes whose lines lie in L2 (none: as ``resident``)

    """
    families = np.array([p.family for p in todo], dtype=np.int64)
    params = np.zeros((len(todo), plans.PARAMS))
    for i, p in enumerate(todo):
        params[i, : len(p.params)] = p.params
        if operands and p.family in plans.TENSOR_FAMILIES:
            params[i, FLOPS] = p.flops * padding[i] if padding else p.flops
            params[i, OPERAND] = operands[i]
    params[:, plans.RESIDENT] = resident
    params[:, plans.OVERWRITES] = overwrites or resident
    params[:, NEW_CODE] = new_code
    return families, params


def solved(
    devices: np.ndarray[Any, Any],
    relevant: np.ndarray[Any, Any],
    families: np.ndarray[Any, Any],
    params: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """Return ``out[variant, plan, column]`` of plans that were ``laid_out``.

    Parameters
    ----------
    devices : structured array (variants,) of ``vector.record_dtype``
    relevant : bool array (variants, families): whether a variant can change a family; row 0 all
    families : int array (plans,)
    params : float array (plans, PARAMS)

    """
    out = np.zeros((len(devices), len(params), plans.OUTPUTS))
    table = np.frombuffer(devices).reshape(len(devices), -1)
    _solve(devices, table, relevant, families, params, out)
    return out
