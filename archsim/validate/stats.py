"""Error statistics of predictions against measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any


@dataclass(frozen=True, slots=True)
class Stats:
    """Errors of ``n`` pairs. ``mape``, ``median`` and ``max`` are absolute errors in per cent.

    ``bias`` is the geometric mean of predicted over measured; ``correlation`` is Pearson's, of
    the logarithms, ``None`` where fewer than two different values make it undefined. All but
    ``n`` are ``None`` for no pairs.
    """

    n: int
    mape: float | None
    median: float | None
    max: float | None
    bias: float | None
    correlation: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def error_percent(measured: float, predicted: float) -> float:
    """Return the absolute relative error of ``predicted`` in per cent of ``measured``."""
    return 100.0 * abs(predicted - measured) / measured


def stats(pairs: Iterable[tuple[float, float]]) -> Stats:
    """Return the statistics of (measured, predicted) pairs of positive numbers."""
    pairs = list(pairs)
    if not pairs:
        return Stats(0, None, None, None, None, None)
    errors = [error_percent(m, p) for m, p in pairs]
    logs = [(math.log(m), math.log(p)) for m, p in pairs]
    return Stats(
        n=len(pairs),
        mape=fmean(errors),
        median=median(errors),
        max=max(errors),
        bias=math.exp(fmean(p - m for m, p in logs)),
        correlation=_correlation(logs),
    )


def _correlation(pairs: list[tuple[float, float]]) -> float | None:
    mean_x, mean_y = fmean(x for x, _ in pairs), fmean(y for _, y in pairs)
    xx = math.fsum((x - mean_x) ** 2 for x, _ in pairs)
    yy = math.fsum((y - mean_y) ** 2 for _, y in pairs)
    xy = math.fsum((x - mean_x) * (y - mean_y) for x, y in pairs)
    return xy / math.sqrt(xx * yy) if xx > 0 and yy > 0 else None
