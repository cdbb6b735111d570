"""Predicting every case of a measured kernel dataset, and how far off each is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archsim.errors import CheckError, ConfigError, MissingConstantError, UnsupportedOperatorError
from archsim.graph.ops import OpSpec
from archsim.metrics import TERMS, OperatorResult
from archsim.validate.cases import CLASSES, LARGEST, Case, Dataset, positive_number, spec_from_case
from archsim.validate.split import is_check, shape
from archsim.validate.stats import Stats, error_percent, stats

WORST = 10
"""How many of the worst cases are shown with both breakdowns."""

UNPRICED = (ConfigError, MissingConstantError, UnsupportedOperatorError)
"""What makes a case ``failed``. A violated self-check is not among them: it stops everything."""


@dataclass(frozen=True, slots=True)
class Roofline:
    """The baseline every model has to beat: the larger bound plus a fixed launch time.

    ``peaks`` are dense operations per second by data type, ``bandwidth`` bytes per second of
    device memory, ``sparse_factor`` the gain of 2:4 sparsity.
    """

    peaks: Mapping[str, float]
    bandwidth: float
    sparse_factor: float = 2.0
    launch_us: float = 2.5

    def us(self, spec: OpSpec) -> float | None:
        """Return the baseline's time; ``None`` where the device has no peak for the dtype."""
        peak = self.peaks.get(str(getattr(spec, "dtype", "")), 0.0)
        peak *= self.sparse_factor if spec.kind == "gemm_sparse24" else 1.0
        if spec.flops and peak <= 0:
            return None
        compute = spec.flops / peak if spec.flops else 0.0
        return max(compute, spec.bytes / self.bandwidth) * 1e6 + self.launch_us


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

    @property
    def pair(self) -> tuple[float, float]:
        """Measured and predicted microseconds."""
        return self.measured_us, self.predicted.us

    @property
    def error(self) -> float:
        """Absolute error in per cent."""
        return error_percent(*self.pair)

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
    """Statistics of a set of cases: ours, the baseline's on the same cases, the repeat error."""

    ours: Stats
    baseline: Stats
    repeat: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: ours at the top level."""
        return {
            **self.ours.to_dict(),
            "repeat": self.repeat,
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
    )


@dataclass(frozen=True, slots=True)
class Validation:
    """Every case of a dataset, predicted."""

    source: str
    meta: dict[str, Any]
    cases: tuple[CaseResult, ...]
    failed: tuple[Failure, ...] = field(default=())

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

    def worst(self, count: int = WORST) -> tuple[CaseResult, ...]:
        """Return the cases whose ratio of the two times is furthest from 1, furthest first."""
        return tuple(sorted(self.cases, key=lambda c: (-c.factor, c.index))[:count])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: all cases at the top level, each half beside it."""
        halves = {
            name: {
                **self.overall(side).to_dict(),
                "by_op": {op: s.to_dict() for op, s in self.by_op(side).items()},
            }
            for name, side in (("check", True), ("fit", False))
        }
        return {
            "source": self.source,
            "meta": self.meta,
            **self.overall().to_dict(),
            "by_op": {op: s.to_dict() for op, s in self.by_op().items()},
            **halves,
            "worst": [c.index for c in self.worst()],
            "failed": [f.to_dict() for f in self.failed],
            "cases": [c.to_dict() for c in self.cases],
        }


Price = Callable[[OpSpec], OperatorResult]


def validate_measured(
    dataset: Dataset, price: Price, roofline: Roofline | None = None
) -> Validation:
    """Predict every case of ``dataset`` with ``price`` (a machine's model of one operator).

    A case that the machine does not support is listed in ``failed`` with its reason and takes no
    part in the statistics; malformed data raises ``ConfigError``.
    """
    specs = [
        (
            spec_from_case(case, dataset.where(index)),
            positive_number(case, "us", dataset.where(index)),
        )
        for index, case in enumerate(dataset.cases)
    ]
    done: list[CaseResult] = []
    failed: list[Failure] = []
    for index, (case, (spec, us)) in enumerate(zip(dataset.cases, specs, strict=True)):
        try:
            answer = price(spec)
        except CheckError as error:
            raise CheckError(f"{dataset.where(index)}: {error}") from error
        except UNPRICED as error:
            failed.append(Failure(index, case["op"], str(error)))
            continue
        if not (math.isfinite(answer.us) and answer.us > 0):
            raise CheckError(
                f"{dataset.where(index)}: the predicted time of {case['op']} must be positive and "
                f"finite, not {answer.us!r}"
            )
        baseline = roofline.us(spec) if roofline else None
        done.append(_result(index, case, us, answer, baseline))
    return Validation(dataset.path, dataset.meta, tuple(done), tuple(failed))


def _result(
    index: int, case: Case, us: float, answer: OperatorResult, baseline: float | None
) -> CaseResult:
    low, high = case.get("us_min"), case.get("us_max")
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
            {"name": str(k.get("name", "")), "us": _time(k.get("dur_us"))} for k in listed
        ),
    )


def _time(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= LARGEST else None
