"""Clocks of one K step of one CTA's tile: tensor or multiply-add units, and shared memory."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.gemm_plan import (
    A_SHARE,
    ALIGN_A,
    ALIGN_B,
    ALIGN_OUT,
    COOP,
    ENGINE,
    IN_BYTES,
    M_SIDE,
    TK,
    TM,
    TN,
    TYPE,
    WM,
    WN,
)

# Operand types by code.
FP16, BF16, TF32, FP8, INT8, INT4, FP64, FP32 = 0, 1, 2, 3, 4, 5, 6, 7

TYPES = {
    "fp16": FP16, "bf16": BF16, "tf32": TF32, "fp8": FP8, "fp8_e5m2": FP8, "int8": INT8,
    "int4": INT4, "fp64": FP64, "fp32": FP32,
}  # fmt: skip


@lean
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
        return float(max(dev.tensor_fp64_flop_per_clk, dev.sm_fp64_flop_per_clk))
    return float(dev.sm_fp32_flop_per_clk)


@lean
def peak_rate(dev: Any, p: Any) -> float:
    """Return the peak that bounds a kernel: the type's, times the sparse factor where A is."""
    rate = tensor_rate(dev, p[TYPE])
    return rate * dev.tensor_sparse_factor if p[A_SHARE] < 1.0 else rate


@lean
def wgmma_clk(
    dev: Any, side_m: float, side_n: float, halves: float, code: float, bytes_k: float,
    element: float, a_share: float,
) -> float:  # fmt: skip
    """Return the clocks of a ``side_m`` x ``side_n`` tile over ``bytes_k`` bytes of K.

    One m64 x N instruction over 32 bytes of K takes the larger of its arithmetic and of reading
    A (64 rows) and B (N rows) from shared memory: max(N/2, 16 + N/4) clocks for fp16.
    """
    wide = side_n / halves
    calls = ceil(wide / 256.0)
    wide /= calls
    arithmetic = 2.0 * 64.0 * wide * 32.0 / element / tensor_rate(dev, code)
    if a_share < 1.0:
        arithmetic /= dev.tensor_sparse_factor
    port = (64.0 * 32.0 * a_share + wide * 32.0) / dev.sm_shared_bytes_per_clk
    return max(arithmetic, port) * ceil(side_m / 64.0) * halves * calls * bytes_k / 32.0


@lean
def wgmma_step(dev: Any, p: Any) -> float:
    """Clocks of one K step on wgmma at the share of the law that main loops reach."""
    side_m, side_n = (p[TM], p[TN]) if p[M_SIDE] else (p[TN], p[TM])
    halves = 2.0 if p[COOP] == 2.0 else 1.0
    deep = p[TK] * p[IN_BYTES]
    clk = wgmma_clk(dev, side_m, side_n, halves, p[TYPE], deep, p[IN_BYTES], p[A_SHARE])
    if p[ENGINE] == 1.0:
        return clk / dev.tensor_kernels_gemm_xmma_fraction + dev.tensor_kernels_gemm_xmma_clk
    return clk / dev.tensor_kernels_gemm_wgmma_fraction


@lean
def mma_step(dev: Any, p: Any) -> tuple[float, float]:
    """Clocks of one K step on mma.sync or multiply-add units: units busy, and least latency."""
    flops = 2.0 * p[TM] * p[TN] * p[TK]
    reads = (p[TM] * p[WN] + p[TN] * p[WM]) * p[TK] * p[IN_BYTES]
    port = reads / dev.sm_shared_bytes_per_clk
    if p[ENGINE] == 3.0:
        factor = max(dev.tensor_kernels_gemm_ffma_factor, 1.0)
        work = flops / dev.sm_fp32_flop_per_clk * factor
        copies = (p[TM] + p[TN]) * p[TK] / 32.0 * dev.tensor_kernels_gemm_ffma_copy_clk
        return work + copies, dev.tensor_kernels_gemm_ffma_step_clk
    if p[ENGINE] == 4.0:
        peak = flops / tensor_rate(dev, FP64)
        work = peak * dev.tensor_kernels_gemm_dmma_factor
        work = max(work + port * dev.tensor_kernels_gemm_dmma_port, peak)
        return work, dev.tensor_kernels_gemm_dmma_step_clk * p[TK] / 32.0
    reached = flops / (peak_rate(dev, p) * dev.tensor_mma_fraction)
    work = reached * dev.tensor_kernels_gemm_mma_factor
    work = max(work + port * dev.tensor_kernels_gemm_mma_port, reached)
    least = dev.tensor_kernels_gemm_mma_step_clk * p[TK] * p[IN_BYTES] / 128.0
    slow = 1.0
    if p[IN_BYTES] == 2.0:  # copies of 4 or 2 bytes where rows start off 16 B boundaries
        align = min(p[ALIGN_A], p[ALIGN_B], p[ALIGN_OUT])
        slow = dev.tensor_kernels_gemm_unaligned_factor if align < 16.0 else 1.0
        slow *= slow if align < 4.0 else 1.0
    return work * slow, least * slow
