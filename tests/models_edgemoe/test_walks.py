"""Walks interpreted and compiled: the same answers to the bit, those of the objects before."""

import json
from pathlib import Path

import pytest

from archsim.config import load_device
from archsim.engine.hot import Hot
from archsim.metrics.checks import check_point
from archsim.models.edgemoe import EdgeMoeModel, list_walk
from archsim.models.edgemoe.controller import Bus, predict
from archsim.models.edgemoe.trace import timeline
from workloads.models import build

ROWS = json.loads(Path(__file__).with_name("answers.json").read_text())["rows"]


def answers(monkeypatch, way):
    monkeypatch.setattr(Hot, "ready", lambda hot, steps: way(hot))
    graphs = {json.dumps(row["workload"]): build("m3vit", **row["workload"]) for row in ROWS}
    return [
        EdgeMoeModel(load_device(row["device"], row["overrides"])).evaluate(
            graphs[json.dumps(row["workload"])]
        )
        for row in ROWS
    ]


def test_both_ways_answer_as_before(monkeypatch):
    plain = answers(monkeypatch, Hot.interpreted)
    for row, answer in zip(ROWS, plain, strict=True):
        check_point(answer)
        found = {name: answer.metrics[name] for name in row["metrics"]}
        assert found == pytest.approx(row["metrics"], rel=1e-13), row  # sum() adds by interpreter
    machine = answers(monkeypatch, Hot.compiled)
    assert [a.to_dict() for a in machine] == [a.to_dict() for a in plain]


def test_timelines_are_the_same_both_ways(monkeypatch):
    graph = build("m3vit", depth=2)
    for name in ("edgemoe_zcu102", "edgemoe_fast"):
        model = EdgeMoeModel(load_device(name, ["encoder.depth=2"]))
        found = []
        for way in (Hot.interpreted, Hot.compiled):
            monkeypatch.setattr(Hot, "ready", lambda hot, steps, way=way: way(hot))
            found.append(timeline(model, graph))
        assert found[0] == found[1]
        assert json.dumps(found[1].slices[0].args)  # plain numbers


def test_a_list_of_steps_is_walked_the_same_both_ways(monkeypatch):
    """With experts token by token too, which only co-simulation asks for."""
    fast = load_device("edgemoe_fast", ["techniques.expert_by_expert=false"]).params
    gate = {"opcode": 5, "unit": 4, "beats": 99, "rows": 129, "k": 192, "n_tiles": 1, "gate": 1}
    expert = {"opcode": 5, "unit": 5, "beats": 700, "k": 192, "n_tiles": 8}
    listed = [{"opcode": 1}, gate]
    for _ in range(40):
        listed += [{**expert, "gather": 1, "expert": 0}, {**expert, "scatter": 1, "expert": 0}]
    listed += [{"opcode": 7, "unit": 6, "beats": 500}, {"opcode": 0}]
    found = []
    for way in (Hot.interpreted, Hot.compiled):
        monkeypatch.setattr(Hot, "ready", lambda hot, steps, way=way: way(hot))
        found.append(predict(fast, listed, [[129] * 16], Bus(64, 0.4)))
    assert found[0] == found[1]
    assert len(found[0].spans) == len(listed) - 2 > list_walk.AHEAD
