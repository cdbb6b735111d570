"""Golden vectors recorded on a real GPU, and which of them an engine can be compared with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np

from archsim.config.matrix import MatrixParams
from archsim.functional import MatrixEngine
from cosim.errors import CosimError
from cosim.operands import draw
from workloads.kernels.golden import CASES, GoldenCase, input_digest

GOLDEN = files("cosim").joinpath("golden")
"""Where the vectors lie."""


@dataclass(frozen=True)
class GoldenResult:
    """One recorded product: where it ran, and how many elements the reference has otherwise.

    ``kernel_us`` is the kernel's median time there, None where it was not measured.
    """

    case: GoldenCase
    device: str
    mismatches: int
    kernel_us: float | None


def matching(params: MatrixParams) -> list[GoldenCase]:
    """Return the recorded products of the engine's arithmetic."""
    wanted = (params.format, params.rounding, params.activation)
    same = [c for c in CASES if (c.format, c.rounding, c.activation) == wanted]
    return same if params.bias and params.requantise else []


def recorded(case: GoldenCase) -> tuple[dict[str, Any], np.ndarray[Any, Any]]:
    """Return provenance and result of ``case``; ``CosimError`` where a digest is wrong."""
    meta: dict[str, Any] = json.loads(GOLDEN.joinpath(f"{case.name}.json").read_text())["_meta"]
    with np.load(BytesIO(GOLDEN.joinpath(f"{case.name}.npz").read_bytes())) as file:
        out = file["out"]
    if hashlib.sha256(out.astype("<i8").tobytes()).hexdigest() != meta["output_sha256"]:
        raise CosimError(f"golden vector {case.name} must have the results that were recorded")
    if input_digest(case.product()) != meta["input_sha256"]:
        raise CosimError(f"golden vector {case.name} must have the inputs that were recorded")
    return meta, out


def compare(params: MatrixParams) -> list[GoldenResult]:
    """Compare the reference of ``params`` with every recorded product of its arithmetic."""
    results = []
    for case in matching(params):
        meta, out = recorded(case)
        operands = draw(params, case.m, case.k, case.n, case.seed)
        found = MatrixEngine(params)(operands.a, operands.b, operands.columns)
        wrong = int((found != out).sum())
        results.append(GoldenResult(case, meta["device"], wrong, meta["kernel_us"]))
    return results
