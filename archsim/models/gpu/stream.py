"""Contiguous streaming kernels: elementwise functions, casts and copies.

Parameters: 0 bytes read, 1 bytes written, 2 elements, 3 instruction slots per element,
4 fixed time in microseconds, 5 bytes read that miss L2 (cold: all).
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    HBM_BYTES,
    L2_BYTES,
)


@njit
def time_stream(dev: Any, p: Any, out: Any) -> None:
    """Price one streaming kernel: the slower of memory and instruction issue, plus fixed time."""
    hz = dev.clock_boost_hz
    total = p[0] + p[1]
    hbm_peak = dev.memory_bandwidth_bytes_per_s
    fraction = dev.memory_write_fraction if p[1] > 0 else dev.memory_read_fraction
    hbm_us = total / (hbm_peak * fraction) * 1e6
    l2_us = total / (dev.l2_bytes_per_clk * hz) * 1e6
    issue_us = p[2] * p[3] / (32 * dev.sm_issue_per_clk * dev.sm_count * hz) * 1e6
    longest = max(hbm_us, l2_us, issue_us)
    out[0] = dev.launch_kernel_us
    if longest == hbm_us:
        out[4] = hbm_us
    elif longest == l2_us:
        out[3] = l2_us
    else:
        out[1] = issue_us
    out[5] = p[4]
    out[HBM_BYTES] = total
    out[L2_BYTES] = total
    out[BOUND_COMPUTE_US] = issue_us
    out[BOUND_L2_US] = l2_us
    out[BOUND_HBM_US] = total / hbm_peak * 1e6
