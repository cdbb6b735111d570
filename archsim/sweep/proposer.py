"""Suggests the next points of a search: an Optuna sampler over the indices of a ``Space``.

Points are asked for and answered one generation at a time, and a generation's size depends on
nothing but the method, so the suggestions are the same for any number of workers, and after a
restart, when stored points answer again, the sampler goes on where it was.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from archsim.config.search import METHODS
from archsim.sweep.space import Space

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.samplers import BaseSampler

SAMPLED = tuple(method for method in METHODS if method != "grid")
GENERATION: Final[Mapping[str, int]] = {"nsga2": 48, "tpe": 16, "random": 64, "grid": 512}
"""Points asked for at once. NSGA-II: its population; TPE: few, as it learns from every answer."""
PATIENCE: Final[Mapping[str, int]] = {"nsga2": 8, "tpe": 1, "random": 8}
"""Suggestions in a row of known points after which a neighbour of one is taken instead. TPE's cost
most, and repeat themselves most."""
STARTUP = 10
"""Points at random for each axis before TPE learns from them."""
CANDIDATES = 4
"""Draws from TPE's model of good points that it chooses from: many make it greedy."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a point answered: its objectives (to be minimised), and how far it breaks each limit.

    ``objectives`` is None for a point that failed; ``excess`` holds a number for each constraint,
    0 where it is kept, in shares of the limit.
    """

    objectives: tuple[float, ...] | None
    excess: tuple[float, ...] = ()


class Proposer:
    """Suggests distinct points of a grid ``space`` and learns from their answers.

    Numbers are searched by their place in their axis's order, texts and truth values as
    categories. Raises ``ValueError`` for an unknown method or a space that is not a grid.
    """

    def __init__(self, space: Space, method: str, seed: int, objectives: int) -> None:
        if method not in SAMPLED:
            raise ValueError(f"search.method must be one of {', '.join(SAMPLED)}, not {method!r}")
        if space.mode != "grid":
            raise ValueError(f"a search needs a grid of values, not sweep mode {space.mode}")
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.generation = GENERATION[method]
        self._patience = PATIENCE[method]
        self._axes = [_Axis(p, c) for p, c in zip(space.paths, space.columns, strict=True)]
        self._size = space.size
        self._random = random.Random(seed)
        self._study = optuna.create_study(
            sampler=_sampler(method, seed, len(self._axes)), directions=["minimize"] * objectives
        )
        self._known: set[int] = set()
        self._pending: dict[int, Trial] = {}

    def ask(self, most: int) -> list[int]:
        """Return the indices of up to ``most`` points never suggested before; none where all were.

        ``tell`` must answer them all before the next call.
        """
        asked: list[int] = []
        missed = 0
        while len(asked) < most and len(self._known) < self._size:
            trial = self._study.ask()
            index = self._index(trial)
            if index in self._known:
                self._refuse(trial)
                missed += 1
                if missed >= self._patience:
                    self._enqueue(self._neighbour(index))
                continue
            missed = 0
            self._known.add(index)
            self._pending[index] = trial
            asked.append(index)
        return asked

    def tell(self, answers: Mapping[int, Answer]) -> None:
        """Take the answers of all points of the last ``ask``."""
        from optuna.trial import TrialState

        for index, trial in self._pending.items():
            answer = answers[index]
            for place, excess in enumerate(answer.excess):
                trial.set_constraint(f"c{place}", excess)
            if answer.objectives is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, list(answer.objectives))
        self._pending.clear()

    def _refuse(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.FAIL)

    def _index(self, trial: Trial) -> int:
        index = 0
        for axis in self._axes:
            index = index * len(axis.values) + axis.suggest(trial)
        return index

    def _enqueue(self, index: int) -> None:
        parameters = {}
        for axis in reversed(self._axes):
            index, digit = divmod(index, len(axis.values))
            parameters[axis.path] = axis.parameter(digit)
        self._study.enqueue_trial(parameters)

    def _neighbour(self, index: int) -> int:
        """Return a new point reached from ``index`` by a random walk of steps in one axis."""
        digits: list[int] = []
        for axis in reversed(self._axes):
            index, digit = divmod(index, len(axis.values))
            digits.insert(0, digit)
        while True:
            place = self._random.randrange(len(digits))
            digits[place] = self._axes[place].step(digits[place], self._random)
            index = 0
            for axis, digit in zip(self._axes, digits, strict=True):
                index = index * len(axis.values) + digit
            if index not in self._known:
                return index


class GridProposer:
    """Suggests the points of a space of ``size`` in their order."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._next = 0

    def ask(self, most: int) -> list[int]:
        """Return the next indices."""
        first = self._next
        self._next = min(first + most, self._size)
        return list(range(first, self._next))

    def tell(self, answers: Mapping[int, Answer]) -> None:
        """Learn nothing."""


class _Axis:
    """One axis: its values in the space's order, and their ranks where they are numbers."""

    def __init__(self, path: str, values: Sequence[Any]) -> None:
        self.path = path
        self.values = values
        self._order: list[int] | None = None
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
            self._order = sorted(range(len(values)), key=values.__getitem__)
            self._rank = {digit: rank for rank, digit in enumerate(self._order)}

    def suggest(self, trial: Trial) -> int:
        """Return the digit (place in the space's order) that ``trial`` takes."""
        if self._order is not None:
            return self._order[trial.suggest_int(self.path, 0, len(self.values) - 1)]
        return int(trial.suggest_categorical(self.path, range(len(self.values))))

    def parameter(self, digit: int) -> int:
        """Return Optuna's parameter of ``digit``."""
        return digit if self._order is None else self._rank[digit]

    def step(self, digit: int, rng: random.Random) -> int:
        """Return a digit beside ``digit`` in rank, any other one of a category."""
        if self._order is None:
            return rng.randrange(len(self.values))
        rank = self._rank[digit] + rng.choice((-1, 1))
        return self._order[min(max(rank, 0), len(self.values) - 1)]


def _sampler(method: str, seed: int, axes: int) -> BaseSampler:
    from optuna import samplers

    if method == "random":
        return samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # both options are marked experimental
        if method == "tpe":
            return samplers.TPESampler(
                seed=seed, multivariate=True, constant_liar=True, n_ei_candidates=CANDIDATES,
                n_startup_trials=STARTUP * axes,
            )  # fmt: skip
        return samplers.NSGAIISampler(seed=seed, population_size=GENERATION["nsga2"])
