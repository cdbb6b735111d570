"""Caches that a sweep cannot fill up: bounded, the least recently used given up first."""

from __future__ import annotations

import pytest

from archsim.app.workload import build_graph
from archsim.config import load_device
from archsim.graph.ops import Gemm
from archsim.models.gpu import GpuModel
from archsim.models.gpu import model as gpu_model
from archsim.recent import Recent


def test_the_least_recently_used_is_given_up() -> None:
    kept = Recent[str, int](2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)


def test_weights_add_up_and_the_newest_stays() -> None:
    kept = Recent[str, str](5, len)
    for text in ("aa", "bbb", "cccccccc", "d"):
        kept.put(text, text)
        assert kept.get(text) == text
    assert len(kept) == 1
    kept.put("d", "dd")
    kept.put("eee", "eee")
    assert len(kept) == 2
    kept.clear()
    assert len(kept) == 0
    kept.put("fffff", "fffff")
    assert len(kept) == 1


def test_a_limit_must_be_positive() -> None:
    with pytest.raises(ValueError, match="limit must be at least 1, not 0"):
        Recent[str, int](0)


def test_a_model_prices_more_operators_than_it_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    device = load_device("h200")
    graph = build_graph({"model": "resnet50", "batch": 2})
    whole = GpuModel(device).evaluate(graph)
    monkeypatch.setattr(gpu_model, "PRICED_KEPT", 3)
    few = GpuModel(device)
    assert few.evaluate(graph) == whole == few.evaluate(graph)
    assert len(few._priced) == 3
    assert few.price(Gemm(m=8, n=8, k=8)) == GpuModel(device).price(Gemm(m=8, n=8, k=8))
