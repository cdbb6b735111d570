"""Walks interpreted and compiled: the same answers, those of the objects they replaced."""

import json
import random
from dataclasses import astuple
from pathlib import Path

import pytest

from archsim.config.matrix import MatrixParams
from archsim.engine.hot import PATIENCE, Hot
from archsim.mapping.array import plan
from archsim.models.array import engine_cycles

ROWS = json.loads(Path(__file__).with_name("walks.json").read_text())["rows"]


@pytest.mark.parametrize("way", ["interpreted", "compiled"])
def test_walks_answer_as_before(monkeypatch, way):
    ready = {"interpreted": Hot.interpreted, "compiled": Hot.compiled}[way]
    monkeypatch.setattr(Hot, "ready", lambda hot, steps: ready(hot))
    for row in ROWS:
        params = MatrixParams(**row["params"])
        found = engine_cycles(params, plan(params, *row["size"]), row["shared"])
        assert list(astuple(found)) == row["cycles"], row


@pytest.mark.parametrize("dataflow", ["output_stationary", "weight_stationary"])
@pytest.mark.parametrize("shared", [False, True])
def test_both_ways_agree_on_larger_jobs(monkeypatch, dataflow, shared):
    rng = random.Random(f"{dataflow} {shared}")
    for _ in range(5):
        params = MatrixParams(
            rows=rng.randint(1, 70), columns=rng.randint(1, 70), dataflow=dataflow,
            a_depth=rng.randint(70, 3000), b_depth=rng.randint(70, 3000),
            out_depth=rng.randint(70, 900), port_bytes=rng.choice([1, 4, 32]),
            acc_depth=rng.randint(2, 300) if dataflow == "weight_stationary" else 0,
        )  # fmt: skip
        job = plan(params, *(rng.randint(1, 300) for _ in range(3)))
        found = []
        for way in (Hot.interpreted, Hot.compiled):
            monkeypatch.setattr(Hot, "ready", lambda hot, steps, way=way: way(hot))
            found.append(engine_cycles(params, job, shared))
        assert found[0] == found[1], (params, job)


def test_short_runs_are_interpreted_and_long_ones_compiled():
    def double(numbers):
        for place in range(len(numbers)):
            numbers[place] *= 2

    hot = Hot(double)
    run, make = hot.ready(PATIENCE)
    assert run is double
    assert (make.integers(2), make.given((1, 2))) == ([0, 0], [1, 2])
    run, make = hot.ready(1)
    numbers = make.given([5, 6])
    run(numbers)
    assert numbers.tolist() == [10, 12]
    assert (numbers.dtype, make.floats(1).dtype) == ("int64", "float64")
