"""What all tile kernels share: traffic, analytical bounds, L2 and device memory."""

from __future__ import annotations

from math import ceil
from typing import Any

from archsim.engine.jit import lean
from archsim.models.gpu.gemm_plan import (
    A_BYTES,
    A_SHARE,
    BATCH,
    CM,
    CN,
    ENGINE,
    IN_BYTES,
    OUT_BYTES,
    SPLIT,
    TM,
    TN,
    K,
    M,
    N,
)
from archsim.models.gpu.gemm_steps import peak_rate
from archsim.models.gpu.plan import (
    BOUND_COMPUTE_US,
    BOUND_HBM_US,
    BOUND_L2_US,
    EXPOSED,
    HBM,
    HBM_BYTES,
    RESIDENT,
)


@lean
def compulsory(p: Any, out: Any) -> tuple[float, float]:
    """Record the bytes and bounds' operands; return bytes read cold and bytes written."""
    a_bytes = p[A_BYTES]
    if a_bytes == 0.0:
        a_bytes = p[BATCH] * p[M] * p[K] * p[A_SHARE] * p[IN_BYTES]
    read = (a_bytes + p[BATCH] * p[N] * p[K] * p[IN_BYTES]) * (1.0 - p[RESIDENT])
    copies = 1.0 if p[ENGINE] == 1.0 else p[SPLIT]
    written = p[BATCH] * copies * p[M] * p[N] * p[OUT_BYTES]
    out[HBM_BYTES] = read + written
    return read, written


@lean
def operand_traffic(p: Any, fat_a: float, fat_b: float) -> float:
    """Return the bytes that L2 serves: each operand once per tile row or column and cluster."""
    tiles_m, tiles_n = ceil(p[M] / p[TM]), ceil(p[N] / p[TN])
    rows = p[M] * p[A_SHARE] * fat_a * tiles_n / p[CN]
    columns = p[N] * fat_b * tiles_m / p[CM]
    return float(p[BATCH] * p[IN_BYTES] * p[K] * (rows + columns))


@lean
def bounds(dev: Any, p: Any, out: Any, read: float, written: float) -> None:
    """Record the analytical lower bounds: peak arithmetic, compulsory bytes over L2 and HBM."""
    hz = dev.clock_boost_hz
    flops = 2.0 * p[BATCH] * p[M] * p[N] * p[K]
    out[BOUND_COMPUTE_US] = flops / (peak_rate(dev, p) * dev.sm_count * hz) * 1e6
    out[BOUND_L2_US] = (read + written) / (dev.l2_bytes_per_clk * hz) * 1e6
    forced = read + max(written - dev.l2_capacity_bytes, 0.0)
    out[BOUND_HBM_US] = forced / dev.memory_bandwidth_bytes_per_s * 1e6


@lean
def memory_rate(dev: Any) -> float:
    """Return the bytes a second that kernels get from device memory."""
    return float(dev.memory_bandwidth_bytes_per_s * dev.tensor_kernels_gemm_hbm_fraction)


@lean
def port_bytes_per_s(dev: Any, sms: float) -> float:
    """Return the bytes a second that ``sms`` SMs take in from L2."""
    return float(sms * dev.sm_l2_bytes_per_clk * dev.clock_boost_hz)


@lean
def drained_bytes(dev: Any, read: float, written: float) -> float:
    """Return the compulsory bytes that a kernel waits for: some drain after it."""
    drained = written * dev.tensor_kernels_gemm_write_share
    kept = dev.tensor_kernels_gemm_write_kept_fraction * dev.l2_capacity_bytes
    drained = max(drained, written - kept)
    return float(read + drained)


@lean
def memory_us(dev: Any, sms: float, read: float, written: float) -> float:
    """Return the time of the compulsory bytes; what is written drains in part after the kernel."""
    rate = min(memory_rate(dev), port_bytes_per_s(dev, sms))
    return float(drained_bytes(dev, read, written) / rate * 1e6)


@lean
def l2_us(dev: Any, moved: float) -> float:
    """Return the time in which L2 serves ``moved`` bytes of operands."""
    rate = dev.l2_bytes_per_clk * dev.tensor_kernels_gemm_l2_fraction
    return float(moved / (rate * dev.clock_boost_hz) * 1e6)


@lean
def settle(out: Any, busiest: int, busy_us: float, hbm_us: float, both_us: float) -> None:
    """Give the body of a kernel to whoever bounds it, what overlap costs to exposed latency."""
    if hbm_us >= busy_us:
        out[HBM] += hbm_us
        out[EXPOSED] += both_us - hbm_us
    else:
        out[busiest] += busy_us
        out[EXPOSED] += both_us - busy_us
