"""The machine models by name, imported when first needed, and the metrics each answers with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from archsim.config import Device
from archsim.errors import ConfigError
from archsim.graph import Graph
from archsim.metrics import PointResult
from archsim.metrics.timeline import Timeline


@dataclass(frozen=True)
class Evaluator:
    """The model of one device: ``answer`` prices a graph, ``metrics`` gives its metrics alone.

    ``like``, where a machine has it, makes the evaluator of a device that differs from this one in
    the constants at the given paths.
    """

    answer: Callable[[Graph], PointResult]
    metrics: Callable[[Graph], dict[str, float]]
    like: Callable[[Device, Collection[str]], Evaluator] | None = None


COMMON_METRICS = ("latency_us", "latency_low_us", "latency_high_us", "energy_j", "power_w")
METRICS = {
    "gpu": (
        *COMMON_METRICS, "kernel_sum_us", "kernels", "sm_clock_hz", "flops", "tflops",
        "hbm_bytes", "hbm_utilisation", "mfu", "throughput_per_s", "sustained_us",
        "sustained_clock_hz",
    ),
    "array": (
        *COMMON_METRICS, "matrix_cycles", "bound_cycles", "utilisation", "flops",
        "memory_bytes", "sram_bytes", "macs_per_cycle", "lut", "ff", "dsp", "bram", "uram",
        "fmax_mhz", "min_period_ns", "fpga_power_w",
        "asic_area_180nm_mm2", "asic_power_180nm_w", "asic_area_45nm_mm2", "asic_power_45nm_w",
        "asic_area_7nm_mm2", "asic_power_7nm_w",
    ),
    "edgemoe": (
        *COMMON_METRICS, "cycles", "bound_cycles", "utilisation", "weight_wait_us",
        "attention_us", "attention_steps", "attention_tokens_loaded", "flops", "memory_bytes",
        "lut", "ff", "dsp", "bram", "fill",
    ),
    "ngpc": (
        *COMMON_METRICS, "frames_per_s", "speedup", "baseline_us", "encoding_share",
        "perceptron_share", "network_share", "rest_us", "cluster_us", "network_speedup",
        "plateau_speedup", "sample_cycles", "encoding_cycles", "perceptron_cycles",
        "samples_per_s", "link_bytes", "table_bytes", "kept_fraction", "area_mm2",
    ),
}  # fmt: skip
"""What ``minimize`` may name, by machine."""


def evaluator(device: Device, execution: str) -> Evaluator:
    """Return what prices graphs on ``device``, caching what it has priced."""
    machine = getattr(device, "machine", "")
    if machine not in _MAKERS:
        known = ", ".join(_MAKERS)
        raise ConfigError(f"device must be of a machine with a model ({known}), not {machine!r}")
    return _MAKERS[machine](device, execution)


def timeline(device: Device, execution: str, graph: Graph) -> Timeline:
    """Return what every unit of ``device`` does when in one pass of ``graph``."""
    return _TIMELINES[getattr(device, "machine", "")](device, execution, graph)


def _gpu(device: Any, execution: Any) -> Evaluator:
    from archsim.models.gpu import GpuModel

    def of(model: GpuModel) -> Evaluator:
        return Evaluator(
            answer=lambda graph: model.evaluate(graph, execution),
            metrics=lambda graph: model.metrics(graph, execution),
            like=lambda device, paths: of(model.like(device, paths)),  # type: ignore[arg-type]
        )

    return of(GpuModel(device))


def _array(device: Any, execution: Any) -> Evaluator:
    from archsim.models.array import ArrayModel

    return _whole(ArrayModel(device).evaluate)


def _edgemoe(device: Any, execution: Any) -> Evaluator:
    from archsim.models.edgemoe import EdgeMoeModel

    return _whole(EdgeMoeModel(device).evaluate)


def _ngpc(device: Any, execution: Any) -> Evaluator:
    from archsim.models.ngpc import NgpcModel

    return _whole(NgpcModel(device).evaluate)


def _whole(answer: Callable[[Graph], PointResult]) -> Evaluator:
    """The evaluator of a machine that has no shorter way to the metrics."""
    return Evaluator(answer, lambda graph: answer(graph).metrics)


_MAKERS: dict[str, Callable[[Any, Any], Evaluator]] = {
    "gpu": _gpu,
    "array": _array,
    "edgemoe": _edgemoe,
    "ngpc": _ngpc,
}


def _gpu_timeline(device: Any, execution: Any, graph: Graph) -> Timeline:
    from archsim.models.gpu import GpuModel
    from archsim.models.gpu.trace import timeline as trace

    return trace(GpuModel(device), graph, execution)


def _array_timeline(device: Any, execution: Any, graph: Graph) -> Timeline:
    from archsim.models.array import ArrayModel
    from archsim.models.array.trace import timeline as trace

    return trace(ArrayModel(device), graph)


def _edgemoe_timeline(device: Any, execution: Any, graph: Graph) -> Timeline:
    from archsim.models.edgemoe import EdgeMoeModel
    from archsim.models.edgemoe.trace import timeline as trace

    return trace(EdgeMoeModel(device), graph)


def _ngpc_timeline(device: Any, execution: Any, graph: Graph) -> Timeline:
    from archsim.models.ngpc import NgpcModel
    from archsim.models.ngpc.trace import timeline as trace

    return trace(NgpcModel(device), graph)


_TIMELINES: dict[str, Callable[[Any, Any, Graph], Timeline]] = {
    "gpu": _gpu_timeline,
    "array": _array_timeline,
    "edgemoe": _edgemoe_timeline,
    "ngpc": _ngpc_timeline,
}
