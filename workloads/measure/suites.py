"""The suites by name: which cases each measures and how."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from workloads.measure import (
    conv_launches,
    conv_suite,
    cublaslt,
    heuristic,
    kernel_suites,
    micro,
    models,
    names_suite,
    neural,
    random_suite,
    rows_suite,
    structured,
    sustained,
)
from workloads.measure.counts import Case

RESULTS = (
    "us", "us_min", "us_max", "span_us", "kernels", "us_warm", "us_warm_min", "us_warm_max",
    "span_us_warm", "sm_mhz", "joules", "watts", "power_samples", "error",
)  # fmt: skip


def reference() -> list[Case]:
    """The cases of the shipped dataset, to compare two devices or two days."""
    text = (resources.files("workloads.measured") / "h200_kernels.json").read_text()
    cases: list[dict[str, Any]] = json.loads(text)["cases"]
    return [{k: v for k, v in case.items() if k not in RESULTS} for case in cases]


OPERATOR_SUITES: dict[str, Callable[[], Sequence[Case]]] = {
    "reference": reference,
    "operators": random_suite.suite,
    "structured": structured.suite,
    "choice": random_suite.choice_suite,
    "holdout": random_suite.holdout_suite,
    "names": names_suite.suite,
    "judge": random_suite.judge_suite,
    "blind": random_suite.blind_suite,
    "linear": names_suite.linear_suite,
    "conv": conv_suite.suite,
    "conv_holdout": conv_suite.holdout_suite,
    "conv_choice": conv_suite.choice_suite,
    "conv_types": conv_launches.types_suite,
    "conv_judge": conv_launches.judge_suite,
    "rows": rows_suite.suite,
}
IN_ORDER = ("reference", "conv_choice", "conv_types")
"""Suites whose order stands: that of the set compared with, and those a deadline may cut."""
REPEATS = {"choice": 4, "names": 3, "conv": 3, "conv_choice": 1, "conv_types": 3}

OTHER_SUITES: dict[str, Callable[..., None]] = {
    "models": models.suite,
    "models_tuned": models.suite,
    "sustained": sustained.suite,
    "micro": micro.suite,
    "cublaslt": cublaslt.suite,
    "rankings": cublaslt.rankings,
    "neural": neural.suite,
    "models_judge": models.suite,
    "models_blind": models.suite,
    "models_repeat": models.suite,
    "cublaslt_batched": cublaslt.suite,
    "rankings_batched": cublaslt.rankings,
    "heuristic": heuristic.suite,
    "kernels": kernel_suites.kernels,
    "sm_micro": kernel_suites.sm_micro,
    "kernels_judge": kernel_suites.kernels,
    "kernels_fresh": kernel_suites.kernels,
    "hopper": kernel_suites.kernels,
    "sm_micro_judge": kernel_suites.sm_micro,
    "sm_micro_tma": kernel_suites.sm_micro,
    "sm_micro_atomics": kernel_suites.sm_micro,
    "sm_micro_laws": kernel_suites.sm_micro,
    "sm_micro_misses": kernel_suites.sm_micro,
    "sm_micro_turns": kernel_suites.sm_micro,
    "sm_micro_ports": kernel_suites.sm_micro,
    "sm_micro_judge2": kernel_suites.sm_micro,
    "sm_micro_paths": kernel_suites.sm_micro,
    "sm_micro_units": kernel_suites.sm_micro,
    "sm_micro_streams": kernel_suites.sm_micro,
    "conv_engines": conv_suite.engines,
    "conv_launches": conv_launches.launches,
}


def names() -> tuple[str, ...]:
    """Every suite's name."""
    return (*OPERATOR_SUITES, *OTHER_SUITES)
