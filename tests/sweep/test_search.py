import csv
import itertools
import random

import pytest

from archsim.config.constraint import Constraint
from archsim.config.search import Search
from archsim.sweep import Space, SweepInterrupted
from archsim.sweep.proposer import Answer, Proposer
from archsim.sweep.search import hypervolume_history

SPACE = Space("grid", {"x": list(range(30)), "y": [4, 1, 2], "kind": ["a", "b", "c"]})
GOAL = {"minimize": ["latency_us", "energy_j"]}


def rows(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("method", ["nsga2", "tpe", "random"])
def test_same_seed_gives_the_same_files_for_any_number_of_workers(sweep, tmp_path, method):
    search = Search(method, 60, 5)
    for workers in (1, 2):
        summary = sweep(
            SPACE, {"bad": [3]}, folder=str(workers), workers=workers, search=search, **GOAL
        )
        assert (summary.points, summary.evaluated) == (60, 60)
    for name in ("results.json", "results.csv", "results.parquet", "pareto.csv", "search.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    other = sweep(SPACE, {}, folder="other", search=Search(method, 60, 6), **GOAL)
    assert other.points == 60
    keys = [{row["key"] for row in rows(tmp_path / f / "results.csv")} for f in ("1", "other")]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("method", ["nsga2", "tpe"])
def test_a_stopped_search_goes_on_as_if_it_had_not_stopped(sweep, results, tmp_path, method):
    log = tmp_path / "log"
    search = Search(method, 100, 1)
    sweep(SPACE, {"log": str(log)}, folder="whole", search=search, **GOAL)
    order = log.read_text()
    log.unlink()
    for budget in (16, 70):
        sweep(SPACE, {"log": str(log)}, folder="parts", search=Search(method, budget, 1), **GOAL)
    summary = sweep(SPACE, {"log": str(log)}, folder="parts", search=search, **GOAL)
    assert (summary.points, summary.reused, summary.evaluated) == (100, 70, 30)
    assert log.read_text() == order
    assert results("parts")["pareto.csv"] == results("whole")["pareto.csv"]


def test_an_interrupted_search_keeps_its_points(sweep, results):
    with pytest.raises(SweepInterrupted):
        sweep(SPACE, {"interrupt": [7], "base": {}}, search=Search("random", 200, 1), **GOAL)
    summary = sweep(SPACE, {"base": {}, "bad": [29]}, search=Search("random", 200, 1), **GOAL)
    assert summary.points == 200


def test_every_point_is_suggested_once_and_the_whole_space_in_the_end(sweep, results):
    space = Space("grid", {"x": list(range(12)), "y": [4, 1, 2], "kind": ["a", "b"]})
    for method in ("nsga2", "tpe", "random", "grid"):
        summary = sweep(space, {}, folder=method, search=Search(method, 10_000, 2), **GOAL)
        assert (summary.points, summary.evaluated) == (72, 72)
    whole = sweep(space, {}, folder="sweep", **GOAL)
    assert whole.points == 72
    assert (
        len({results(m)["results.csv"] for m in ("nsga2", "tpe", "random", "grid", "sweep")}) == 1
    )


def test_grid_takes_the_first_points_in_order(sweep, tmp_path):
    log = tmp_path / "log"
    sweep(SPACE, {"log": str(log)}, search=Search("grid", 7), **GOAL)
    assert log.read_text().split("\n")[:-1] == ["0 4"] * 3 + ["0 1"] * 3 + ["0 2"]


def test_the_front_keeps_the_constraints_and_the_sampler_learns_them(sweep, tmp_path):
    space = Space("grid", {"x": list(range(300)), "y": list(range(1, 40))})
    limits = (Constraint("power_w", maximum=4.0), Constraint("latency_us", maximum=12.0))
    summary = sweep(space, {}, constraints=limits, search=Search("nsga2", 480, 3), **GOAL)
    front = rows(tmp_path / "out" / "pareto.csv")
    assert summary.front == len(front) > 0
    assert all(float(row["power_w"]) <= 4 and float(row["latency_us"]) <= 12 for row in front)
    everything = rows(tmp_path / "out" / "results.csv")
    kept = [float(r["power_w"]) <= 4 and float(r["latency_us"]) <= 12 for r in everything]
    assert sum(kept) > 3 * 480 * 5 / 300  # five of 300 values of x keep both: random finds 8


@pytest.mark.parametrize("seed", [0, 1])
def test_a_search_finds_a_narrow_front_that_random_misses(seed):
    space = Space("grid", {name: list(range(40)) for name in "abc"})

    def on_front(method):
        proposer, points = Proposer(space, method, seed, 2), 0
        for _ in range(20):
            answers = {}
            for index in proposer.ask(48):
                a, b, c = space[index].values()
                off = (b - 31) ** 2 + (c - 7) ** 2
                points += off == 0
                answers[index] = Answer((a + off, 39 - a + off))
            proposer.tell(answers)
        return points

    assert on_front("nsga2") >= 10 > 3 >= on_front("random")


def test_hypervolume_is_the_area_of_the_staircase():
    rng = random.Random(4)
    generations = [[(rng.uniform(-3, 1), rng.uniform(-2, 5)) for _ in range(6)] for _ in range(5)]
    points = list(itertools.chain(*generations))
    low, high = ([f(p[k] for p in points) for k in (0, 1)] for f in (min, max))
    scaled = [
        [tuple((p[k] - low[k]) / (high[k] - low[k]) for k in (0, 1)) for p in g]
        for g in generations
    ]

    def area(seen):
        total, edge = 0.0, 1.0
        for x, y in sorted(seen):
            if y < edge:
                total += (1 - x) * (edge - y)
                edge = y
        return total

    areas = [area(list(itertools.chain(*scaled[: i + 1]))) for i in range(5)]
    assert hypervolume_history(generations) == pytest.approx([a / areas[-1] for a in areas])
    assert hypervolume_history([[], []]) == [0.0, 0.0]
    assert hypervolume_history([[(1.0, 2.0)]]) == [1.0]
