"""Contiguous streaming kernels: elementwise functions, casts and copies.

Parameters: 0 bytes read, 1 bytes written, 2 elements, 3 warp instructions per 32 elements,
4 inputs, 5 kind: 0 simple function, 1 copy, 2 function with arithmetic of its own.
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.common import (
    attribute,
    bound_compute,
    hbm_us,
    issue_us,
    overlap,
    start,
    traffic,
)
from archsim.models.gpu.plan import BOUND_L2_US, COMPUTE, ENERGY_J, HBM, L2, RESIDENT


@njit
def _fixed_us(dev: Any, inputs: float, kind: float) -> float:
    """Time from the first load to the last store of a kernel that moves next to nothing."""
    if kind == 1.0:
        return dev.memory_kernels_stream_copy_us
    us = dev.memory_kernels_stream_fixed_us
    us += (inputs - 1.0) * dev.memory_kernels_stream_operand_us
    if kind == 2.0:
        us += dev.memory_kernels_stream_math_us
    return us


@njit
def time_stream(dev: Any, p: Any, out: Any) -> None:
    """Price one streaming kernel: memory against instruction issue, plus fill and drain."""
    start(dev, out)
    traffic(dev, out, p[0], p[1], p[RESIDENT])
    instructions = p[2] * p[3] / 32.0
    out[COMPUTE] = issue_us(dev, instructions)
    bound_compute(out, out[COMPUTE])
    out[L2] = out[BOUND_L2_US]
    out[HBM] = hbm_us(dev, p[0] * (1.0 - p[RESIDENT]), p[1])
    memory = max(out[L2], out[HBM])
    body = overlap(out[COMPUTE], memory, dev.memory_kernels_overlap_power)
    out[ENERGY_J] = instructions * dev.power_instruction_pj * 1e-12
    attribute(out, body, _fixed_us(dev, p[4], p[5]))
