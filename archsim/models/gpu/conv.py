"""Convolution kernels that are no implicit GEMM: depthwise ones and layout transforms.

``KIND``: 0 depthwise on channels-last data, 1 a slice or transform that moves a tensor.
"""

from __future__ import annotations

from typing import Any

from archsim.engine.jit import njit
from archsim.models.gpu.common import attribute, hbm_us, overlap, traffic
from archsim.models.gpu.plan import BOUND_COMPUTE_US, COMPUTE, HBM, L2, L2_BYTES, LAUNCH, RESIDENT

C_KIND, C_READ, C_WRITTEN, C_OUTPUTS, C_TAPS = 0, 1, 2, 3, 4
DEPTHWISE, SLICE, TRANSFORM = 0, 1, 2


@njit
def time_conv(dev: Any, p: Any, out: Any) -> None:
    """Price one depthwise, slice or transform kernel."""
    us = 1e6 / dev.clock_boost_hz
    traffic(dev, out, p[C_READ], p[C_WRITTEN], p[RESIDENT])
    out[HBM] = hbm_us(dev, p[C_READ] * (1 - p[RESIDENT]), p[C_WRITTEN])
    out[L2] = out[L2_BYTES] / dev.l2_bytes_per_clk * us
    if p[C_KIND] == DEPTHWISE:
        out[LAUNCH] = dev.tensor_kernels_conv_depthwise_us
        taps = p[C_OUTPUTS] * p[C_TAPS] / dev.sm_count
        out[COMPUTE] = taps / dev.tensor_kernels_conv_depthwise_taps_per_clk * us
        peak = dev.sm_fp16_flop_per_clk * dev.sm_count
        out[BOUND_COMPUTE_US] = 2.0 * p[C_OUTPUTS] * p[C_TAPS] / peak * us
    elif p[C_KIND] == SLICE:
        out[LAUNCH] = dev.tensor_kernels_conv_slice_us
        out[COMPUTE] = p[C_OUTPUTS] / dev.tensor_kernels_conv_slice_elements_per_clk * us
    else:
        out[LAUNCH] = dev.tensor_kernels_conv_transform_us
        out[COMPUTE] = p[C_OUTPUTS] / dev.tensor_kernels_conv_transform_elements_per_clk * us
    body = overlap(out[COMPUTE], max(out[HBM], out[L2]), 3.0)
    attribute(out, body, 0.0)
