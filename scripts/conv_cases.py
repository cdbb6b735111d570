"""Recorded convolutions for the calibrations: cases of all sets and the way each was computed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu.conv_labels import recorded_label
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
TIMED = ("kernels", "operators", "structured", "conv", "conv_choice", "conv_types")
SETS = (*TIMED, "names", "choice")
LAUNCHES = ("conv_launches",)
ASIDE = ("holdout", "conv_holdout")
"""Judges looked at while the laws were made."""
JUDGES = (*ASIDE, "judge", "conv_judge")
SIXTEEN_BIT = ("fp16", "bf16")
OWN = frozenset({"check", "set", "kernels"})


@cache
def load(name: str) -> tuple[dict[str, Any], ...]:
    """Return the convolutions of a set with their kernels, each with its half as ``check``."""
    data = json.loads((MEASURED / f"h200_{name}.json").read_text())
    found = []
    for row in data["cases"]:
        case = expand(row, data["meta"])
        if case.get("op") != "conv2d" or "error" in case or case.get("fill", "random") != "random":
            continue
        found.append({**case, "check": is_check(case), "set": name})
    return tuple(found)


def expand(row: Any, meta: dict[str, Any]) -> dict[str, Any]:
    """Return a case of a set that writes one row of ``meta.fields`` a case, as others have it."""
    if isinstance(row, dict):
        return row
    case = {f: v for f, v in zip(meta["fields"], row, strict=True) if v is not None}
    case |= {"op": "conv2d", "dtype": case.get("dtype", meta.get("dtype"))}
    names = meta["names"]
    if "launch" in case:
        form = dict(zip(meta["form"], meta["forms"][case.pop("form")], strict=True))
        case |= {f: v for f, v in form.items() if v is not None}
        grid = case.pop("grid", None)
        launched = meta["launches"][case.pop("launch")]
        entries = [{"name": names[i], "grid": grid} for i, count in launched for _ in range(count)]
    else:
        entries = [
            {"name": names[i], "dur_us": us, "grid": grid}
            for i, us, grid, *times in case["kernels"] for _ in range(times[0] if times else 1)
        ]  # fmt: skip
    usual = {"dilation": 1, "layout": "nhwc"}
    kept = {f: v for f, v in case.items() if usual.get(f) != v}
    return {**kept, "kernels": entries}


def spec_of(case: dict[str, Any]) -> Conv2d:
    """Return the shape of a case."""
    spec = spec_from_case({f: v for f, v in case.items() if f not in OWN})
    assert isinstance(spec, Conv2d)
    return spec


@cache
def judged() -> frozenset[Conv2d]:
    """Return the shapes that judge, which no other set may show to a fit."""
    return frozenset(spec_of(case) for name in JUDGES for case in load(name))


def cases(sets: Sequence[str] = SETS) -> Iterator[tuple[dict[str, Any], Conv2d]]:
    """Yield convolutions and their shapes; those that a judge holds from the judges alone."""
    for name in sets:
        for case in load(name):
            spec = spec_of(case)
            if name in JUDGES or spec not in judged():
                yield case, spec


def label(case: dict[str, Any], spec: Conv2d) -> str:
    """Return the label that the choice learns for a case; "" where it is none of ours."""
    return recorded_label(spec, case["kernels"])
