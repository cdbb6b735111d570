"""The tables of the H100, whose device file was derived and never fitted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from archsim.app.measured_models import predictor
from archsim.app.validating import host_times, steady_predictor, validated
from archsim.config import load_device
from archsim.models.gpu import GpuModel
from archsim.validate import Validation, load_dataset, validate_models, validate_sustained
from archsim.validate.goals import OVERALL, ROWS
from archsim.validate.measured import summarise
from archsim.validate.stats import Stats
from workloads import measured

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]


@cache
def device_model() -> GpuModel:
    return GpuModel(load_device("h100_sxm"))


@cache
def blind() -> Validation:
    data = load_dataset(measured.path("h100_blind"))
    found: Validation = validated(device_model(), data, False, "cold")
    return found


def section(table: Table, digit: Callable[[float | None], str]) -> str:
    """Operators by class, whole models, steady states."""

    def errors(s: Stats) -> list[str]:
        return [digit(s.mape), digit(s.median), digit(s.max)]

    rows = []
    for row in (*ROWS, OVERALL):
        s = summarise(c for c in blind().cases if row.holds(c))
        if s.ours.n:
            rows.append([row.name, str(s.ours.n), *errors(s.ours), digit(s.repeat),
                         digit(s.baseline.mape)])  # fmt: skip
    head = ("h100_blind", "n", "MAPE", "median", "max", "repeat", "roofline")
    parts = [table(head, rows)]
    rows = []
    for name in ("h100_models_blind", "h100_models_repeat"):
        result = validate_models(load_dataset(measured.path(name)), predictor(device_model()))
        for word, found in (("kernels", result.kernel_sum), ("graph", result.graph)):
            pairs = [
                (c.measured_us, c.predicted_us)
                if word == "kernels"
                else (c.measured_graph_us, c.predicted_graph_us)
                for c in result.cases
            ]
            far = sum(abs(ours / theirs - 1.0) > 0.08 for theirs, ours in pairs)
            rows.append([f"{name}: {word}", str(found.n), *errors(found), str(far)])
    parts.append(table(("models", "n", "MAPE", "median", "max", "beyond 8 %"), rows))
    rows = []
    for name in ("h100_sustained", "h100_sustained_again"):
        data = load_dataset(measured.path(name))
        steady = validate_sustained(data, steady_predictor(device_model(), host_times(data)))
        for quantity, word in (("us", "time"), ("joules", "energy"), ("sm_mhz", "clock")):
            s = steady.stats(quantity)
            rows.append([f"{name}: {word}", str(s.n), *errors(s)])
    parts.append(table(("steady state", "n", "MAPE", "median", "max"), rows))
    return "\n".join(parts)
