"""Published figures: our value beside a paper's, for every machine alike."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archsim.errors import ArchsimError, CheckError, ConfigError
from archsim.validate.published_file import How, RowSpec, Run, load_published

EvaluateRun = Callable[[Run], Mapping[str, Any]]
"""Answers a run with ``PointResult.to_dict()``."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """A figure and ours; ``error`` is the reason where we have none."""

    spec: RowSpec
    ours: float | None
    error: str | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the paper's."""
        return None if self.ours is None else self.ours / self.spec.value

    @property
    def within(self) -> bool:
        """Whether ours is within the tolerance (its edge included), or reaches the figure."""
        if self.ratio is None:
            return False
        off = 1 - self.ratio if self.spec.rule == "least" else abs(self.ratio - 1)
        return off <= self.spec.tolerance + 1e-12

    @property
    def verdict(self) -> str:
        """``ok`` or ``MISS`` where counted; in parentheses what an uncounted row would say.

        ``calibrated`` where a constant was chosen to meet the row, as long as it does.
        """
        if self.spec.counted:
            return "ok" if self.within else "MISS"
        if self.spec.calibrated and self.within:
            return "calibrated"
        return "(no answer)" if self.error else "(ok)" if self.within else "(off)"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        spec = {k: v for k, v in asdict(self.spec).items() if k != "how"}
        return {
            **spec,
            "field": self.spec.how.field,
            "ours": self.ours,
            "ratio": self.ratio,
            "verdict": self.verdict,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class PublishedValidation:
    """Every row of a file, answered."""

    source: str
    rows: tuple[RowResult, ...]

    @property
    def missed(self) -> tuple[RowResult, ...]:
        """Counted rows outside their tolerance or without an answer."""
        return tuple(r for r in self.rows if r.spec.counted and not r.within)

    @property
    def exit_code(self) -> int:
        """1 where a counted row missed, else 0."""
        return 1 if self.missed else 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "source": self.source,
            "n": len(self.rows),
            "counted": sum(r.spec.counted for r in self.rows),
            "missed": [r.spec.id for r in self.missed],
            "rows": [r.to_dict() for r in self.rows],
        }


def validate_published(path: str | Path, evaluate_run: EvaluateRun) -> PublishedValidation:
    """Answer every row of ``path``; equal runs are evaluated once.

    A run that fails leaves its row without an answer; a violated self-check stops everything.
    """
    rows = load_published(path)
    done: dict[str, Mapping[str, Any] | ArchsimError] = {}

    def answer(run: Run) -> Mapping[str, Any]:
        key = str(run) if isinstance(run, Path) else json.dumps(run, sort_keys=True, default=str)
        if key not in done:
            try:
                done[key] = evaluate_run(run)
            except CheckError:
                raise
            except ArchsimError as error:
                done[key] = error
        found = done[key]
        if isinstance(found, ArchsimError):
            raise found
        return found

    results = []
    for row in rows:
        try:
            results.append(RowResult(row, value_of(row.how, answer)))
        except CheckError as error:
            raise CheckError(f"{path}: {row.id}: {error}") from error
        except ArchsimError as error:
            results.append(RowResult(row, None, str(error)))
    return PublishedValidation(str(path), tuple(results))


def value_of(how: How, evaluate_run: EvaluateRun) -> float:
    """Return our value of a row; ``ConfigError`` where the result lacks the field."""
    found = [pick(evaluate_run(run), how.field) for run in how.runs]
    value = how.scale * (max(found) if how.reduce == "max" else sum(found) / len(found))
    if how.per is not None:
        below = value_of(how.per, evaluate_run)
        value = value / below if below else math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{how.field} must give a finite value, not {value!r}")
    return value


def pick(result: Mapping[str, Any], field: str) -> float:
    """Return ``field`` of a result; ``ConfigError`` lists what there is where it is missing."""
    if field.startswith("metrics."):
        metrics = result["metrics"]
        name = field.removeprefix("metrics.")
        if name not in metrics:
            raise ConfigError(f"metrics must have {name!r}, not only {', '.join(sorted(metrics))}")
        return float(metrics[name])
    name, _, quantity = field.removeprefix("op:").rpartition(".")
    operators = result["operators"]
    found = [op for op in operators if name in ("*", op["name"])]
    if len(found) != 1:
        names = ", ".join(op["name"] for op in operators[:8])
        raise ConfigError(f"op:{name} must be one operator of the run ({names}), not {len(found)}")
    return _quantity(found[0], quantity)


def _quantity(op: Mapping[str, Any], name: str) -> float:
    seconds = op["us"] * 1e-6
    amounts = {
        "flops_per_s": op["flops"],
        "bytes_per_s": op["bytes"],
        "hbm_bytes_per_s": sum(k["hbm_bytes"] for k in op["kernels"]),
    }
    if name in amounts:
        return float(amounts[name] / seconds)
    value = op.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        known = [k for k, v in op.items() if isinstance(v, int | float)]
        raise ConfigError(
            f"an operator's quantity must be one of {', '.join([*known, *amounts])}, not {name!r}"
        )
    return float(value)
