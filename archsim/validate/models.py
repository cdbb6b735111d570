"""Whole models: summed kernel time and CUDA-graph time, predicted against measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archsim.errors import CheckError
from archsim.validate.cases import Case, Dataset, dimension, dtype, positive_number, text
from archsim.validate.families import by_family
from archsim.validate.measured import UNPRICED, Failure
from archsim.validate.split import shape
from archsim.validate.stats import Stats, error_percent, stats

KernelList = tuple[tuple[str, int, float], ...]
"""Kernels of one model pass: name, number of launches, summed microseconds."""

PredictModel = Callable[[Case], tuple[float, float, list[tuple[str, int, float]]]]
"""Answers a case with summed kernel time (µs), CUDA-graph time (µs) and the kernels behind it."""


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model at one batch size and data type. Times in microseconds."""

    index: int
    model: str
    batch: int
    dtype: str
    choices: dict[str, Any]
    measured_us: float
    predicted_us: float
    measured_graph_us: float
    predicted_graph_us: float
    kernels: KernelList
    measured_kernels: KernelList
    measured_launches: int | None
    complete: bool = False

    @property
    def families(self) -> dict[str, tuple[int, float, int | None, float | None]]:
        """Launches and µs by kernel family, ours and the recorded ones.

        The recorded ones are ``None`` where the dataset lists only the heaviest kernels.
        """
        ours, theirs = by_family(self.kernels), by_family(self.measured_kernels)
        names = dict.fromkeys([*theirs, *ours]) if self.complete else ours
        return {
            name: (
                *ours.get(name, (0, 0.0)),
                *(theirs.get(name, (0, 0.0)) if self.complete else (None, None)),
            )
            for name in names
        }

    @property
    def launches(self) -> int:
        """Kernels that the prediction launches."""
        return sum(count for _, count, _ in self.kernels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            **self.choices,
            "index": self.index,
            "model": self.model,
            "batch": self.batch,
            "dtype": self.dtype,
            "measured_us": self.measured_us,
            "predicted_us": self.predicted_us,
            "error": error_percent(self.measured_us, self.predicted_us),
            "measured_graph_us": self.measured_graph_us,
            "predicted_graph_us": self.predicted_graph_us,
            "graph_error": error_percent(self.measured_graph_us, self.predicted_graph_us),
            "launches": self.launches,
            "measured_launches": self.measured_launches,
            "families": {k: list(v) for k, v in self.families.items()},
            "kernels": [list(k) for k in self.kernels],
            "measured_kernels": [list(k) for k in self.measured_kernels],
        }


@dataclass(frozen=True, slots=True)
class ModelValidation:
    """Every model of a dataset, predicted."""

    source: str
    meta: dict[str, Any]
    cases: tuple[ModelResult, ...]
    failed: tuple[Failure, ...]

    @property
    def kernel_sum(self) -> Stats:
        """Errors of the summed kernel time."""
        return stats((c.measured_us, c.predicted_us) for c in self.cases)

    @property
    def graph(self) -> Stats:
        """Errors of the CUDA-graph time."""
        return stats((c.measured_graph_us, c.predicted_graph_us) for c in self.cases)

    @property
    def families(self) -> dict[str, tuple[int, float, int, float]]:
        """Launches and µs by kernel family over the models with a complete recorded list."""
        total: dict[str, tuple[int, float, int, float]] = {}
        for case in self.cases:
            for name, (n, us, m, measured) in case.families.items():
                if m is not None and measured is not None:
                    a, b, c, d = total.get(name, (0, 0.0, 0, 0.0))
                    total[name] = (a + n, b + us, c + m, d + measured)
        return dict(sorted(total.items(), key=lambda item: (-item[1][3], item[0])))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; the top level counts the summed kernel time."""
        return {
            "source": self.source,
            "meta": self.meta,
            **self.kernel_sum.to_dict(),
            "graph": self.graph.to_dict(),
            "families": {k: list(v) for k, v in self.families.items()},
            "failed": [f.to_dict() for f in self.failed],
            "cases": [c.to_dict() for c in self.cases],
        }


def validate_models(dataset: Dataset, predict: PredictModel) -> ModelValidation:
    """Predict every model of ``dataset``; a model that cannot be built is listed in ``failed``."""
    checked = [_check(case, dataset.where(i)) for i, case in enumerate(dataset.cases)]
    done: list[ModelResult] = []
    failed: list[Failure] = []
    for index, (case, (kernel_sum, graph)) in enumerate(zip(dataset.cases, checked, strict=True)):
        try:
            sum_us, graph_us, kernels = predict(case)
        except CheckError as error:
            raise CheckError(f"{dataset.where(index)}: {error}") from error
        except UNPRICED as error:
            failed.append(Failure(index, str(case["model"]), str(error)))
            continue
        launches = case.get("kernels")
        recorded = _sequence(case)
        done.append(
            ModelResult(
                index=index,
                model=case["model"],
                batch=case["batch"],
                dtype=case["dtype"],
                choices=shape(case),
                measured_us=kernel_sum,
                predicted_us=sum_us,
                measured_graph_us=graph,
                predicted_graph_us=graph_us,
                kernels=tuple(sorted(kernels, key=lambda k: (-k[2], k[0]))),
                measured_kernels=recorded or _kernels(case.get("top")),
                measured_launches=launches if type(launches) is int else None,
                complete=bool(recorded),
            )
        )
    return ModelValidation(dataset.path, dataset.meta, tuple(done), tuple(failed))


def _check(case: Case, where: str) -> tuple[float, float]:
    text(case, "model", where)
    dimension(case, "batch", where)
    dtype(case, where)
    return (
        positive_number(case, "kernel_sum_us", where),
        positive_number(case, "graph_us", where),
    )


def _sequence(case: Case) -> KernelList:
    """Return the recorded kernels by name from ``sequence`` rows [index into ``names``, µs, …]."""
    names, rows = case.get("names"), case.get("sequence")
    if not isinstance(names, list) or not isinstance(rows, list):
        return ()
    found: dict[str, tuple[int, float]] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) < 2 or type(row[0]) is not int:
            return ()
        if not 0 <= row[0] < len(names) or not isinstance(row[1], int | float):
            return ()
        count, us = found.get(str(names[row[0]]), (0, 0.0))
        found[str(names[row[0]])] = (count + 1, us + row[1])
    listed = [(name, count, us) for name, (count, us) in found.items()]
    return tuple(sorted(listed, key=lambda k: (-k[2], k[0])))


def _kernels(top: object) -> KernelList:
    """Return the recorded ``[name, count, us]`` rows that are well formed."""
    rows = top if isinstance(top, list) else []
    return tuple(
        (str(row[0]), row[1], float(row[2]))
        for row in rows
        if isinstance(row, list)
        and len(row) == 3
        and type(row[1]) is int
        and isinstance(row[2], int | float)
    )
