"""The measured sets of docs/accuracy.md, predicted once each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from archsim.app.validating import validated
from archsim.config import load_device
from archsim.models.gpu import GpuModel
from archsim.validate import Validation, load_dataset
from archsim.validate.measured import CaseResult
from archsim.validate.split import shape
from workloads import measured

SETS = ("h200_operators", "h200_structured")


@cache
def model() -> GpuModel:
    return GpuModel(load_device("h200"))


@cache
def validation(name: str, recorded: bool = False, caches: str = "cold") -> Validation:
    found: Validation = validated(model(), load_dataset(measured.path(name)), recorded, caches)
    return found


def check_cases() -> list[CaseResult]:
    """The check half of the fitted sets."""
    return [c for name in SETS for c in validation(name).half(True)]


def holdout_cases() -> list[CaseResult]:
    return list(validation("h200_holdout").cases)


@cache
def judge() -> Validation:
    """The last judge, without shapes that another set holds too."""
    sets = ("h200_kernels", *SETS, "h200_holdout", "h200_names", "h200_choice")
    seen = {_key(c) for name in sets for c in load_dataset(measured.path(name)).cases}
    data = load_dataset(measured.path("h200_judge"))
    cases = tuple(c for c in data.cases if _key(c) not in seen)
    found: Validation = validated(model(), replace(data, cases=cases), True, "cold")
    return found


def _key(case: Mapping[str, object]) -> str:
    return json.dumps(shape({k: v for k, v in case.items() if k != "hkv"}), sort_keys=True)
