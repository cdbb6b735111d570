"""What ``minimize`` may name is what the models answer with."""

from __future__ import annotations

import pytest

from archsim.app.machines import METRICS, evaluator
from archsim.config import load_device
from workloads.models import build


@pytest.mark.parametrize(
    ("device", "model", "choices"),
    [
        ("h200", "deit_tiny_patch16_224", {"depth": 1, "dtype": "fp16"}),
        ("os_8x8_int8", "deit_tiny_patch16_224", {"depth": 1, "dtype": "int8", "quantise": "all"}),
        ("edgemoe_zcu102", "m3vit", {"depth": 2}),
    ],
)
def test_metrics_are_those_answered(device: str, model: str, choices: dict[str, object]) -> None:
    loaded = load_device(device)
    graph = build(model, **choices)
    result = evaluator(loaded, "graph").answer(graph)
    assert set(METRICS[result.machine]) >= set(result.metrics)
    assert set(METRICS[result.machine]) - set(result.metrics) <= {"throughput_per_s"}
    assert [op.name for op in result.operators] == list(graph.first_names)
    assert sum(op.count for op in result.operators) == len(graph.ops)
