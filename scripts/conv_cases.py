"""Recorded convolutions for the calibrations: cases of all sets and the way each was computed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from archsim.graph.ops import Conv2d
from archsim.mapping.gpu import conv_kernels as k
from archsim.mapping.gpu.conv_kernels import ConvKernel
from archsim.models.gpu.conv_lower import pointwise
from archsim.validate.cases import spec_from_case
from archsim.validate.split import is_check

MEASURED = Path(__file__).parents[1] / "workloads" / "measured"
SETS = ("kernels", "operators", "structured", "names", "choice", "conv", "conv_choice")
JUDGES = ("holdout", "conv_holdout")
SIXTEEN_BIT = ("fp16", "bf16")


@cache
def load(name: str) -> tuple[dict[str, Any], ...]:
    """Return the convolutions of a set with their kernels, each with its half as ``check``."""
    data = json.loads((MEASURED / f"h200_{name}.json").read_text())
    cases = [expand(row, data["meta"]) for row in data["cases"]]
    found = []
    for case in cases:
        if case.get("op") != "conv2d" or "us" not in case or case.get("fill", "random") != "random":
            continue
        found.append({**case, "check": is_check(case), "set": name})
    return tuple(found)


def expand(row: Any, meta: dict[str, Any]) -> dict[str, Any]:
    """Return a case whose set writes one row of ``meta.fields`` a case."""
    if isinstance(row, dict):
        return row
    case = dict(zip(meta["fields"], row, strict=True))
    names = meta["names"]
    kernels = [{"name": names[i], "dur_us": us, "grid": grid} for i, us, grid in case["kernels"]]
    return {"op": "conv2d", "dtype": meta["dtype"], **case, "kernels": kernels}


def cases(sets: Sequence[str] = SETS) -> Iterator[tuple[dict[str, Any], Conv2d]]:
    """Yield 16-bit channels-last convolutions and their shapes."""
    for name in sets:
        for case in load(name):
            plain = case["dtype"] in SIXTEEN_BIT and case.get("layout", "nhwc") == "nhwc"
            if plain and case.get("pad", case["r"] // 2) == case["r"] // 2:
                spec = spec_from_case({f: v for f, v in case.items() if f not in ("check", "set")})
                yield case, spec


def main_kernel(case: dict[str, Any]) -> dict[str, Any] | None:
    """Return the implicit GEMM among the recorded kernels, the most frequent one of several."""
    found = [e for e in case["kernels"] if e["grid"] and k.parse_name(e["name"], e["grid"])]
    if not found:
        return None
    name = Counter(e["name"] for e in found).most_common(1)[0][0]
    return next(e for e in found if e["name"] == name)


def recorded(case: dict[str, Any], spec: Conv2d) -> tuple[str, ConvKernel | None]:
    """Return how a case was computed and its implicit GEMM; the path is "" where none is known.

    Paths: ``implicit``, ``padded``, ``sgemm``; with groups ``slice``, ``pack``, ``each``.
    """
    names = [entry["name"] for entry in case["kernels"]]
    if any("nvjet" in name for name in names) or (spec.groups == 1 and pointwise(spec)):
        return "", None
    padded = any("AddPadding" in name for name in names)
    if padded and spec.groups > 1:
        return "", None
    if any("convolve_sgemm" in name or "convolve_common" in name for name in names):
        return "sgemm" if spec.groups == 1 else "each", None
    kernel = main_kernel(case)
    if kernel is None:
        return "", None
    parsed = k.parse_name(kernel["name"], kernel["grid"])
    assert parsed is not None
    segment = any("init_device_workspace" in name for name in names)
    cluster = (1, 1)
    if parsed.family == k.XMMA:
        options = k.clusters(parsed.tile)
        if not segment and spec.groups == 1:
            pixels = spec.n * spec.p * spec.q
            fits = k.consistent(parsed.tile, pixels, spec.cout, kernel["grid"])
        else:
            fits = [c for c in options if c[0] == kernel["grid"][1]]
        if not fits:
            return "", None
        cluster = fits[0]
    found = ConvKernel(
        parsed.family, parsed.tile, cluster, segment, parsed.parts, parsed.groups
    )  # fmt: skip
    if spec.groups == 1:
        return "padded" if padded else "implicit", found
    return ("slice" if any("SliceC" in name for name in names) else "pack"), found


DEPTHWISE = {"specialized": "specialized", "depthwise": "tiled", "conv2d_c1_k1": "generic"}


def label(case: dict[str, Any], spec: Conv2d) -> str:
    """Return the label that the choice learns for a case; "" where it is none of ours."""
    if 1 < spec.groups == spec.cin == spec.cout:
        name = str(case["kernels"][-1]["name"])
        return next((kind for part, kind in DEPTHWISE.items() if part in name), "")
    path, kernel = recorded(case, spec)
    if kernel is None:
        return path
    return kernel.label() if path == "implicit" else f"{path} {kernel.label()}"
