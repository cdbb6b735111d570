"""Kernels in a steady loop: time with launch gaps, energy and the clock the power limit leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archsim.errors import CheckError
from archsim.validate.cases import Case, Dataset, positive_number, spec_from_case
from archsim.validate.measured import UNPRICED, Failure
from archsim.validate.split import shape
from archsim.validate.stats import Stats, stats
from archsim.validate.sweep_cases import UNSUPPORTED

QUANTITIES = ("us", "joules", "sm_mhz")
"""What is measured and predicted of each case: time, energy per run, steady SM clock."""

Triple = tuple[float, float, float]
PredictSustained = Callable[[Case], Triple]
"""Answers a case with the values of ``QUANTITIES``."""


@dataclass(frozen=True, slots=True)
class SustainedResult:
    """One case; ``measured`` and ``predicted`` hold the values of ``QUANTITIES``."""

    index: int
    op: str
    shape: dict[str, Any]
    measured: Triple
    predicted: Triple

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        data: dict[str, Any] = {**self.shape, "index": self.index}
        for side in ("measured", "predicted"):
            for name, value in zip(QUANTITIES, getattr(self, side), strict=True):
                data[f"{side}_{name}"] = value
        return data


@dataclass(frozen=True, slots=True)
class SustainedValidation:
    """Every case of a sustained dataset, predicted."""

    source: str
    meta: dict[str, Any]
    cases: tuple[SustainedResult, ...]
    failed: tuple[Failure, ...]

    def stats(self, quantity: str) -> Stats:
        """Return the errors of ``quantity``, one of ``QUANTITIES``."""
        i = QUANTITIES.index(quantity)
        return stats((c.measured[i], c.predicted[i]) for c in self.cases)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; the top level counts time, each quantity beside it."""
        return {
            "source": self.source,
            "meta": self.meta,
            **self.stats("us").to_dict(),
            "by_quantity": {q: self.stats(q).to_dict() for q in QUANTITIES},
            "failed": [f.to_dict() for f in self.failed],
            "cases": [c.to_dict() for c in self.cases],
        }


def validate_sustained(dataset: Dataset, predict: PredictSustained) -> SustainedValidation:
    """Predict every case of ``dataset``; one that cannot be priced is listed in ``failed``."""
    measured = [_measured(case, dataset.where(i)) for i, case in enumerate(dataset.cases)]
    done: list[SustainedResult] = []
    failed: list[Failure] = []
    for index, (case, triple) in enumerate(zip(dataset.cases, measured, strict=True)):
        if triple is None:
            failed.append(Failure(index, case["op"], UNSUPPORTED[case["op"]]))
            continue
        try:
            us, joules, mhz = predict(case)
        except CheckError as error:
            raise CheckError(f"{dataset.where(index)}: {error}") from error
        except UNPRICED as error:
            failed.append(Failure(index, str(case["op"]), str(error)))
            continue
        answer = (us, joules, mhz)
        done.append(SustainedResult(index, case["op"], shape(case), triple, answer))
    return SustainedValidation(dataset.path, dataset.meta, tuple(done), tuple(failed))


def _measured(case: Case, where: str) -> Triple | None:
    """Return what was measured; ``None`` for a class that no operator stands for."""
    if case.get("op") in UNSUPPORTED:
        return None
    spec_from_case(case, where)
    us, joules, mhz = (positive_number(case, q, where) for q in QUANTITIES)
    return us, joules, mhz
