"""From priced operators to a workload's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import mul
from typing import Any, NamedTuple

from archsim.config.gpu import GpuDevice
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import SparseGemm
from archsim.metrics import OperatorResult
from archsim.models.gpu.columns import Columns
from archsim.models.gpu.graph_launch import MEMSET, wait_us
from archsim.models.gpu.pointwise import HOST_COPY
from archsim.models.gpu.power import Load, at_boost, replay, settle
from archsim.models.gpu.residency import reuse


def summarise(
    graph: Graph, priced: Columns, device: GpuDevice, execution: str, dev: Any
) -> dict[str, float]:
    """Return the metrics of ``priced`` operators run as ``execution`` says.

    ``kernel_sum_us`` holds the kernels at the boost clock. ``latency_us`` is that of one of a few
    iterations, whose clock begins to follow the power limit (``kernels``: that of kernels apart, at
    the boost clock); ``sustained_us`` that of the endless loop. ``dev`` is the device's record.
    """
    counts = priced.counts
    kernels = sum(n * len(names) for n, names in zip(counts, priced.kernels, strict=True))
    kernel_us = _sum(counts, priced.us)
    gaps_us = _gaps_us(graph, priced, kernels, kernel_us, device, execution)
    hbm_bytes = _sum(counts, priced.hbm_bytes)
    load = _load(priced, kernel_us, gaps_us, hbm_bytes, dev)
    steady = settle(dev, load)
    state = at_boost(dev, load) if execution == "kernels" else replay(dev, load, steady)
    slower = state.us / (kernel_us + gaps_us)
    flops = float(sum(map(mul, counts, reuse(graph).flops)))
    seconds = state.us * 1e-6
    metrics = {
        "latency_us": state.us,
        "latency_low_us": (_sum(counts, priced.low_us) + gaps_us) * slower,
        "latency_high_us": (_sum(counts, priced.high_us) + gaps_us) * slower,
        "kernel_sum_us": kernel_us,
        "kernels": float(kernels),
        "energy_j": state.joules,
        "power_w": state.watts,
        "sm_clock_hz": state.sm_clock_hz,
        "sustained_us": steady.us,
        "sustained_clock_hz": steady.sm_clock_hz,
        "flops": flops,
        "tflops": flops / seconds * 1e-12,
        "hbm_bytes": hbm_bytes,
        "hbm_utilisation": hbm_bytes / seconds / float(device.memory.bandwidth_bytes_per_s),
        "mfu": _busy_s(graph, device) / seconds,
    }
    batch = graph.meta.get("batch")
    if isinstance(batch, int):
        metrics["throughput_per_s"] = batch / seconds
    return metrics


def _sum(counts: Sequence[int], each: Sequence[float]) -> float:
    """Return the sum over all occurrences."""
    return sum(map(mul, counts, each))


def _load(priced: Columns, kernel_us: float, gaps_us: float, memory_bytes: float, dev: Any) -> Load:
    """Return what all operators together ask of the board."""
    memory_us = _sum(priced.counts, priced.hbm_us)
    memory_j = memory_bytes * float(dev["power_hbm_pj_per_byte"]) * 1e-12
    static_j = float(dev["power_idle_w"]) * kernel_us * 1e-6
    energy_j = _sum(priced.counts, priced.energy_j)
    return Load(
        clocked_us=kernel_us - memory_us, memory_us=memory_us,
        core_j=energy_j - static_j - memory_j, memory_j=memory_j, gap_us=gaps_us, host_us=0.0,
    )  # fmt: skip


def _gaps_us(
    graph: Graph,
    priced: Columns,
    kernels: int,
    kernel_us: float,
    device: GpuDevice,
    execution: str,
) -> float:
    """Time before and between kernels."""
    each = gap_us(device, execution, kernels, kernel_us)
    gaps = [sum(map(each, names)) for names in priced.kernels]
    wait = wait_us(graph, priced, device, gaps) if execution == "graph" else 0.0
    return wait + _sum(priced.counts, gaps)


def gap_us(
    device: GpuDevice, execution: str, kernels: float, kernel_us: float
) -> Callable[[str], float]:
    """Return the time before a kernel by its name: none, a CUDA graph's gap, or what the host
    cannot hide of launching ``kernels`` kernels that take ``kernel_us`` together.
    """
    launch = device.launch
    if execution == "kernels":
        return lambda name: 0.0
    if execution == "eager":
        hidden = kernel_us / kernels if kernels else 0.0
        shown = max(float(launch.stream_us) - hidden, float(launch.stream_gap_us))
        return lambda name: shown
    memset, host = float(launch.graph_memset_us), float(launch.graph_host_copy_us)
    gap = float(launch.graph_gap_us)

    def between(name: str) -> float:
        return gap + memset * name.startswith(MEMSET) + host * (name == HOST_COPY)

    return between


def _busy_s(graph: Graph, device: GpuDevice) -> float:
    """Seconds of the workload's operations at the dense peak of each operator's data type."""
    at_once = float(device.sm_count) * float(device.clock.boost_hz)
    uses = reuse(graph)
    peaks = _peaks_per_clk(uses.specs, device)
    work = sum(f * n / peak for f, n, peak in zip(uses.flops, uses.counts, peaks, strict=True))
    return work / at_once


class _Peaks(NamedTuple):
    specs: Sequence[OpSpec]
    sections: tuple[Any, Any]
    per_clk: list[float]


_last = _Peaks((), (None, None), [])


def _peaks_per_clk(specs: Sequence[OpSpec], device: GpuDevice) -> list[float]:
    """Return the peaks of ``specs``: the last ones where neither they nor the device's units are
    other objects."""
    global _last
    known = _last
    tensor, sm = known.sections
    if known.specs is not specs or tensor is not device.tensor or sm is not device.sm:
        per_clk = [_peak_per_clk(spec, device) for spec in specs]
        known = _last = _Peaks(specs, (device.tensor, device.sm), per_clk)
    return known.per_clk


def _peak_per_clk(spec: OpSpec, device: GpuDevice) -> float:
    """Operations per clock of one SM for the data type of ``spec``: tensor cores, else lanes."""
    dtype = str(getattr(spec, "dtype", "fp32")).removesuffix("_e5m2")
    tensor = getattr(device.tensor, f"{dtype}_flop_per_clk", None)
    if tensor is not None and tensor.value > 0:
        sparse = isinstance(spec, SparseGemm)
        return float(tensor) * (float(device.tensor.sparse_factor) if sparse else 1.0)
    if dtype.startswith("int"):
        return float(device.sm.int32_op_per_clk)
    lanes = device.sm.fp64_flop_per_clk if dtype == "fp64" else device.sm.fp32_flop_per_clk
    return float(lanes)


def estimated(priced: tuple[OperatorResult, ...], kernel_us: float) -> dict[str, float]:
    """Relative change of the kernels' time at the edge of each estimated constant."""
    total: dict[str, float] = {}
    for op in priced:
        weight = op.count * op.us / kernel_us
        for path, edge in op.sensitive.items():
            total[path] = total.get(path, 0.0) + weight * edge
    return dict(sorted(total.items(), key=lambda item: -item[1]))
