"""A workload's run on a GPU as a timeline: kernels, the gaps between them, and what bounds each."""

from __future__ import annotations

from archsim.graph import Graph
from archsim.metrics import KernelResult
from archsim.metrics.kernel_timeline import kernel_timeline
from archsim.metrics.timeline import Timeline
from archsim.models.gpu.columns import Columns
from archsim.models.gpu.graph_launch import wait_us
from archsim.models.gpu.model import Execution, GpuModel
from archsim.models.gpu.point import gap_us


def timeline(model: GpuModel, graph: Graph, execution: Execution = "graph") -> Timeline:
    """Return what runs when in one pass of ``graph``; the end is its ``latency_us``."""
    answer = model.evaluate(graph, execution)
    priced = dict(zip(graph.counts, answer.operators, strict=True))
    metrics = answer.metrics
    each = gap_us(model.device, execution, metrics["kernels"], metrics["kernel_sum_us"])
    graphed = execution == "graph"
    columns = Columns.of_results(answer.operators)
    gaps = [sum(map(each, names)) for names in columns.kernels]
    start = wait_us(graph, columns, model.device, gaps) if graphed else 0.0

    def before(kernel: KernelResult) -> float:
        return each(kernel.name)

    return kernel_timeline(
        f"{model.device.name}: {graph.name}",
        ((op.name, priced[op.spec]) for op in graph),
        metrics["latency_us"],
        start_us=start,
        gap_us=before,
    )
