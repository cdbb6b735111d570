"""Whole models of a measured dataset: the graph that eager PyTorch runs, and its prediction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from archsim.app.workload import build_graph

Answer = tuple[float, float, list[tuple[str, int, float]]]
_LAYERED = re.compile(r"(?P<model>\w+?)_\d+layers")
_ALIASES = {"llama32_1b": "llama3_2_1b", "llama32_3b": "llama3_2_3b"}
_LLAMA_VOCABULARY = 32000  # the measured layers have an embedding of this size
_NOT_CHOICES = ("model", "params", "kernel_sum_us", "kernels", "graph_us", "top")


def workload_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return the workload of a measured case: its model as eager PyTorch launches it.

    ``llama2_7b_2layers`` is ``llama2_7b`` with ``layers: 2`` and no head, as it was measured.
    """
    from workloads import models

    layered = _LAYERED.fullmatch(case["model"])
    name = layered["model"] if layered else case["model"]
    name = _ALIASES.get(name, name)
    workload: dict[str, Any] = {"model": name, "framework": "eager"}
    known = models.choices(name) if name in models.names() else {}
    if layered and "head" in known:
        workload["head"] = "none"
    if layered and "vocab" in known:
        workload["vocab"] = _LLAMA_VOCABULARY
    if "fold_batchnorm" in known:
        workload["fold_batchnorm"] = False
    workload.update({k: case[k] for k in known if k in case and k not in _NOT_CHOICES})
    return workload


def predictor(model: Any) -> Callable[[Mapping[str, Any]], Answer]:
    """Return the function that predicts a case: kernel sum, CUDA-graph time and the kernels."""

    def predict(case: Mapping[str, Any]) -> Answer:
        graph = build_graph(workload_of(case))
        kernels = model.evaluate(graph, "kernels")
        replay = model.evaluate(graph, "graph")
        names: dict[str, tuple[int, float]] = {}
        for op in kernels.operators:
            for kernel in op.kernels:
                count, us = names.get(kernel.name, (0, 0.0))
                names[kernel.name] = (count + op.count, us + op.count * kernel.us)
        listed = [(name, count, us) for name, (count, us) in names.items()]
        return kernels.metrics["latency_us"], replay.metrics["latency_us"], listed

    return predict
