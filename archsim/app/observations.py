"""From measured datasets and published figures to what ``archsim.calibrate`` fits to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from archsim.calibrate import Observation
from archsim.errors import ConfigError
from archsim.graph import OP_KINDS
from archsim.validate.cases import Dataset, positive_number, spec_from_case
from archsim.validate.published_file import RowSpec, load_published
from archsim.validate.split import is_check
from archsim.validate.sweep_cases import left_out, own_us


def from_dataset(dataset: Dataset) -> tuple[Observation, ...]:
    """Return the observations of a measured dataset; half of its shapes are for checking."""
    if dataset.judges:
        raise ConfigError(f"{dataset.path}: meta.purpose must be another than 'judge' for a fit")
    found: list[Observation] = []
    for index, case in enumerate(dataset.cases):
        where = dataset.where(index)
        if "error" in case or left_out(case, where) is not None:
            continue
        spec, us = spec_from_case(case, where), positive_number(case, "us", where)
        name, check = str(case["op"]), is_check(case)
        own = own_us(case)
        found.append(Observation(name, spec, own or us, False, check))
        if own is None and "us_warm" in case:
            warm = positive_number(case, "us_warm", where)
            found.append(Observation(name, spec, warm, True, check))
    if not found:
        raise ConfigError(f"{dataset.path}: cases must hold at least one that can be fitted")
    return tuple(found)


def from_published(path: Path, device: str) -> tuple[Observation, ...]:
    """Return the rows of a file of published figures whose single operator runs on ``device``."""
    rows = load_published(path)
    found = [o for row in rows if (o := _observation(row, device)) is not None]
    if not found:
        known = sorted({str(_run(row).get("device")) for row in rows})
        raise ConfigError(
            f"{path}: rows must hold one of an operator's rate on {device!r}, not only of "
            f"{', '.join(known)}"
        )
    return tuple(found)


def _run(row: RowSpec) -> Mapping[str, Any]:
    return row.how.run if isinstance(row.how.run, Mapping) else {}


def _observation(row: RowSpec, device: str) -> Observation | None:
    """Return the time behind a row's rate, where it is verified and no ratio."""
    run, how = _run(row), row.how
    workload = run.get("workload", {})
    if run.get("device") != device or how.per is not None or not row.counted:
        return None
    kind = OP_KINDS.get(workload.get("op", ""))
    if kind is None:
        return None
    known = {f.name for f in fields(kind)}
    spec = kind(**{k: v for k, v in workload.items() if k in known})
    value = row.value / how.scale
    amount = {
        "op:*.bytes_per_s": spec.bytes, "op:*.flops_per_s": spec.flops,
    }.get(how.field)  # fmt: skip
    if amount is not None:
        return Observation(row.id, spec, 1e6 * amount / value)
    return Observation(row.id, spec, value) if how.field == "op:*.us" else None
