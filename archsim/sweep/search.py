"""A search: generation by generation, the sampler's suggestions are evaluated and told back.

Every suggestion is looked up in the store before it is evaluated. A search that was stopped
therefore replays: the same seed gives the same first suggestions, the store answers them, and
the sampler stands where it stood.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import moocore
import numpy as np
from numpy.typing import NDArray

from archsim.config.search import Search
from archsim.sweep import worker
from archsim.sweep.dispatch import Crew, Item, dispatch
from archsim.sweep.export import whole_file
from archsim.sweep.pareto import pareto_front
from archsim.sweep.proposer import GENERATION, Answer, GridProposer, Proposer
from archsim.sweep.record import OK, Record
from archsim.sweep.store import Store
from archsim.sweep.work import Goal, SweepProgress, Work

HISTORY = "search.csv"
WORST = 1e9
"""The most by which a point counts as breaking a limit, in multiples of it."""


class SearchWork(Work):
    """The points that a sampler suggests, up to the budget of ``search``."""

    def __init__(
        self,
        store: Store,
        setup: worker.WorkerSetup,
        crew: Crew,
        progress: Callable[[SweepProgress], None] | None,
        goal: Goal,
        search: Search,
    ) -> None:
        budget = min(search.budget, setup.space.size)
        super().__init__(store, setup, crew, progress, goal, budget)
        self._phase = "search"
        self._generation = GENERATION[search.method]
        self._proposer = (
            GridProposer(setup.space.size)
            if search.method == "grid"
            else Proposer(setup.space, search.method, search.seed, len(goal.minimize))
        )
        self._answers: dict[int, Answer] = {}
        self._history: list[tuple[int, list[tuple[float, ...]]]] = []

    def _work(self) -> None:
        asked = 0
        while asked < self._total:
            indices = self._proposer.ask(min(self._generation, self._total - asked))
            asked += len(indices)
            self._answers.clear()
            self._look_up(indices)
            answers = {index: self._answers[index] for index in indices}
            self._proposer.tell(answers)
            good = [a.objectives for a in answers.values() if a.objectives and not any(a.excess)]
            self._history.append((asked, good))

    def _look_up(self, indices: list[int]) -> None:
        """Answer ``indices`` from the store, or else from the workers."""
        keys: dict[int, str] = {}
        unkeyed: list[Item] = []
        items = ((index, None) for index in indices)
        dispatch(
            self._crew, worker.identify_batch, items, len(indices), keys.update, unkeyed.append
        )
        for index, key in keys.items():
            self._belongs(key, index)
        stored = self._store.found(keys.values())
        missing: list[Item] = [*((i, k) for i, k in keys.items() if k not in stored), *unkeyed]
        for index, key in keys.items():
            if key in stored:
                row = stored[key]
                self._count(index, row.status, row.metrics)
        self._evaluate(iter(missing), len(missing))

    def _finish(self, records: list[Record]) -> None:
        super()._finish(records)
        for record in records:
            self._answers[record.place] = self._answer(record.status, record.metrics)

    def _count(self, index: int, status: str, metrics: str) -> None:
        """Take a point that the store answers."""
        self._done += 1
        if status != OK:
            self._failed += 1
        elif self._unchecked:
            self._check_minimize(list(json.loads(metrics)))
        self._answers[index] = self._answer(status, metrics)
        self._tell()

    def _answer(self, status: str, metrics: str) -> Answer:
        found: Mapping[str, float] = json.loads(metrics)
        if status != OK or any(name not in found for name in self._goal.minimize):
            return Answer(None)
        excess = tuple(
            0.0 if limit.kept(found) else min(limit.excess(found), WORST)
            for limit in self._goal.constraints
        )
        return Answer(tuple(found[name] for name in self._goal.minimize), excess)

    def export(self, folder: Path) -> dict[str, Path]:
        """Write ``search.csv``: points evaluated, and the share of the last hypervolume."""
        path = folder / HISTORY
        shares = hypervolume_history([good for _, good in self._history])
        with whole_file(path) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("points", "hypervolume"))
            for (points, _), share in zip(self._history, shares, strict=True):
                writer.writerow((points, f"{share:.6f}"))
        return {HISTORY: path}


def hypervolume_history(generations: list[list[tuple[float, ...]]]) -> list[float]:
    """Return, after each generation, the hypervolume of the front so far over the last one's.

    Objectives are scaled to what was seen, by their logarithms where all are positive: 0 is the
    best value of each, 1 the worst and the reference point.
    """
    everything = [point for good in generations for point in good]
    if not everything:
        return [0.0] * len(generations)
    values = np.array(everything, dtype=np.float64)
    for column in values.T:
        if (column > 0).all():
            column[:] = np.log(column)
    low = values.min(axis=0)
    width = values.max(axis=0) - low
    scaled = np.divide(values - low, width, out=np.zeros_like(values), where=width > 0)
    reference = np.ones(values.shape[1])
    volumes = []
    end = 0
    best: NDArray[np.float64] = np.empty((0, values.shape[1]))
    for good in generations:
        best = np.concatenate((best, scaled[end : end + len(good)]))
        best = best[pareto_front(best)]
        end += len(good)
        volumes.append(float(moocore.hypervolume(best, ref=reference)) if len(best) else 0.0)
    return [volume / volumes[-1] if volumes[-1] else 1.0 for volume in volumes]
