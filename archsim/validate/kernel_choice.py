"""Two errors told apart: with the recorded kernel given, and with the model's own choice of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from archsim.graph.ops import OpSpec
from archsim.validate.stats import Stats, stats

Launch = Mapping[str, Any]
"""A recorded kernel: ``name``, ``grid`` and what else was recorded of its launch."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the model says about the kernels that were recorded.

    ``recorded_us`` is their predicted time. ``rank`` is the place of the recorded tile in the
    model's own order of candidates, from 1; 0 where it is no candidate, ``None`` where the
    library's choice is not modelled for this operator.
    """

    recorded_us: float
    rank: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"recorded_us": self.recorded_us, "rank": self.rank}


Choose = Callable[[OpSpec, Sequence[Launch]], Choice | None]
"""Prices recorded kernels; ``None`` where one of them is unknown to the machine's model."""

Judged = tuple[float, float, Choice]
"""Measured and predicted (own choice) microseconds of a case, and its ``Choice``."""


@dataclass(frozen=True, slots=True)
class ChoiceSummary:
    """Both errors on the same cases, how often the recorded tile is among ours, the regret.

    ``top1`` and ``top3`` are in per cent of the ``ranked`` cases. ``regret_us`` is the mean
    absolute difference between the predicted times of our kernels and of the recorded ones.
    """

    given: Stats
    own: Stats
    ranked: int
    top1: float | None
    top3: float | None
    regret_us: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "recorded": self.given.to_dict(),
            "own": self.own.to_dict(),
            "ranked": self.ranked,
            "top1": self.top1,
            "top3": self.top3,
            "regret_us": self.regret_us,
        }


def summarise_choice(cases: Iterable[Judged]) -> ChoiceSummary:
    """Return the summary of ``cases``."""
    cases = list(cases)
    ranks = [choice.rank for _, _, choice in cases if choice.rank is not None]
    regrets = [abs(own - choice.recorded_us) for _, own, choice in cases]
    return ChoiceSummary(
        given=stats((us, choice.recorded_us) for us, _, choice in cases),
        own=stats((us, own) for us, own, _ in cases),
        ranked=len(ranks),
        top1=_share(ranks, 1),
        top3=_share(ranks, 3),
        regret_us=fmean(regrets) if regrets else None,
    )


def _share(ranks: Sequence[int], places: int) -> float | None:
    if not ranks:
        return None
    return 100.0 * sum(1 <= rank <= places for rank in ranks) / len(ranks)
