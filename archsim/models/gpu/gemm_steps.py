"""Clocks of one K step of one CTA's tile: tensor or multiply-add units, and shared memory."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import njit

# Operand types by code (``P_TYPE``).
FP16, BF16, TF32, FP8, INT8, INT4, FP64, FP32 = 0, 1, 2, 3, 4, 5, 6, 7

TYPES = {
    "fp16": FP16, "bf16": BF16, "tf32": TF32, "fp8": FP8, "fp8_e5m2": FP8, "int8": INT8,
    "int4": INT4, "fp64": FP64, "fp32": FP32,
}  # fmt: skip


@njit
def tensor_rate(dev: Any, code: float) -> float:
    """Return the peak of one SM in flop/clk for operands of type ``code``."""
    if code == FP16:
        return float(dev.tensor_fp16_flop_per_clk)
    if code == BF16:
        return float(dev.tensor_bf16_flop_per_clk)
    if code == TF32:
        return float(dev.tensor_tf32_flop_per_clk)
    if code == FP8:
        return float(dev.tensor_fp8_flop_per_clk)
    if code == INT8:
        return float(dev.tensor_int8_flop_per_clk)
    if code == INT4:
        return float(dev.tensor_int4_flop_per_clk)
    if code == FP64:
        return float(dev.tensor_fp64_flop_per_clk)
    return float(dev.sm_fp32_flop_per_clk)


@njit
def chip_rate(dev: Any, p: Any) -> float:
    """Return the peak that bounds a kernel: the type's, times the sparse factor where A is."""
    rate = tensor_rate(dev, p[14])
    return rate * dev.tensor_sparse_factor if p[23] < 1 else rate


@njit
def wgmma_step(dev: Any, p: Any) -> tuple[float, float, float]:
    """Clocks of a step on wgmma: tensor cores, shared-memory port, least latency of a step.

    One m64 x N instruction over 32 bytes of K takes the larger of its arithmetic and of reading
    A (64 rows) and B (N rows) from shared memory.
    """
    side_m, side_n = (p[4], p[5]) if p[18] else (p[5], p[4])
    halves = 2.0 if p[17] == 2 else 1.0
    wide = side_n / halves
    calls = ceil(wide / 256)
    rows = ceil(side_m / 64) * halves * calls
    wide = wide / calls
    deep = p[6] * p[15] / 32  # instructions along K
    a_share = p[23]
    dense = 2 * 64 * wide * 32 / p[15] / tensor_rate(dev, p[14])
    math = dense * (1.0 if a_share == 1 else 1 / dev.tensor_sparse_factor)
    port = (64 * 32 * a_share + wide * 32) / dev.sm_shared_bytes_per_clk
    clocks = max(math, port) * rows * deep / dev.tensor_kernels_gemm_wgmma_fraction
    return clocks, port * rows * deep, dev.tensor_kernels_gemm_step_clk


@njit
def mma_step(dev: Any, p: Any) -> tuple[float, float, float]:
    """Clocks of a step on mma.sync or multiply-add units; fragment loads do not overlap them."""
    work = 2 * p[4] * p[5] * p[6] / (tensor_rate(dev, p[14]) * dev.tensor_mma_fraction)
    port = (p[4] * p[20] + p[5] * p[19]) * p[6] * p[15] / dev.sm_shared_bytes_per_clk
    if p[13] == 3:
        work = 2 * p[4] * p[5] * p[6] / dev.sm_fp32_flop_per_clk
        copies = (p[4] + p[5]) * p[6] / 32 * dev.tensor_kernels_gemm_copy4_clk
        return work + copies, 0.0, dev.tensor_kernels_gemm_ffma_step_clk
    if p[13] == 4:
        return work, port, dev.tensor_kernels_gemm_dmma_step_clk
    return work + port, 0.0, dev.tensor_kernels_gemm_mma_step_clk
