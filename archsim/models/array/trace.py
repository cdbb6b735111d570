"""A workload's run on a matrix engine as a timeline: engine, vector unit, and what bounds them."""

from __future__ import annotations

from archsim.graph import Graph
from archsim.metrics import KernelResult
from archsim.metrics.kernel_timeline import kernel_timeline
from archsim.metrics.timeline import Timeline
from archsim.models.array.model import ArrayModel


def timeline(model: ArrayModel, graph: Graph) -> Timeline:
    """Return what runs when in one pass of ``graph``; the end is its ``latency_us``."""
    answer = model.evaluate(graph)
    priced = dict(zip(graph.counts, answer.operators, strict=True))
    return kernel_timeline(
        f"{model.device.name}: {graph.name}",
        ((op.name, priced[op.spec]) for op in graph),
        answer.metrics["latency_us"],
        track=_unit,
    )


def _unit(kernel: KernelResult) -> str:
    return "vector unit" if kernel.name == "vector" else "matrix engine"
