"""From priced operators to a workload's metrics."""

from __future__ import annotations

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph
from archsim.metrics import OperatorResult, PointResult


def summarise(
    graph: Graph, priced: tuple[OperatorResult, ...], device: GpuDevice, execution: str
) -> PointResult:
    """Return the metrics of ``priced`` operators run as ``execution`` says."""
    kernels = sum(op.count * len(op.kernels) for op in priced)
    kernel_us = sum(op.count * op.us for op in priced)
    gaps_us = _gaps_us(kernels, kernel_us, device, execution)
    latency_us = kernel_us + gaps_us
    low_us = sum(op.count * op.low_us for op in priced) + gaps_us
    high_us = sum(op.count * op.high_us for op in priced) + gaps_us
    energy_j = sum(op.count * op.energy_j for op in priced)
    energy_j += float(device.power.idle_w) * gaps_us * 1e-6
    flops = float(sum(op.count * op.flops for op in priced))
    hbm_bytes = sum(op.count * k.hbm_bytes for op in priced for k in op.kernels)
    seconds = latency_us * 1e-6
    metrics = {
        "latency_us": latency_us,
        "latency_low_us": low_us,
        "latency_high_us": high_us,
        "kernel_sum_us": kernel_us,
        "kernels": float(kernels),
        "energy_j": energy_j,
        "power_w": energy_j / seconds,
        "sm_clock_hz": float(device.clock.boost_hz),
        "flops": flops,
        "tflops": flops / seconds * 1e-12,
        "hbm_bytes": hbm_bytes,
        "hbm_utilisation": hbm_bytes / seconds / float(device.memory.bandwidth_bytes_per_s),
        "mfu": flops / seconds / _peak_flops(device),
    }
    batch = graph.meta.get("batch")
    if isinstance(batch, int):
        metrics["throughput_per_s"] = batch / seconds
    return PointResult("gpu", metrics, priced, _estimated(priced, kernel_us))


def _gaps_us(kernels: int, kernel_us: float, device: GpuDevice, execution: str) -> float:
    """Time between kernels: none, a CUDA graph's gaps, or what the host cannot hide."""
    if execution == "kernels":
        return 0.0
    if execution == "graph":
        return kernels * float(device.launch.graph_gap_us)
    host_us = kernels * float(device.launch.stream_us)
    return max(host_us - kernel_us, kernels * float(device.launch.graph_gap_us))


def _peak_flops(device: GpuDevice) -> float:
    """Dense fp16 peak of the whole device."""
    rate = float(device.tensor.fp16_flop_per_clk)
    return rate * float(device.sm_count) * float(device.clock.boost_hz)


def _estimated(priced: tuple[OperatorResult, ...], kernel_us: float) -> dict[str, float]:
    """Relative change of the kernels' time at the edge of each estimated constant."""
    total: dict[str, float] = {}
    for op in priced:
        weight = op.count * op.us / kernel_us
        for path, edge in op.sensitive.items():
            total[path] = total.get(path, 0.0) + weight * edge
    return dict(sorted(total.items(), key=lambda item: -item[1]))
