"""Predicting every case of a measured kernel dataset, and how far off each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from archsim.errors import CheckError, ConfigError, MissingConstantError, UnsupportedOperatorError
from archsim.graph.ops import OpSpec
from archsim.metrics import TERMS, OperatorResult
from archsim.validate.cases import CLASSES, LARGEST, Case, Dataset, positive_number, spec_from_case
from archsim.validate.kernel_choice import Choice, ChoiceSummary, Choose, summarise_choice
from archsim.validate.roofline import Roofline
from archsim.validate.split import is_check, shape
from archsim.validate.stats import Stats, error_percent, stats
from archsim.validate.sweep_cases import left_out, own_us

WORST = 10
"""How many of the worst cases are shown with both breakdowns."""

FAR = 2.0
"""A prediction off by more than this factor is counted on its own."""

CACHES = ("cold", "warm")
"""What lies in L2 when a case starts: nothing, or what its last run left there."""

UNPRICED = (ConfigError, MissingConstantError, UnsupportedOperatorError)
"""What makes a case ``failed``. A violated self-check is not among them: it stops everything."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case: what was measured, what was predicted, and on which side of the split it is.

    ``repeat`` is half the spread of the repeated measurement in per cent of its median.
    """

    index: int
    op: str
    shape: dict[str, Any]
    check: bool
    measured_us: float
    predicted: OperatorResult
    baseline_us: float | None
    repeat: float | None
    measured_kernels: tuple[dict[str, Any], ...]
    choice: Choice | None = None

    @property
    def pair(self) -> tuple[float, float]:
        """Measured and predicted microseconds."""
        return self.measured_us, self.predicted.us

    @property
    def error(self) -> float:
        """Absolute error in per cent."""
        return error_percent(*self.pair)

    @property
    def size(self) -> float:
        """The work of the case: operations and bytes."""
        return float(self.predicted.flops + self.predicted.bytes)

    @property
    def factor(self) -> float:
        """The larger of the two times over the smaller."""
        return max(self.pair) / min(self.pair)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: the shape, both times and both lists of kernels."""
        answer = self.predicted
        return {
            **self.shape,
            "index": self.index,
            "check": self.check,
            "measured_us": self.measured_us,
            "predicted_us": answer.us,
            "low_us": answer.low_us,
            "high_us": answer.high_us,
            "baseline_us": self.baseline_us,
            "error": self.error,
            "repeat": self.repeat,
            "terms_us": dict(zip(TERMS, answer.terms_us, strict=True)),
            "kernels": [{"name": k.name, "us": k.us, "config": k.config} for k in answer.kernels],
            "measured_kernels": list(self.measured_kernels),
            **(self.choice.to_dict() if self.choice else {}),
        }


@dataclass(frozen=True, slots=True)
class Failure:
    """A case that the machine could not price, with its one-sentence reason."""

    index: int
    op: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"index": self.index, "op": self.op, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of a set of cases: ours, the baseline's on the same cases, the repeat error.

    ``far`` counts the predictions that are off by more than ``FAR``.
    """

    ours: Stats
    baseline: Stats
    repeat: float | None
    far: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: ours at the top level."""
        return {
            **self.ours.to_dict(),
            "repeat": self.repeat,
            "far": self.far,
            "baseline": self.baseline.to_dict(),
        }


def summarise(cases: Iterable[CaseResult]) -> Summary:
    """Return the statistics of ``cases``."""
    cases = list(cases)
    repeats = [c.repeat for c in cases if c.repeat is not None]
    return Summary(
        ours=stats(c.pair for c in cases),
        baseline=stats((c.measured_us, c.baseline_us) for c in cases if c.baseline_us is not None),
        repeat=math.fsum(repeats) / len(repeats) if repeats else None,
        far=sum(c.factor > FAR for c in cases),
    )


@dataclass(frozen=True, slots=True)
class Validation:
    """Every case of a dataset, predicted."""

    source: str
    meta: dict[str, Any]
    cases: tuple[CaseResult, ...]
    failed: tuple[Failure, ...] = field(default=())
    left_out: tuple[Failure, ...] = field(default=())
    caches: str = "cold"

    def half(self, check: bool | None) -> tuple[CaseResult, ...]:
        """Return the check half, the fit half, or (``None``) all cases."""
        return tuple(c for c in self.cases if check is None or c.check is check)

    def overall(self, check: bool | None = None) -> Summary:
        """Return the statistics over all operators of one half, or of both."""
        return summarise(self.half(check))

    def by_op(self, check: bool | None = None) -> dict[str, Summary]:
        """Return the statistics by operator class, in the order of ``CLASSES``."""
        cases = self.half(check)
        present = {c.op for c in cases}
        return {op: summarise(c for c in cases if c.op == op) for op in CLASSES if op in present}

    def extremes(self, check: bool | None = None) -> dict[str, Summary]:
        """Return the statistics of the smallest and of the largest tenth of every class."""
        ends: dict[str, list[CaseResult]] = {"smallest tenth": [], "largest tenth": []}
        for op in {c.op: None for c in self.cases}:
            cases = sorted((c for c in self.cases if c.op == op), key=lambda c: c.size)
            tenth = max(len(cases) // 10, 1)
            ends["smallest tenth"] += cases[:tenth]
            ends["largest tenth"] += cases[-tenth:]
        sides = {
            name: [c for c in cases if check is None or c.check is check]
            for name, cases in ends.items()
        }
        return {name: summarise(cases) for name, cases in sides.items() if cases}

    def choices(self, check: bool | None = None) -> dict[str, ChoiceSummary]:
        """Return, by class and ``overall``, what the recorded kernels say about the choice."""
        judged = [(c.op, (*c.pair, c.choice)) for c in self.half(check) if c.choice is not None]
        by_op = {op: [j for o, j in judged if o == op] for op in CLASSES}
        found = {op: summarise_choice(cases) for op, cases in by_op.items() if cases}
        return {**found, "overall": summarise_choice(j for _, j in judged)} if found else {}

    def worst(self, count: int = WORST) -> tuple[CaseResult, ...]:
        """Return the cases whose ratio of the two times is furthest from 1, furthest first."""
        return tuple(sorted(self.cases, key=lambda c: (-c.factor, c.index))[:count])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: all cases at the top level, each half beside it."""
        halves = {
            name: {
                **self.overall(side).to_dict(),
                "by_op": {op: s.to_dict() for op, s in self.by_op(side).items()},
                "extremes": {n: s.to_dict() for n, s in self.extremes(side).items()},
                "choices": {op: s.to_dict() for op, s in self.choices(side).items()},
            }
            for name, side in (("check", True), ("fit", False))
        }
        return {
            "source": self.source,
            "meta": self.meta,
            "caches": self.caches,
            **self.overall().to_dict(),
            "by_op": {op: s.to_dict() for op, s in self.by_op().items()},
            **halves,
            "worst": [c.index for c in self.worst()],
            "failed": [f.to_dict() for f in self.failed],
            "left_out": [f.to_dict() for f in self.left_out],
            "cases": [c.to_dict() for c in self.cases],
        }


Price = Callable[[OpSpec], OperatorResult]


def validate_measured(
    dataset: Dataset,
    price: Price,
    roofline: Roofline | None = None,
    choose: Choose | None = None,
    caches: str = "cold",
) -> Validation:
    """Predict every case of ``dataset`` with ``price`` (a machine's model of one operator).

    ``caches`` (one of ``CACHES``) says which of a case's times is meant: ``us`` or ``us_warm``.

    A case that does not stand for its class is listed in ``left_out``, one that the machine does
    not support in ``failed``, each with its reason; neither takes part in the statistics.
    Malformed data raises ``ConfigError``. ``choose`` also prices the recorded kernels.
    """
    warm = caches == "warm"
    reasons = [left_out(case, dataset.where(i), warm) for i, case in enumerate(dataset.cases)]
    specs = [
        None if reason else _read(case, dataset.where(i), warm)
        for i, (case, reason) in enumerate(zip(dataset.cases, reasons, strict=True))
    ]
    done: list[CaseResult] = []
    failed: list[Failure] = []
    for index, (case, read) in enumerate(zip(dataset.cases, specs, strict=True)):
        if read is None:
            continue
        spec, us = read
        try:
            answer = _priced(price, spec, dataset.where(index))
        except UNPRICED as error:
            failed.append(Failure(index, case["op"], str(error)))
            continue
        bound_us = roofline.us(spec) if roofline else None
        result = _result(index, case, us, answer, bound_us, warm)
        result = replace(result, check=result.check or dataset.judges)
        if choose is not None and isinstance(case.get("kernels"), list):
            listed = [k for k in case["kernels"] if isinstance(k, dict)]
            result = replace(result, choice=choose(spec, listed))
        done.append(result)
    skipped = (
        Failure(i, str(dataset.cases[i]["op"]), r) for i, r in enumerate(reasons) if r is not None
    )
    return Validation(
        dataset.path, dataset.meta, tuple(done), tuple(failed), tuple(skipped), caches
    )


def _read(case: Case, where: str, warm: bool) -> tuple[OpSpec, float]:
    spec, us = spec_from_case(case, where), positive_number(case, "us", where)
    if warm:
        return spec, positive_number(case, "us_warm", where)
    return spec, own_us(case) or us


def _priced(price: Price, spec: OpSpec, where: str) -> OperatorResult:
    try:
        answer = price(spec)
    except CheckError as error:
        raise CheckError(f"{where}: {error}") from error
    if math.isfinite(answer.us) and answer.us > 0:
        return answer
    raise CheckError(
        f"{where}: the predicted time of {spec.kind} must be positive and finite, not {answer.us!r}"
    )


def _result(
    index: int, case: Case, us: float, answer: OperatorResult, baseline: float | None, warm: bool
) -> CaseResult:
    ends = ("us_warm_min", "us_warm_max") if warm else ("us_min", "us_max")
    low, high = (case.get(end) for end in ends)
    spread = (
        50.0 * (high - low) / us
        if isinstance(low, int | float) and isinstance(high, int | float)
        else None
    )
    kernels = case.get("kernels")
    listed = [k for k in kernels if isinstance(k, dict)] if isinstance(kernels, list) else []
    return CaseResult(
        index=index,
        op=case["op"],
        shape=shape(case),
        check=is_check(case),
        measured_us=us,
        predicted=answer,
        baseline_us=baseline,
        repeat=spread,
        measured_kernels=tuple(
            {"name": str(k.get("name", "")), "us": None if warm else _time(k.get("dur_us"))}
            for k in listed
        ),
    )


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LARGEST else None
